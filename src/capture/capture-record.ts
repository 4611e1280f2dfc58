// What is known of one capture while it is read: the counters and clock extremes behind the CaptureFile contract.

import { TIME_ZERO } from '../net/time.ts'
import type { CaptureDamage, CaptureFile } from './frame.ts'
import { PacketComments } from './packet-comments.ts'

/** Comments kept of one capture: more would only be a way to fill memory. */
export const MAX_COMMENTS = 64
/** Damages kept of one capture that do not end its reading. */
const MAX_DAMAGE = 16

export class CaptureRecord implements CaptureFile {
  readonly path: string
  format = ''
  compression = ''
  byteOrder: 'little' | 'big' | '' = ''
  size = 0
  read = 0
  frames = 0
  backwards = 0
  oddFractions = 0
  unstamped = 0
  correction = 0
  application = ''
  comments: string[] = []
  readonly names = new Map<string, string>()
  readonly packetComments = new PacketComments()
  damage: CaptureDamage[] = []
  /** Time of the first stamped frame, in nanoseconds since 1970: the zero of the times below. */
  epoch: bigint | null = null

  private previous = Number.NEGATIVE_INFINITY
  private earliest = TIME_ZERO
  private latest = TIME_ZERO

  constructor(path: string) {
    this.path = path
  }

  /** The same capture as before its first frame was read. */
  unread(): CaptureRecord {
    const fresh = new CaptureRecord(this.path)
    fresh.format = this.format
    fresh.compression = this.compression
    fresh.byteOrder = this.byteOrder
    fresh.size = this.size
    fresh.correction = this.correction
    return fresh
  }

  get firstTime(): bigint | null {
    return this.epoch === null ? null : this.epoch + BigInt(this.earliest)
  }

  get lastTime(): bigint | null {
    return this.epoch === null ? null : this.epoch + BigInt(this.latest)
  }

  /** Notes the time of a stamped frame, in nanoseconds since the first one. */
  noteTime(time: number): void {
    if (time < this.previous) {
      this.backwards++
      if (time < this.earliest) this.earliest = time
    } else if (time > this.latest) this.latest = time
    this.previous = time
  }

  addComment(comment: string): void {
    if (comment !== '' && this.comments.length < MAX_COMMENTS) this.comments.push(comment)
  }

  addDamage(offset: number, message: string, stopped: boolean): void {
    if (stopped || this.damage.length < MAX_DAMAGE) this.damage.push({ offset, message, stopped })
  }
}
