// The size of the table over the capture in a bounded number of equal steps, which double when the capture outgrows them.
import { OCCUPANCY_CLASSES } from '../conntrack/occupancy-class.ts'
import { TIME_ZERO } from '../net/time.ts'

/** Most steps a timeline has; a power of two above the columns of any terminal, and enough for a chart. */
const STEPS = 512
/** Nanoseconds of the first, shortest step. */
const SHORTEST_STEP = 1e6

/** One step of the timeline. */
export interface TimelineStep {
  /** Nanoseconds of capture time at which the step begins. */
  time: number
  /** Most live entries at any instant of the step. */
  peak: number
  /** Live entries at its end. */
  live: number
  /** Entries in the table at its end, expired ones that await collection included. */
  count: number
}

export class Timeline {
  /** Nanoseconds a step lasts. */
  step = SHORTEST_STEP
  private readonly peaks = new Int32Array(STEPS)
  private readonly ends = new Int32Array(STEPS)
  private readonly counts = new Int32Array(STEPS)
  /** Live entries by occupancy class at the end of each step but the current. */
  private readonly compositions = new Int32Array(STEPS * OCCUPANCY_CLASSES)
  /** Live entries by occupancy class, kept by the Occupancy. */
  private readonly classes: Int32Array
  private current = 0
  private currentEnd = TIME_ZERO

  constructor(classes: Int32Array) {
    this.classes = classes
  }

  /** To be told of the time before anything changes; times never decrease. */
  pass(time: number): void {
    if (time >= this.currentEnd) this.moveTo(time)
  }

  /** Notes the table's size from now on. */
  record(live: number, count: number): void {
    const at = this.current
    if (live > this.peaks[at]) this.peaks[at] = live
    this.ends[at] = live
    this.counts[at] = count
  }

  /** The steps up to and including the one that holds `end`, the time of the last frame. */
  steps(end: number): TimelineStep[] {
    if (end >= this.currentEnd) this.moveTo(end)
    const steps: TimelineStep[] = []
    for (let i = 0; i <= this.current; i++) {
      steps.push({ time: i * this.step, peak: this.peaks[i], live: this.ends[i], count: this.counts[i] })
    }
    return steps
  }

  /** Live entries of an occupancy class at the end of step `step` of steps(). */
  classAt(step: number, occupancy: number): number {
    return step >= this.current
      ? this.classes[occupancy]
      : this.compositions[step * OCCUPANCY_CLASSES + occupancy]
  }

  private moveTo(time: number): void {
    while (time >= this.step * STEPS) this.halve()
    const target = Math.floor(time / this.step)
    const { peaks, ends, counts } = this
    for (let i = this.current; i < target; i++) this.compositions.set(this.classes, i * OCCUPANCY_CLASSES)
    for (let i = this.current + 1; i <= target; i++) {
      peaks[i] = ends[i - 1]
      ends[i] = ends[i - 1]
      counts[i] = counts[i - 1]
    }
    this.current = target
    this.currentEnd = (target + 1) * this.step
  }

  /** Joins every two steps into one. */
  private halve(): void {
    const { peaks, ends, counts } = this
    const used = this.current + 1
    for (let i = 0; i < used; i += 2) {
      const last = i + 1 < used ? i + 1 : i
      peaks[i >> 1] = Math.max(peaks[i], peaks[last])
      ends[i >> 1] = ends[last]
      counts[i >> 1] = counts[last]
      this.compositions.copyWithin(
        (i >> 1) * OCCUPANCY_CLASSES,
        last * OCCUPANCY_CLASSES,
        (last + 1) * OCCUPANCY_CLASSES,
      )
    }
    this.step *= 2
    this.current >>= 1
    this.currentEnd = (this.current + 1) * this.step
  }
}
