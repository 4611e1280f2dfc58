// What to set: the smallest maximum with headroom, the buckets to go with it, the one timeout that buys most.
import { type Settings, SYSCTLS, type SysctlName } from '../conntrack/settings.ts'
import { isTelling, type Projection } from './projection.ts'

/** Room above the need: bursts, and what other captures would show. */
const HEADROOM = 1.25
/** A timeout that saves less than this share of the need is not worth a change. */
const WORTHWHILE = 0.05

/** What a scenario came to. */
export interface Outcome {
  settings: Settings
  /** The most that nf_conntrack_count showed. */
  countPeak: number
  /** null where something was refused. */
  projection: Projection | null
  /** Flows that lose their entry, or their NAT. */
  lost: number
}

export interface Advice {
  /** Entries that the table must hold: the peak, or where it levels off if that is higher; others' included. */
  need: number
  /** A maximum with headroom; the present one where it is enough. */
  maximum: number
  /** Whether the present maximum is enough. */
  isEnough: boolean
  /** Buckets for chains of two keys in a full table; null where there are as many already. */
  buckets: number | null
  /** The scenario with one lower timeout that needs least and loses nothing, or else that needs least; null = none is worth it. */
  timeout: { scenario: number; name: SysctlName; value: number; saves: number } | null
}

/** @param outcomes of all scenarios; the first is what the others are measured by */
export function advise(outcomes: readonly Outcome[]): Advice {
  const [first] = outcomes
  const { settings } = first
  const need = needOf(first)
  const wanted = roundUp(need * HEADROOM)
  const isEnough = settings.nf_conntrack_max === 0 || wanted <= settings.nf_conntrack_max
  const maximum = isEnough ? settings.nf_conntrack_max : wanted
  const buckets = roundUp(Math.min(wanted, maximum === 0 ? wanted : maximum))
  return {
    need,
    maximum,
    isEnough,
    buckets: settings.nf_conntrack_buckets < buckets ? buckets : null,
    timeout: bestTimeout(outcomes, need),
  }
}

function bestTimeout(outcomes: readonly Outcome[], need: number): Advice['timeout'] {
  let best: Advice['timeout'] = null
  let isHarmless = false
  outcomes.forEach((outcome, scenario) => {
    const name = loweredTimeout(outcomes[0].settings, outcome.settings)
    const saves = need - needOf(outcome)
    if (name === null || saves < need * WORTHWHILE) return
    const harmless = outcome.lost === 0
    if (best !== null && (isHarmless !== harmless ? isHarmless : saves <= best.saves)) return
    best = { scenario, name, value: outcome.settings[name], saves }
    isHarmless = harmless
  })
  return best
}

function needOf({ settings, countPeak, projection }: Outcome): number {
  const level = projection !== null && isTelling(projection) ? projection.high : 0
  return Math.ceil(Math.max(countPeak, level)) + settings.nf_conntrack_count
}

/** The one sysctl that differs, if it is a timeout that was lowered. */
function loweredTimeout(from: Settings, to: Settings): SysctlName | null {
  const differing = (Object.keys(from) as SysctlName[]).filter(name => from[name] !== to[name])
  const [name] = differing
  return differing.length === 1 && SYSCTLS[name].effect === 'timeout' && to[name] < from[name] ? name : null
}

/** To the next eighth of a power of two. */
function roundUp(entries: number): number {
  const step = 2 ** Math.max(Math.floor(Math.log2(Math.max(entries, 1))) - 3, 10)
  return Math.ceil(entries / step) * step
}
