// Decoders of a Zstandard frame, given piece by piece: node's own from 22.15 on, fzstd before that.

import * as zlib from 'node:zlib'
import { Decompress } from 'fzstd'
import { XxHash64 } from './xxhash64.ts'

const DESCRIPTOR_CHECKSUM = 0x04

/** Every piece gives its bytes before the next one goes in, so that what precedes damage is never lost. */
export interface ZstdDecoder {
  /** Takes in the frame's header, one whole block, or the checksum; gives what that decodes to. Rejects for damage. */
  decode(piece: Uint8Array, kind: ZstdPiece): Promise<Uint8Array>
  close(): void
}

export type ZstdPiece = 'header' | 'block' | 'last block' | 'checksum'

const NOTHING = new Uint8Array(0)

export function createZstdDecoder(): ZstdDecoder {
  const { createZstdDecompress } = zlib as { createZstdDecompress?: typeof zlib.createGunzip }
  return createZstdDecompress === undefined ? new FzstdDecoder() : new NodeZstdDecoder(createZstdDecompress())
}

/**
 * fzstd decodes all it is given at once: a few kilobytes of a decompression bomb would become gigabytes, hence the
 * pieces. It keeps parts of them, hence the copies. And it lets checksums be, hence ours.
 */
class FzstdDecoder implements ZstdDecoder {
  private output: Uint8Array = NOTHING
  private readonly hash = new XxHash64()
  private checks = false
  /** Several small blocks come at once: fzstd holds back what is under 18 bytes. */
  private readonly decoder = new Decompress(chunk => {
    this.output = this.output.length === 0 ? chunk : Buffer.concat([this.output, chunk])
  })

  async decode(piece: Uint8Array, kind: ZstdPiece): Promise<Uint8Array> {
    this.output = NOTHING
    if (kind === 'checksum') this.check(piece)
    else
      this.decoder.push(
        kind === 'header' ? this.withoutChecksum(piece) : piece.slice(),
        kind === 'last block',
      )
    if (this.checks) this.hash.update(this.output, 0, this.output.length)
    return this.output
  }

  close(): void {}

  /** fzstd wants the checksum's bytes together with the last block, if it is told of them. */
  private withoutChecksum(header: Uint8Array): Uint8Array {
    this.checks = (header[4] & DESCRIPTOR_CHECKSUM) !== 0
    const changed = header.slice()
    changed[4] &= ~DESCRIPTOR_CHECKSUM
    return changed
  }

  private check(piece: Uint8Array): void {
    const sum = Number(this.hash.digest() & 0xffffffffn)
    if (sum !== new DataView(piece.buffer, piece.byteOffset).getUint32(0, true))
      throw new Error(
        'content checksum does not match: some of the bytes before it are not the ones compressed',
      )
  }
}

/** node's zstd decodes one frame and drops what follows it without a word: it gets one frame. */
class NodeZstdDecoder implements ZstdDecoder {
  private readonly decoder: zlib.Gunzip
  private failure: Error | null = null
  private chunks: Uint8Array[] = []
  private done: () => void = () => {}

  constructor(decoder: zlib.Gunzip) {
    this.decoder = decoder
    // a block larger than the stream's buffer waits for it to be emptied
    decoder.on('readable', () => this.collect())
    decoder.on('error', error => {
      this.failure = error
      this.done()
    })
    decoder.on('close', () => this.done())
  }

  async decode(piece: Uint8Array): Promise<Uint8Array> {
    await new Promise<void>(resolve => {
      this.done = resolve
      this.decoder.write(piece, error => {
        if (!error) resolve()
      })
    })
    if (this.failure !== null) throw this.failure
    this.collect()
    const { chunks } = this
    this.chunks = []
    return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)
  }

  close(): void {
    this.decoder.destroy()
  }

  private collect(): void {
    for (let chunk = this.decoder.read(); chunk !== null; chunk = this.decoder.read()) this.chunks.push(chunk)
  }
}
