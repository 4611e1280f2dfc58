// Packets that may be seen again cut up: where and when each was seen, and whether its record is still there.
import { ARRIVAL, type RecordRing } from '../record/record-ring.ts'

/** The packet was not cut out of another. */
export const NO_PART = -1
/** It was, but the other's record is gone. */
export const WHOLE_GONE = -2

/** Words of a packet, which starts at `slot << WHOLE_SHIFT`; its owner has those from OWN on. */
export const WHOLE_SHIFT = 4
export const PLACE = 0
const RECORD = 1
const RECORD_ARRIVAL = 2
export const OWN = 3

export class Wholes {
  readonly words: Int32Array
  private readonly ring: RecordRing
  private readonly partTime: number
  private readonly times: Float64Array
  private lastTime = Number.NEGATIVE_INFINITY

  /**
   * @param most packets remembered
   * @param partTime how long after a packet its parts may come, in nanoseconds
   */
  constructor(ring: RecordRing, most: number, partTime: number) {
    this.ring = ring
    this.partTime = partTime
    this.words = new Int32Array(most << WHOLE_SHIFT)
    this.times = new Float64Array(most).fill(Number.NEGATIVE_INFINITY)
  }

  /** Whether a part of any may come at `time`. */
  awaits(time: number): boolean {
    return time - this.lastTime <= this.partTime
  }

  /** Whether a part of that in `slot` may come at `time` and `place`, which is another than the whole's. */
  mayBeCut(slot: number, time: number, place: number): boolean {
    return time - this.times[slot] <= this.partTime && this.words[(slot << WHOLE_SHIFT) + PLACE] !== place
  }

  /** The record of the first sighting, WHOLE_GONE if its slot has been given to another since. */
  recordOf(slot: number): number {
    const at = slot << WHOLE_SHIFT
    const record = this.words[at + RECORD]
    return this.ring.word(record, ARRIVAL) === this.words[at + RECORD_ARRIVAL] ? record : WHOLE_GONE
  }

  /** Keeps a packet, first seen at `time` and `place` by `record`, in place of what the slot had. */
  keep(slot: number, time: number, place: number, record: number): void {
    const { words } = this
    const at = slot << WHOLE_SHIFT
    words[at + PLACE] = place
    words[at + RECORD] = record
    words[at + RECORD_ARRIVAL] = this.ring.word(record, ARRIVAL)
    this.times[slot] = time
    this.lastTime = time
  }
}
