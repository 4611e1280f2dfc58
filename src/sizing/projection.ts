// Where the table levels off if the load goes on: Little's law, rates of ending flows times how long their entries stay.
import { describeClass, OCCUPANCY_CLASSES } from '../conntrack/occupancy-class.ts'
import type { SysctlName } from '../conntrack/settings.ts'
import { type Endings, isOpenClass } from './endings.ts'
import { timeoutOf } from './held-by.ts'
import type { Occupancy } from './occupancy.ts'

/** Standard errors on each side of an estimate: 95 % of a normal distribution. */
const QUANTILE = 1.96
/** Standard errors that a rise of the established connections must exceed to be taken for one. */
const SIGNIFICANT = 4

/** Entries that one sysctl holds in one state: arrivals a second times seconds held. */
export interface ProjectedPart {
  protocol: string
  state: string
  /** The timeout that ends them, null where there is no sysctl for it. */
  sysctl: SysctlName | null
  /** Flows a second that end so. */
  rate: number
  /** Mean seconds an entry stays: as long as its flow is active, and then until the timeout. */
  held: number
  /** rate × held. */
  entries: number
  /** Of these, how many stood in the table at the end of the capture. */
  measured: number
}

export interface Projection {
  /** Entries at which the table levels off, and the interval that holds it with a probability of 95 %. */
  level: number
  low: number
  high: number
  /** Of the level, what stood in the table at the end of the capture; the rest is rate × time. */
  measured: number
  /** Largest first. */
  parts: ProjectedPart[]
  /** Established connections and other flows that go on: part of the level, as many as there were. */
  open: number
  /** Entries a second by which the established connections were still growing at the end; 0 for no telling. */
  rising: number
  /** Seconds after the start of the capture at which the table would hold `room` entries; null = never. */
  fullAfter: number | null
}

/** Whether a projection rests on more than a few flows. */
export function isTelling({ level, low }: { level: number; low: number }): boolean {
  return level > 0 && low * 2 > level
}

/** What a projection is made of. */
export interface Load {
  occupancy: Occupancy
  endings: Endings
  /** Nanoseconds from the first frame to the last. */
  end: number
  /** Entries there is room for; infinite without a limit. */
  room: number
}

/** Projects a finished replay in which nothing was refused. */
export function project(load: Load): Projection {
  const { endings, end, room } = load
  const grown = partsOf(load)
  const established = establishedOf(load)
  const open = established.level + endings.lasting
  const error = Math.hypot(established.error, ...grown.map(({ error }) => error))
  const parts = grown.map(({ part }) => part)
  const level = open + parts.reduce((sum, { entries }) => sum + entries, 0)
  const measured = parts.reduce((sum, part) => sum + part.measured, Math.min(open, load.occupancy.live))
  const { rising } = established
  return {
    level,
    low: Math.max(level - QUANTILE * error, 0),
    high: level + QUANTILE * error,
    measured: Math.min(measured, load.occupancy.live),
    parts: parts.sort((a, b) => b.entries - a.entries),
    open,
    rising,
    fullAfter: fullAfter(parts, open, rising, end / 1e9, room),
  }
}

/** Parts by state and timeout, each with its standard error in entries. */
function partsOf({ occupancy, endings, end }: Load): { part: ProjectedPart; error: number }[] {
  const parts = new Map<string, { part: ProjectedPart; error: number }>()
  for (let i = 0; i < OCCUPANCY_CLASSES; i++) {
    const ending = endings.of(i)
    if (ending.entries === 0 || isOpenClass(i)) continue
    const { protocol, state } = describeClass(i)
    const sysctl = timeoutOf(i)
    const active = ending.active / ending.entries
    const held = (ending.active + ending.silent) / ending.entries / 1e9
    // what ended before flows had lasted as long as they do was not the full rate yet
    const rate = endings.rates.between(i, Math.min(active * 2, end / 2), end)
    const key = `${protocol} ${state} ${sysctl}`
    const known = parts.get(key) ?? {
      part: { protocol, state, sysctl, rate: 0, held: 0, entries: 0, measured: 0 },
      error: 0,
    }
    add(known.part, rate.mean * 1e9, held, occupancy.classes[i])
    known.error = Math.hypot(known.error, rate.error * 1e9 * held)
    parts.set(key, known)
  }
  for (const { part } of parts.values()) part.measured = Math.min(part.measured, part.entries)
  return [...parts.values()]
}

function add(part: ProjectedPart, rate: number, held: number, live: number): void {
  part.rate += rate
  part.entries += rate * held
  part.held = part.rate === 0 ? 0 : part.entries / part.rate
  part.measured += live
}

/** Established connections over the second half of the capture: their mean, its error, and whether they still grew. */
function establishedOf({ occupancy, end }: Load): { level: number; error: number; rising: number } {
  const { timeline } = occupancy
  const steps = timeline.steps(end)
  const counts = steps.map((_, step) => establishedAt(occupancy, step))
  if (counts.length < 8) {
    const level = establishedAt(occupancy, steps.length - 1)
    return { level, error: Math.sqrt(level), rising: 0 }
  }
  const half = counts.slice(counts.length >> 1)
  const middle = half.length >> 1
  const before = mean(half.slice(0, middle))
  const after = mean(half.slice(middle))
  const error = Math.sqrt(Math.max(before, after))
  if (after - before > SIGNIFICANT * error) {
    const seconds = ((half.length / 2) * timeline.step) / 1e9
    return { level: counts[counts.length - 1], error, rising: (after - before) / seconds }
  }
  return { level: mean(half), error, rising: 0 }
}

function establishedAt(occupancy: Occupancy, step: number): number {
  let sum = 0
  for (let i = 0; i < OCCUPANCY_CLASSES; i++) if (isOpenClass(i)) sum += occupancy.timeline.classAt(step, i)
  return sum
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Each part grows by its rate until the first of its entries end; what rises goes on rising. */
function fullAfter(
  parts: readonly ProjectedPart[],
  open: number,
  rising: number,
  duration: number,
  room: number,
): number | null {
  const sizeAt = (seconds: number): number =>
    parts.reduce((sum, { rate, held }) => sum + rate * Math.min(seconds, held), open) +
    rising * Math.max(seconds - duration, 0)
  let from = 0
  for (const { held } of [...parts].sort((a, b) => a.held - b.held)) {
    if (sizeAt(held) > room) return between(sizeAt, from, held, room)
    from = held
  }
  if (rising <= 0 || room === Number.POSITIVE_INFINITY) return null
  from = Math.max(from, duration)
  return from + Math.max(room - sizeAt(from), 0) / rising
}

/** Where a line through two points of `sizeAt` reaches `room`. */
function between(sizeAt: (seconds: number) => number, from: number, to: number, room: number): number {
  const low = sizeAt(from)
  const high = sizeAt(to)
  return low >= room ? from : from + ((room - low) / (high - low)) * (to - from)
}
