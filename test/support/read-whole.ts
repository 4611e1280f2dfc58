// All bytes of a source, and why they ended if that was no ordinary end.

import type { ByteSource } from '../../src/capture/byte-source.ts'
import { joinBytes } from './pcap-writer.ts'

export async function readWhole(source: ByteSource): Promise<{ bytes: Uint8Array; failure: string | null }> {
  const parts: Uint8Array[] = []
  const target = new Uint8Array(1 << 16)
  try {
    for (;;) {
      const count = await source.read(target, 0, target.length)
      if (count === 0) return { bytes: joinBytes(parts), failure: null }
      parts.push(target.slice(0, count))
    }
  } catch (error) {
    return { bytes: joinBytes(parts), failure: (error as Error).message }
  } finally {
    await source.close()
  }
}
