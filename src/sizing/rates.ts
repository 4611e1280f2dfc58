// When flows ended, by occupancy class, in a bounded number of equal windows that double when the capture outgrows them.
import { OCCUPANCY_CLASSES } from '../conntrack/occupancy-class.ts'

const WINDOWS = 64
/** Nanoseconds of the first, shortest window. */
const SHORTEST_WINDOW = 1e6
/** Full windows that a rate needs at the least for its scatter to be told from them. */
const FEWEST_WINDOWS = 8

/** A mean rate with its standard error, both a nanosecond. */
export interface Rate {
  mean: number
  error: number
}

export class Rates {
  private readonly counts = new Float64Array(WINDOWS * OCCUPANCY_CLASSES)
  private window = SHORTEST_WINDOW

  /** One of class `occupancy` ended at `time`; times may come in any order. */
  add(occupancy: number, time: number): void {
    this.reach(time)
    this.counts[Math.max(Math.floor(time / this.window), 0) * OCCUPANCY_CLASSES + occupancy]++
  }

  /**
   * The rate of a class from `from` to `to` in nanoseconds of capture time, whole windows of it; of all of a capture
   * that is shorter than a few windows.
   */
  between(occupancy: number, from: number, to: number): Rate {
    // nothing may have ended for long when the capture ends
    this.reach(to)
    const first = Math.max(Math.ceil(from / this.window), 0)
    const last = Math.floor(to / this.window)
    if (last - first < FEWEST_WINDOWS) return this.roughly(occupancy, to)
    const windows = last - first
    let sum = 0
    let squares = 0
    for (let i = first; i < last; i++) {
      const count = this.counts[i * OCCUPANCY_CLASSES + occupancy]
      sum += count
      squares += count * count
    }
    const mean = sum / windows
    const variance = Math.max(squares / windows - mean * mean, 0) / (windows - 1)
    return { mean: mean / this.window, error: Math.sqrt(variance) / this.window }
  }

  /** Over all the capture, with the scatter of independent events. */
  private roughly(occupancy: number, duration: number): Rate {
    if (duration <= 0) return { mean: 0, error: 0 }
    let sum = 0
    for (let i = 0; i < WINDOWS; i++) sum += this.counts[i * OCCUPANCY_CLASSES + occupancy]
    return { mean: sum / duration, error: Math.sqrt(sum) / duration }
  }

  private reach(time: number): void {
    while (time >= this.window * WINDOWS) this.double()
  }

  private double(): void {
    const { counts } = this
    for (let i = 0; i < WINDOWS; i++) {
      for (let occupancy = 0; occupancy < OCCUPANCY_CLASSES; occupancy++) {
        const at = i * OCCUPANCY_CLASSES + occupancy
        const count = counts[at]
        counts[at] = 0
        counts[(i >> 1) * OCCUPANCY_CLASSES + occupancy] += count
      }
    }
    this.window *= 2
  }
}
