// The stretch of a capture that is in memory: two buffers by turns, so that the next chunk is read while this one is parsed.

import type { ByteSource } from './byte-source.ts'

/** Of a chunk's length, kept free in front of it for the record that began in the chunk before; grows when it must. */
const HEADROOM_SHARE = 1 / 16

/**
 * `bytes[position, end)` is what was read and not yet used; its reader moves `position` on, past `end` too when it
 * skips. `fill()` carries the rest over, in front of the next chunk, so that no record is ever split.
 */
export class ReadBuffer {
  private readonly source: ByteSource
  private readonly chunk: number
  bytes: Uint8Array
  view: DataView
  position: number
  end: number
  /** Why the bytes could not be read on, where that was no ordinary end. */
  failure: string | null = null

  /** Offset in the capture of bytes[0]. */
  private base: number
  private spare: Uint8Array
  private headroom: number
  private pending: Promise<number> | null = null
  private ended = false

  /** @param chunk bytes asked for at a time */
  constructor(source: ByteSource, chunk: number) {
    this.source = source
    this.chunk = chunk
    this.headroom = Math.ceil(chunk * HEADROOM_SHARE)
    this.bytes = new Uint8Array(this.headroom + chunk)
    this.view = new DataView(this.bytes.buffer)
    this.spare = new Uint8Array(this.headroom + chunk)
    this.position = this.headroom
    this.end = this.headroom
    this.base = -this.headroom
  }

  /** Bytes of the source used so far, as they are stored. */
  get read(): number {
    return this.source.position
  }

  /** Offset in the (uncompressed) capture of what stands at `index` of `bytes`. */
  offsetOf(index: number): number {
    return this.base + index
  }

  /** Reads one chunk on. Whatever was in `bytes` before has moved or is gone. Resolves to false at the end. */
  async fill(): Promise<boolean> {
    if (this.ended) return false
    const count = await (this.pending ?? this.readAhead())
    this.pending = null
    if (count === 0 || this.ended) {
      this.ended = true
      return false
    }
    this.take(count)
    this.pending = this.readAhead()
    return true
  }

  /** Reads on until `length` bytes stand from `position` on. Resolves to false where the bytes end before that. */
  async need(length: number): Promise<boolean> {
    while (this.end - this.position < length) if (!(await this.fill())) return false
    return true
  }

  /** Ends a `fill()` that is under way and closes the source. */
  async close(): Promise<void> {
    this.ended = true
    await this.source.close()
  }

  private readAhead(): Promise<number> {
    return this.source.read(this.spare, this.headroom, this.chunk).catch((error: unknown) => {
      this.failure = error instanceof Error ? error.message : String(error)
      return 0
    })
  }

  private take(count: number): void {
    const left = Math.max(0, this.end - this.position)
    if (count < left && this.end + count <= this.bytes.length) {
      // a small read behind a large unfinished record: the cheaper copy, and none that grows with the square
      this.bytes.set(this.spare.subarray(this.headroom, this.headroom + count), this.end)
      this.end += count
      return
    }
    const ahead = this.end - this.position
    const fresh = left > this.headroom ? this.enlarge(left, count) : this.spare
    fresh.set(this.bytes.subarray(this.end - left, this.end), this.headroom - left)
    this.base += this.end - this.headroom
    this.spare = fresh.length === this.bytes.length ? this.bytes : new Uint8Array(fresh.length)
    this.bytes = fresh
    this.view = new DataView(fresh.buffer)
    this.position = this.headroom - ahead
    this.end = this.headroom + count
  }

  /** A buffer with room for `left` bytes in front of the chunk of `count` bytes that stands in the spare one. */
  private enlarge(left: number, count: number): Uint8Array {
    const chunkStart = this.headroom
    while (this.headroom < left) this.headroom *= 2
    const larger = new Uint8Array(this.headroom + this.chunk)
    larger.set(this.spare.subarray(chunkStart, chunkStart + count), this.headroom)
    return larger
  }
}
