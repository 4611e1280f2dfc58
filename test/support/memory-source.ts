// Bytes in memory as a source of stored bytes, handed over in pieces as small as a test wants them.

import type { ByteSource } from '../../src/capture/byte-source.ts'

export class MemorySource implements ByteSource {
  private readonly bytes: Uint8Array
  private readonly piece: number | (() => number)
  position = 0
  closed = false

  /** @param piece how many bytes a read gives at most; a function is asked anew for every read */
  constructor(bytes: Uint8Array, piece: number | (() => number) = Number.POSITIVE_INFINITY) {
    this.bytes = bytes
    this.piece = piece
  }

  async read(target: Uint8Array, offset: number, length: number): Promise<number> {
    if (this.closed) return 0
    const most = typeof this.piece === 'number' ? this.piece : this.piece()
    const taken = Math.min(length, most, this.bytes.length - this.position)
    target.set(this.bytes.subarray(this.position, this.position + taken), offset)
    this.position += taken
    return taken
  }

  async close(): Promise<void> {
    this.closed = true
  }
}
