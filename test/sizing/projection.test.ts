// Where a table levels off: figures that are known from real hosts, what is measured and what is not, and the interval.
import { describe, expect, it, vi } from 'vitest'
import { describeClass, OCCUPANCY_CLASSES } from '../../src/conntrack/occupancy-class.ts'
import { defaultSettings, type Settings } from '../../src/conntrack/settings.ts'
import { Defragmenter, FRAGMENT_DEFAULTS } from '../../src/packet/defrag/fragments.ts'
import { replay } from '../../src/replay.ts'
import { isOpenClass } from '../../src/sizing/endings.ts'
import { type Load, type Projection, project } from '../../src/sizing/projection.ts'
import { Rates } from '../../src/sizing/rates.ts'
import { Scenario } from '../../src/sizing/scenarios/scenario.ts'
import { ShortConnectionSource, type ShortConnections } from '../support/short-connections.ts'

// bounded by its inputs, not by the clock of a busy machine
vi.setConfig({ testTimeout: 60_000 })

/** Replays connections into a table of its own and projects it. */
async function projected(
  connections: ShortConnections,
  changes: Partial<Settings> = {},
): Promise<{ projection: Projection; live: number; peak: number }> {
  const settings = { ...defaultSettings(), ...changes }
  const scenario = new Scenario({ name: '', settings, enforced: false, notrack: null }, { owners: false })
  const source = new ShortConnectionSource(connections)
  await replay(source, [scenario.engine], new Defragmenter(FRAGMENT_DEFAULTS), { seen: () => {} })
  scenario.finish(source.end)
  const { live, peak } = scenario.sizing.occupancy
  return { projection: scenario.sizing.project(source.end), live, peak }
}

describe('figures known from real hosts', () => {
  it.each([
    // 128k entries, TIME_WAIT for 120 s: full at 1,092 short connections a second
    { rate: 1092, max: 131072, needs: 131072 },
    // 512k entries: full at 4,369 a second
    { rate: 4369, max: 524288, needs: 524288 },
    { rate: 60000, max: 262144, needs: 7_200_000 },
  ])('$rate connections a second need $needs entries', async ({ rate, max, needs }) => {
    const { projection } = await projected({ rate, seconds: 1.5 }, { nf_conntrack_max: max })
    expect(Math.abs(projection.level - needs) / needs).toBeLessThan(0.002)
    expect(projection.low).toBeLessThanOrEqual(projection.level)
    expect(projection.parts[0]).toMatchObject({
      protocol: 'tcp',
      state: 'TIME_WAIT',
      sysctl: 'nf_conntrack_tcp_timeout_time_wait',
    })
    expect(projection.parts[0].held).toBeCloseTo(120, 1)
    const seconds = max / rate
    if (seconds < 119) expect(projection.fullAfter).toBeCloseTo(seconds, 0)
  })

  it('a little less than that never fills the table', async () => {
    const { projection } = await projected({ rate: 1080, seconds: 2 }, { nf_conntrack_max: 131072 })
    expect(projection.fullAfter).toBeNull()
  })

  it('a little more does, as soon as the first entries would have left', async () => {
    const { projection } = await projected({ rate: 1100, seconds: 2 }, { nf_conntrack_max: 131072 })
    expect(projection.fullAfter).toBeGreaterThan(118)
    expect(projection.fullAfter).toBeLessThan(120.1)
  })
})

