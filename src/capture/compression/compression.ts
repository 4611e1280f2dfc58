// Undoes a capture's compression, which its first bytes tell: gzip, zstd, lz4.

import type { ByteSource } from '../byte-source.ts'
import type { ReadBuffer } from '../read-buffer.ts'
import { GzipSource, type StoredInput } from './gzip.ts'
import { LZ4_MAGIC, Lz4Source } from './lz4.ts'
import { isSkippableMagic } from './skippable.ts'
import { ZSTD_MAGIC, ZstdSource } from './zstd.ts'

export type Compression = 'gzip' | 'zstd' | 'lz4' | ''

const GZIP_MAGIC = 0x8b1f
/** How far skippable frames are looked past. */
const MAX_SKIPPED = 1 << 20

/**
 * What the buffer's bytes are compressed with; '' for nothing known. Skippable frames may stand in front of lz4 and
 * zstd frames alike (pzstd writes them), so these are looked past as far as they are short.
 */
export async function compressionOf(buffer: ReadBuffer): Promise<Compression> {
  for (let at = 0; await buffer.need(at + 4); ) {
    const magic = buffer.view.getUint32(buffer.position + at, true)
    if (magic === ZSTD_MAGIC) return 'zstd'
    if (magic === LZ4_MAGIC) return 'lz4'
    if (at === 0 && (magic & 0xffff) === GZIP_MAGIC) return 'gzip'
    if (!isSkippableMagic(magic) || !(await buffer.need(at + 8))) return ''
    at += 8 + buffer.view.getUint32(buffer.position + at + 4, true)
    if (at > MAX_SKIPPED) return ''
  }
  return ''
}

/** The decompressed bytes of what is stored. Damage makes a read reject, after all that could be decoded. */
export function decompress(compression: Exclude<Compression, ''>, stored: StoredInput): ByteSource {
  switch (compression) {
    case 'gzip':
      return new GzipSource(stored)
    case 'zstd':
      return new ZstdSource(stored.buffer)
    case 'lz4':
      return new Lz4Source(stored.buffer)
  }
}
