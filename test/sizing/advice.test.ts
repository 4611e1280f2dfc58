// What is advised: enough room, buckets for it, the timeout that saves most without cutting a flow.
import { describe, expect, it } from 'vitest'
import { defaultSettings, type Settings } from '../../src/conntrack/settings.ts'
import { advise, type Outcome } from '../../src/sizing/advice.ts'
import type { Projection } from '../../src/sizing/projection.ts'

function projection(level: number, low = level, high = level): Projection {
  return { level, low, high, measured: 0, parts: [], open: 0, rising: 0, fullAfter: null }
}

function outcome(changes: Partial<Settings>, level: number, lost = 0): Outcome {
  const settings = { ...defaultSettings(), ...changes }
  return { settings, countPeak: 1000, projection: projection(level), lost }
}

const TIME_WAIT = 'nf_conntrack_tcp_timeout_time_wait'
const CLOSE = 'nf_conntrack_tcp_timeout_close'

describe('the maximum', () => {
  it('has a quarter of headroom above the upper end of the level', () => {
    const first = { ...outcome({}, 0), projection: projection(400_000, 390_000, 410_000) }
    const advice = advise([first])
    expect(advice).toMatchObject({ need: 410_000, isEnough: false })
    expect(advice.maximum).toBeGreaterThanOrEqual(410_000 * 1.25)
    expect(advice.maximum).toBeLessThan(410_000 * 1.25 * 1.13)
    expect(advice.buckets).toBe(advice.maximum)
  })

  it('is the smallest with headroom where the present one is enough, or no limit', () => {
    const { isEnough, maximum, buckets } = advise([outcome({}, 100_000)])
    expect([isEnough, buckets]).toEqual([true, maximum])
    expect(maximum).toBeGreaterThanOrEqual(125_000)
    expect(maximum).toBeLessThan(125_000 * 1.13)
    expect(advise([outcome({ nf_conntrack_max: 0 }, 9_000_000)]).isEnough).toBe(true)
  })

  it('goes by the peak where the projection rests on too little, or there is none', () => {
    const vague = { ...outcome({}, 0), projection: projection(900_000, 10, 1_800_000) }
    expect(advise([vague]).need).toBe(1000)
    expect(advise([{ ...vague, projection: null }]).need).toBe(1000)
  })

  it('leaves room for what traffic outside the capture holds', () => {
    expect(advise([outcome({ nf_conntrack_count: 50_000 }, 20_000)]).need).toBe(70_000)
  })

  it('comes with buckets, one an entry', () => {
    expect(advise([outcome({ nf_conntrack_buckets: 16384 }, 100_000)])).toMatchObject({
      isEnough: true,
      maximum: 131072,
      buckets: 131072,
    })
  })
})

describe('the timeout', () => {
  it('is that which saves most', () => {
    const { timeout } = advise([
      outcome({}, 100_000),
      outcome({ [CLOSE]: 5 }, 90_000),
      outcome({ [TIME_WAIT]: 60 }, 50_000),
    ])
    expect(timeout).toEqual({ scenario: 2, name: TIME_WAIT, value: 60, saves: 50_000 })
  })

  it('cuts no flow if another one does not', () => {
    const { timeout } = advise([
      outcome({}, 100_000),
      outcome({ [TIME_WAIT]: 30 }, 10_000, 3),
      outcome({ [TIME_WAIT]: 60 }, 50_000),
      outcome({ [TIME_WAIT]: 40 }, 20_000, 1),
    ])
    expect(timeout).toMatchObject({ scenario: 2, value: 60 })
  })

  it('cuts some if all do', () => {
    const { timeout } = advise([outcome({}, 100_000), outcome({ [TIME_WAIT]: 30 }, 10_000, 3)])
    expect(timeout).toMatchObject({ scenario: 1 })
  })

  it('is none that saves little, is raised, is no timeout, or not the only change', () => {
    const { timeout, tried } = advise([
      outcome({}, 100_000),
      outcome({ [TIME_WAIT]: 119 }, 99_000),
      outcome({ [TIME_WAIT]: 118 }, 98_000),
      outcome({ [TIME_WAIT]: 240 }, 1_000),
      outcome({ nf_conntrack_tcp_loose: 0 }, 1_000),
      outcome({ [TIME_WAIT]: 30, [CLOSE]: 5 }, 1_000),
    ])
    expect(timeout).toBeNull()
    expect(tried).toEqual({ scenario: 2, name: TIME_WAIT, value: 118, saves: 2000, count: 2 })
  })

  it('is none, and none was tried, where no scenario lowers one', () => {
    expect(advise([outcome({}, 100_000)])).toMatchObject({ timeout: null, tried: null })
  })
})
