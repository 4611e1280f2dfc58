// What the readers of all formats share: a buffer on the bytes, the one frame they fill, and how a capture ends.

import type { CaptureRecord } from '../capture-record.ts'
import { type CaptureInterface, Frame } from '../frame.ts'
import type { ReadBuffer } from '../read-buffer.ts'

/**
 * The longest record that is believed, in bytes. libpcap's bound is 262,144, but the largest packet Linux builds
 * (BIG TCP, GSO_MAX_SIZE) has 8 × 65,535 bytes and is captured whole: twice that, and a length above it is damage.
 */
export const MAX_RECORD_LENGTH = 1 << 20

/** Reads the frames of one capture. Times are nanoseconds since the first stamped frame of this capture. */
export abstract class Reader {
  protected readonly buffer: ReadBuffer
  readonly file: CaptureRecord
  readonly index: number
  protected readonly interfaces: CaptureInterface[]
  protected readonly frame = new Frame()
  private over = false

  /**
   * @param buffer stands in front of the file header, which it holds
   * @param index of the capture in `FrameSource.captures`
   * @param interfaces of the whole replay: a reader appends its own as it meets them
   */
  constructor(buffer: ReadBuffer, file: CaptureRecord, index: number, interfaces: CaptureInterface[]) {
    this.buffer = buffer
    this.file = file
    this.index = index
    this.interfaces = interfaces
    this.frame.capture = index
    this.frame.bytes = buffer.bytes
    this.frame.view = buffer.view
  }

  /** The next frame that is in memory, or null: then `fill()`. */
  abstract next(): Frame | null

  /** Reads on. Resolves to false when the capture is over; what was wrong at its end is in `file.damage`. */
  async fill(): Promise<boolean> {
    const more = await this.buffer.fill()
    this.file.read = this.buffer.read
    if (more) {
      this.frame.bytes = this.buffer.bytes
      this.frame.view = this.buffer.view
      return true
    }
    this.finish()
    return false
  }

  /** Stops reading: a `fill()` that is under way resolves to false, and no frame comes any more. */
  async close(): Promise<void> {
    this.over = true
    this.discard()
    await this.buffer.close()
  }

  /** Gives up at `index` of the buffer's bytes. Returns null, for `next()` to return. */
  protected stop(index: number, message: string): null {
    this.file.addDamage(this.buffer.offsetOf(index), message, true)
    this.over = true
    this.discard()
    void this.buffer.close()
    return null
  }

  /** What the last `available` bytes, which begin a record, should have been: `a record header of 16 bytes`. */
  protected abstract expectedRest(available: number): string

  /** Whether the capture ends between two records. */
  protected endsWhole(): boolean {
    return this.buffer.position === this.buffer.end
  }

  private finish(): void {
    if (this.over) return
    this.over = true
    const { buffer, file } = this
    const left = buffer.end - buffer.position
    if (buffer.failure !== null) file.addDamage(buffer.offsetOf(buffer.end), buffer.failure, true)
    else if (left < 0)
      file.addDamage(buffer.offsetOf(buffer.end), `cut off: ${-left} more bytes expected`, true)
    else if (!this.endsWhole()) file.addDamage(buffer.offsetOf(buffer.position), this.cutOff(left), true)
    this.discard()
  }

  private cutOff(left: number): string {
    return `cut off: expected ${this.expectedRest(left)}, the capture ends after ${left}`
  }

  private discard(): void {
    this.buffer.position = this.buffer.end
  }
}
