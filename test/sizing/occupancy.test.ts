// The count of live entries against a list that is counted anew after every event.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OCCUPANCY_CLASSES } from '../../src/conntrack/occupancy-class.ts'
import { Occupancy } from '../../src/sizing/occupancy.ts'

/** What may happen to a table, as numbers that are read against the entries there are. */
type Step = {
  wait: number
  kind: 'create' | 'move' | 'expire' | 'destroy' | 'collect'
  pick: number
  to: number
}

const steps = fc.array(
  fc.record<Step>({
    // often none: several events share one instant
    wait: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 5e8 })),
    kind: fc.constantFrom('create', 'create', 'move', 'move', 'expire', 'destroy', 'collect'),
    pick: fc.nat(),
    to: fc.integer({ min: 0, max: OCCUPANCY_CLASSES - 1 }),
  }),
  { maxLength: 400 },
)

/** The table as a list, counted anew after each event. */
class NaiveTable {
  now = 0
  live: number[] = []
  expired: number[] = []
  peak = 0
  peakTime = 0
  atPeak: number[] = []
  countPeak = 0
  readonly sizes: { time: number; live: number }[] = [{ time: 0, live: 0 }]
  readonly held = new Array<number>(OCCUPANCY_CLASSES).fill(0)

  pass(wait: number): void {
    for (const occupancy of this.live) this.held[occupancy] += wait
    this.now += wait
  }

  note(): void {
    this.sizes.push({ time: this.now, live: this.live.length })
    this.countPeak = Math.max(this.countPeak, this.live.length + this.expired.length)
    if (this.live.length <= this.peak) return
    this.peak = this.live.length
    this.peakTime = this.now
    this.atPeak = [...this.live]
  }
}

/** Does one step to both tables. */
function take(step: Step, naive: NaiveTable, occupancy: Occupancy): void {
  naive.pass(step.wait)
  const at = naive.live.length === 0 ? -1 : step.pick % naive.live.length
  switch (step.kind) {
    case 'create':
      naive.live.push(step.to)
      occupancy.created(step.to, naive.now)
      break
    case 'move':
      if (at < 0) return
      occupancy.reclassified(naive.live[at], step.to, naive.now)
      naive.live[at] = step.to
      break
    case 'expire':
      if (at < 0) return
      occupancy.expired(naive.live[at], naive.now)
      naive.expired.push(...naive.live.splice(at, 1))
      break
    case 'destroy':
      if (at < 0) return
      occupancy.destroyed(naive.live[at], false, naive.now)
      naive.live.splice(at, 1)
      break
    case 'collect':
      if (naive.expired.length === 0) return
      occupancy.destroyed(naive.expired[0], true, naive.now)
      naive.expired.shift()
  }
  naive.note()
}

const byClass = (entries: number[]): number[] => {
  const counts = new Array<number>(OCCUPANCY_CLASSES).fill(0)
  for (const occupancy of entries) counts[occupancy]++
  return counts
}

describe('Occupancy', () => {
  it('agrees with a list of entries that is counted after every event', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 20 }), (all, limit) => {
        const naive = new NaiveTable()
        const occupancy = new Occupancy(limit)
        for (const step of all) take(step, naive, occupancy)

        expect(occupancy.live).toBe(naive.live.length)
        expect([...occupancy.classes]).toEqual(byClass(naive.live))
        expect(occupancy.count).toBe(naive.live.length + naive.expired.length)
        // minus zero before the first entry
        expect({ peak: occupancy.peak, time: occupancy.peakTime + 0 }).toEqual({
          peak: naive.peak,
          time: naive.peakTime,
        })
        expect([...occupancy.atPeakByClass()]).toEqual(byClass(naive.atPeak))
        expect(occupancy.countPeak).toBe(naive.countPeak)
        const exceeded = naive.sizes.find(size => size.live > limit)
        expect(occupancy.exceededTime + 0).toBe(
          exceeded === undefined ? Number.NEGATIVE_INFINITY : exceeded.time,
        )
        for (let i = 0; i < OCCUPANCY_CLASSES; i++) {
          expect(occupancy.heldBy(i, naive.now)).toBeCloseTo(naive.held[i], -3)
        }
      }),
    )
  })

  it('keeps every step of the timeline true, however long the capture', () => {
    fc.assert(
      fc.property(steps, all => {
        const naive = new NaiveTable()
        const occupancy = new Occupancy(1)
        for (const step of all) take(step, naive, occupancy)

        const timeline = occupancy.timeline.steps(naive.now)
        const width = occupancy.timeline.step
        expect(timeline.length).toBe(Math.floor(naive.now / width) + 1)
        for (const { time, peak, live } of timeline) {
          const before = naive.sizes.filter(size => size.time < time).at(-1)?.live ?? 0
          const within = naive.sizes.filter(size => size.time >= time && size.time < time + width)
          expect(peak).toBe(Math.max(before, ...within.map(size => size.live)))
          expect(live).toBe(within.at(-1)?.live ?? before)
        }
      }),
    )
  })

  it('keeps the composition of the instant the peak was reached, over any number of changes after it', () => {
    const occupancy = new Occupancy(100)
    occupancy.created(0, 0)
    occupancy.created(3, 1)
    for (let i = 0; i < 1000; i++) occupancy.reclassified(3 + (i % 2), 4 - (i % 2), 2 + i)
    expect([...occupancy.atPeakByClass().slice(0, 5)]).toEqual([1, 0, 0, 1, 0])
    occupancy.expired(0, 2000)
    expect([...occupancy.atPeakByClass().slice(0, 5)]).toEqual([1, 0, 0, 1, 0])
  })

  it('counts an event stamped before the last one as simultaneous', () => {
    const occupancy = new Occupancy(100)
    occupancy.created(0, 1000)
    occupancy.created(0, 400)
    expect(occupancy.peakTime).toBe(1000)
    expect(occupancy.heldBy(0, 1500)).toBe(1000)
  })
})
