// Undoes a capture's compression, which its first bytes tell: gzip, zstd, lz4.

import type { ByteSource } from '../byte-source.ts'
import type { Window } from '../read-buffer.ts'
import { GzipSource, type StoredInput } from './gzip.ts'
import { LZ4_MAGIC, Lz4Source } from './lz4.ts'
import { isSkippableMagic } from './skippable.ts'
import { ZSTD_MAGIC, ZstdSource } from './zstd.ts'

export type Compression = 'gzip' | 'zstd' | 'lz4' | ''

const GZIP_MAGIC = 0x8b1f
/** How far skippable frames are looked past. */
const MAX_SKIPPED = 1 << 20

/**
 * What the window's bytes are compressed with; '' for nothing known. Skippable frames may stand in front of lz4 and
 * zstd frames alike (pzstd writes them), so these are looked past as far as they are short.
 */
export async function compressionOf(window: Window): Promise<Compression> {
  for (let at = 0; await window.need(at + 4); ) {
    const magic = window.view.getUint32(window.position + at, true)
    if (magic === ZSTD_MAGIC) return 'zstd'
    if (magic === LZ4_MAGIC) return 'lz4'
    if (at === 0 && (magic & 0xffff) === GZIP_MAGIC) return 'gzip'
    if (!isSkippableMagic(magic) || !(await window.need(at + 8))) return ''
    at += 8 + window.view.getUint32(window.position + at + 4, true)
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
      return new ZstdSource(stored.window)
    case 'lz4':
      return new Lz4Source(stored.window)
  }
}
