// The occupancy at fixed times: samples for a series that goes to a file, exact at each of them.
import type { Occupancy } from './occupancy.ts'

/** Samples that are due in a pause of the traffic, at most: beyond, a pause is left out but for its two ends. */
const LONGEST_PAUSE = 86_400

export class Sampler {
  /** The time of the next sample in nanoseconds of capture time; it shows all events up to and including that time. */
  due = 0
  private readonly interval: number
  private readonly take: (occupancy: Occupancy, time: number) => void

  /** @param interval nanoseconds */
  constructor(interval: number, take: (occupancy: Occupancy, time: number) => void) {
    this.interval = interval
    this.take = take
  }

  /** Takes what is due before `time`, when something is about to change. */
  sample(occupancy: Occupancy, time: number): void {
    const pause = Math.floor((time - this.due) / this.interval)
    if (pause > LONGEST_PAUSE) {
      this.take(occupancy, this.due)
      this.due += pause * this.interval
    }
    for (; this.due < time; this.due += this.interval) this.take(occupancy, this.due)
  }

  /** Takes what is due up to and including the end. */
  finish(occupancy: Occupancy, time: number): void {
    this.sample(occupancy, time)
    if (this.due === time) this.take(occupancy, time)
  }
}
