// The occupancy at fixed times: samples for a series that goes to a file, exact at each of them.

/** Samples that are due in a pause of the traffic, at most: beyond, a pause is left out but for its two ends. */
const LONGEST_PAUSE = 86_400

export class Sampler {
  /** The time of the next sample in nanoseconds of capture time; it shows all events up to and including that time. */
  due = 0
  private readonly interval: number
  private readonly take: (time: number) => void

  /** @param interval nanoseconds */
  constructor(interval: number, take: (time: number) => void) {
    this.interval = interval
    this.take = take
  }

  /** Takes what is due before `time`, when something is about to change. */
  sample(time: number): void {
    const pause = Math.floor((time - this.due) / this.interval)
    if (pause > LONGEST_PAUSE) {
      this.take(this.due)
      this.due += pause * this.interval
    }
    for (; this.due < time; this.due += this.interval) this.take(this.due)
  }

  /** Takes what is due up to and including the end. */
  finish(time: number): void {
    this.sample(time)
    if (this.due === time) this.take(time)
  }
}