describe('a projection', () => {
  it('agrees with a capture long enough to show the level', async () => {
    const settings = { nf_conntrack_tcp_timeout_time_wait: 5 }
    const short = await projected({ rate: 500, seconds: 3, pause: 0.02 }, settings)
    const long = await projected({ rate: 500, seconds: 30, pause: 0.02 }, settings)
    expect(Math.abs(short.projection.level - long.peak) / long.peak).toBeLessThan(0.02)
    expect(Math.abs(long.projection.level - long.peak) / long.peak).toBeLessThan(0.01)
  })

  it('counts as measured what stood in the table', async () => {
    const { projection, live } = await projected({ rate: 500, seconds: 4 })
    expect(projection.measured).toBe(live)
    expect(projection.level).toBeGreaterThan(live * 20)
  })

  it('does not mistake the start of long connections for a low rate', async () => {
    // they last a third of the capture: none closes in its first third
    const { projection } = await projected({ rate: 200, seconds: 15, pause: 1 })
    expect(projection.parts[0].rate).toBeGreaterThan(196)
    expect(projection.parts[0].rate).toBeLessThan(204)
  })

  it('is of an empty table nothing', async () => {
    const { projection } = await projected({ rate: 1, seconds: 0 })
    expect(projection).toMatchObject({ level: 0, low: 0, high: 0, parts: [], fullAfter: null })
  })
})

const SECOND = 1e9
const classes = Array.from({ length: OCCUPANCY_CLASSES }, (_, occupancy) => occupancy)
const TIME_WAIT = classes.find(occupancy => describeClass(occupancy).state === 'TIME_WAIT')!
const ESTABLISHED = classes.find(isOpenClass)!

/** A load of flows that end in TIME_WAIT at these times, and are held for 120 s; and of established connections by step. */
function loadOf(end: number, ends: readonly number[], established: readonly number[] = [0]): Load {
  const rates = new Rates()
  for (const time of ends) rates.add(TIME_WAIT, time)
  const none = { entries: 0, active: 0, silent: 0 }
  const closed = { entries: ends.length, active: 0, silent: ends.length * 120 * SECOND }
  const timeline = {
    step: end / established.length,
    steps: () => established,
    classAt: (step: number, occupancy: number) => (occupancy === ESTABLISHED ? established[step] : 0),
  }
  return {
    occupancy: { live: 0, classes: new Float64Array(OCCUPANCY_CLASSES), timeline } as never,
    endings: { rates, lasting: 0, of: (i: number) => (i === TIME_WAIT ? closed : none) } as never,
    end,
    room: Number.POSITIVE_INFINITY,
  }
}

/** Numbers from 0 to 1, the same for a seed. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

describe('the interval', () => {
  it.each([
    ['of a capture long enough to show its scatter', 60, 10],
    ['of a short one', 0.005, 40_000],
  ])('holds the true level with a probability of 95 %%: %s', (_, seconds, rate) => {
    const random = randomOf(1)
    const runs = 400
    let held = 0
    for (let run = 0; run < runs; run++) {
      const ends: number[] = []
      for (let time = 0; ; ) {
        time -= (Math.log(1 - random()) / rate) * SECOND
        if (time >= seconds * SECOND) break
        ends.push(time)
      }
      const { low, high } = project(loadOf(seconds * SECOND, ends))
      if (low <= rate * 120 && rate * 120 <= high) held++
    }
    expect(held / runs).toBeGreaterThan(0.91)
    expect(held / runs).toBeLessThan(0.98)
  })
})

describe('established connections', () => {
  /** 32 steps: in the last half 100 at first, then more. */
  const grownTo = (count: number) =>
    project(loadOf(64 * SECOND, [], [...new Array(24).fill(100), ...new Array(8).fill(count)]))

  it('rise when they do so by more than four standard errors, of which as many as they are have a root', () => {
    expect(grownTo(148).rising).toBe(0)
    expect(grownTo(148).open).toBe(124)
    // the middles of both quarters are 16 s apart
    expect(grownTo(149)).toMatchObject({ rising: 49 / 16, open: 149 })
    expect(grownTo(52).rising).toBe(0)
  })

  it('are as many as at the end where there are fewer than eight steps', () => {
    const counts = [10, 20, 30, 40, 50, 60, 90]
    expect(project(loadOf(7 * SECOND, [], counts))).toMatchObject({ open: 90, rising: 0 })
    expect(project(loadOf(8 * SECOND, [], [...counts, 90])).open).toBe(72.5)
  })
})
