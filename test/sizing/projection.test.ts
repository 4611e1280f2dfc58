// Where a table levels off: figures that are known from real hosts, what is measured and what is not, and the interval.
import { describe, expect, it } from 'vitest'
import { defaultSettings, type Settings } from '../../src/conntrack/settings.ts'
import { Defragmenter, FRAGMENT_DEFAULTS } from '../../src/packet/fragments.ts'
import { replay } from '../../src/replay.ts'
import type { Projection } from '../../src/sizing/projection.ts'
import { Scenario } from '../../src/sizing/scenario.ts'
import { ShortConnectionSource, type ShortConnections } from '../support/short-connections.ts'

/** Replays connections into a table of its own and projects it. */
async function projected(
  connections: ShortConnections,
  changes: Partial<Settings> = {},
): Promise<{ projection: Projection; live: number; peak: number }> {
  const settings = { ...defaultSettings(), ...changes }
  const scenario = new Scenario({ name: '', settings, enforced: false, notrack: null }, false)
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
