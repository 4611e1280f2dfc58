// The exact number of live entries at every instant: its peak, what stood in the table then, and entry-seconds by class.
import { OCCUPANCY_CLASSES } from '../conntrack/occupancy-class.ts'
import { TIME_ZERO } from '../net/time.ts'
import { CountBound } from './count-bound.ts'
import type { Sampler } from './sampler.ts'
import { Timeline } from './timeline.ts'

/** Changes of class noted while the table stands at its peak, before its composition is worked out and kept. */
const CHANGES = 256

/**
 * Fed with an engine's events, in their order. An entry is live from its confirmation until its timeout passes or it
 * is deleted. Times are nanoseconds of capture time; one that lies before the last event counts as simultaneous.
 */
export class Occupancy {
  live = 0
  /** Entries ever created. */
  total = 0
  /** Live entries by occupancy class. */
  readonly classes = new Int32Array(OCCUPANCY_CLASSES)
  /** The most live entries there were, and when that many were first reached. */
  peak = 0
  peakTime = TIME_ZERO
  /** Entries in the table, also those that wait for collection: what nf_conntrack_count shows. And their peak. */
  count = 0
  countPeak = 0
  countPeakTime = TIME_ZERO
  /** When there were first more live entries than `limit`; -Infinity: never. */
  exceededTime = Number.NEGATIVE_INFINITY
  readonly timeline = new Timeline(this.classes)
  /** Takes samples of the occupancy at fixed times, or null. */
  sampler: Sampler | null = null
  /** The most entries that nf_conntrack_count can have shown, however late the collector came. */
  readonly countBound = new CountBound()

  private readonly limit: number
  private now = Number.NEGATIVE_INFINITY
  /** Entry-nanoseconds by class, short of those of the live entries since time 0. */
  private readonly held = new Float64Array(OCCUPANCY_CLASSES)
  private readonly classesAtPeak = new Int32Array(OCCUPANCY_CLASSES)
  /** Whether `live` has stood at the peak ever since it was reached: then `classesAtPeak` is still to be worked out. */
  private atPeak = false
  /** The changes of class since the peak was reached, as before and after. */
  private readonly changes = new Uint8Array(CHANGES * 2)
  private changed = 0

  /** @param limit entries there is room for */
  constructor(limit: number) {
    this.limit = limit
  }

  /** @returns whether there are more live entries now than ever before */
  created(occupancy: number, time: number): boolean {
    this.pass(time)
    this.classes[occupancy]++
    this.held[occupancy] -= this.now
    this.live++
    this.total++
    this.count++
    const isPeak = this.live > this.peak
    if (isPeak) {
      this.peak = this.live
      this.peakTime = this.now
      this.atPeak = true
      this.changed = 0
      if (this.live > this.limit && this.exceededTime < 0) this.exceededTime = this.now
    }
    if (this.count > this.countPeak) {
      this.countPeak = this.count
      this.countPeakTime = this.now
    }
    this.countBound.created(this.live, this.now)
    this.timeline.record(this.live, this.count)
    return isPeak
  }

  reclassified(before: number, after: number, time: number): void {
    this.pass(time)
    this.classes[before]--
    this.classes[after]++
    this.held[before] += this.now
    this.held[after] -= this.now
    if (!this.atPeak) return
    this.changes[this.changed * 2] = before
    this.changes[this.changed * 2 + 1] = after
    if (++this.changed === CHANGES) this.keepPeak()
  }

  expired(occupancy: number, time: number): void {
    this.pass(time)
    this.end(occupancy)
    this.countBound.expired(this.now)
    this.timeline.record(this.live, this.count)
  }

  /** @param wasExpired whether `expired` was told of this entry */
  destroyed(occupancy: number, wasExpired: boolean, time: number): void {
    this.pass(time)
    if (!wasExpired) this.end(occupancy)
    this.count--
    this.timeline.record(this.live, this.count)
  }

  /** Live entries by occupancy class at the instant the peak was first reached. */
  atPeakByClass(): Int32Array {
    if (this.atPeak) this.keepPeak()
    return this.classesAtPeak
  }

  /** Nanoseconds that entries of a class have lived up to `time`, summed over the entries. */
  heldBy(occupancy: number, time: number): number {
    return this.held[occupancy] + this.classes[occupancy] * Math.max(time, this.now)
  }

  /** Whether there are more live entries now than there is room for. */
  get isExceeded(): boolean {
    return this.live > this.limit
  }

  /** Nanoseconds that an entry has lived on average. */
  get meanLife(): number {
    let sum = 0
    for (let occupancy = 0; occupancy < OCCUPANCY_CLASSES; occupancy++)
      sum += this.heldBy(occupancy, this.now)
    return this.total === 0 ? 0 : sum / this.total
  }

  private end(occupancy: number): void {
    if (this.atPeak) this.keepPeak()
    this.classes[occupancy]--
    this.held[occupancy] += this.now
    this.live--
  }

  /** Lets time pass without a change: what is sampled at fixed times is sampled up to `time`. */
  finish(time: number): void {
    this.pass(time)
    this.sampler?.finish(this.now)
  }

  private pass(time: number): void {
    if (time <= this.now) return
    this.timeline.pass(time)
    if (this.sampler !== null && time > this.sampler.due) this.sampler.sample(time)
    this.now = time
  }

  /** Keeps the composition at the peak: the present one, with the changes since then taken back. */
  private keepPeak(): void {
    const classes = this.classesAtPeak
    classes.set(this.classes)
    for (let i = 0; i < this.changed; i++) {
      classes[this.changes[i * 2]]++
      classes[this.changes[i * 2 + 1]]--
    }
    this.atPeak = false
  }
}
