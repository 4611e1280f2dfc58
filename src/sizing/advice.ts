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
  /** The smallest maximum with headroom. */
  maximum: number
  /** Whether the present maximum is as large, or there is none. */
  isEnough: boolean
  /** Buckets for chains of two keys when there are as many entries as `maximum`. */
  buckets: number
  /** The scenario with one lower timeout that needs least and loses nothing, or else that needs least; null = none is worth it. */
  timeout: LowerTimeout | null
  /** How many scenarios have one lower timeout, and the one of them that needs least; null = there is none. */
  tried: (LowerTimeout & { count: number }) | null
}

/** A scenario with one lower timeout, and the entries that are not needed then. */
interface LowerTimeout {
  scenario: number
  name: SysctlName
  value: number
  saves: number
}

/** @param outcomes of all scenarios; the first is what the others are measured by */
export function advise(outcomes: readonly Outcome[]): Advice {
  const [first] = outcomes
  const { nf_conntrack_max } = first.settings
  const need = needOf(first)
  const maximum = roundUp(need * HEADROOM)
  const lower = lowerTimeouts(outcomes, need)
  const best = mostSaving(lower)
  const worthwhile = lower.filter(({ saves }) => saves > 0 && saves >= need * WORTHWHILE)
  const harmless = worthwhile.filter(({ scenario }) => outcomes[scenario].lost === 0)
  return {
    need,
    maximum,
    isEnough: nf_conntrack_max === 0 || maximum <= nf_conntrack_max,
    buckets: maximum,
    timeout: mostSaving(harmless) ?? mostSaving(worthwhile),
    tried: best === null ? null : { ...best, count: lower.length },
  }
}

function lowerTimeouts(outcomes: readonly Outcome[], need: number): LowerTimeout[] {
  return outcomes.flatMap((outcome, scenario) => {
    const name = loweredTimeout(outcomes[0].settings, outcome.settings)
    if (name === null) return []
    return [{ scenario, name, value: outcome.settings[name], saves: need - needOf(outcome) }]
  })
}

/** The first of those that save most, or null. */
function mostSaving(timeouts: readonly LowerTimeout[]): LowerTimeout | null {
  return timeouts.reduce<LowerTimeout | null>(
    (best, timeout) => (best === null || timeout.saves > best.saves ? timeout : best),
    null,
  )
}

function needOf({ settings, countPeak, projection }: Outcome): number {
  const level = projection !== null && isTelling(projection) ? projection.high : 0
  return Math.ceil(Math.max(countPeak, level)) + settings.nf_conntrack_count
}

/** The one sysctl that differs, if it is a timeout that was lowered. */
function loweredTimeout(from: Settings, to: Settings): SysctlName | null {
  if (from.kernel.release !== to.kernel.release) return null
  const differing = (Object.keys(SYSCTLS) as SysctlName[]).filter(name => from[name] !== to[name])
  const [name] = differing
  return differing.length === 1 && SYSCTLS[name].effect === 'timeout' && to[name] < from[name] ? name : null
}

/** To the next eighth of a power of two. */
function roundUp(entries: number): number {
  const step = 2 ** Math.max(Math.floor(Math.log2(Math.max(entries, 1))) - 3, 10)
  return Math.ceil(entries / step) * step
}
