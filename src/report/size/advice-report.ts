// What `ctpcap size` advises: a maximum, buckets for it and one timeout, each ready to run, and what each costs.
import type { Settings, SysctlName } from '../../conntrack/settings.ts'
import type { Advice } from '../../sizing/advice.ts'
import { tableMemory } from '../../sizing/memory.ts'
import { namesText } from '../analyze/knowledge-report.ts'
import type { FlowReport } from '../analyze/model.ts'
import { tupleText } from '../analyze/tuple-text.ts'
import { formatCount, formatDuration, formatMemory, plural } from '../text/format.ts'
import type { AdviceReport, LossReport, ScenarioReport } from './size-model.ts'

/** A source with such a share of all entries is told of by itself. */
const MOST = 0.75

/**
 * @param settings of the table as captured
 * @param duration seconds from the first frame to the last
 */
export function adviceReport(
  advice: Advice,
  scenarios: readonly ScenarioReport[],
  settings: Settings,
  duration: number,
): AdviceReport {
  const { need, isEnough, timeout } = advice
  if (need === 0) return { need, isEnough, lines: [], noTimeout: null }
  // what is enough is not lowered: room costs no memory before it is used
  const lines = [
    ...(isEnough ? [] : [...sourceLine(scenarios[0]), maximumLine(advice, settings)]),
    ...(settings.nf_conntrack_buckets >= advice.buckets ? [] : [bucketsLine(advice, settings)]),
  ]
  const tried = timeout === null ? undefined : scenarios[timeout.scenario]
  if (timeout === null || tried === undefined) return { need, isEnough, lines, noTimeout: noTimeout(advice) }
  const { name, value, saves } = timeout
  const effect = `${plural(Math.round(saves), 'entry', 'entries')} less (now ${settings[name]} s); ${costOf(tried.loss, value, duration)}`
  if (isEnough) {
    const short = `${name.slice('nf_conntrack_'.length)}=${value}`
    return { need, isEnough, lines, noTimeout: `no timeout has to be lowered; ${short}: ${effect}` }
  }
  return { need, isEnough, lines: [...lines, { command: set(name, value), reason: effect }], noTimeout: null }
}

/** The one source that most entries are of: what it does is to be asked before a table is made larger for it. */
function sourceLine(captured: ScenarioReport | undefined): AdviceReport['lines'] {
  const { owners, peak } = captured?.table ?? {}
  const [largest] = owners?.sources ?? []
  if (largest === undefined || peak === undefined || largest.atPeak < peak.entries * MOST) return []
  const { name, atPeak } = largest
  const share = Math.floor((100 * atPeak) / peak.entries)
  return [
    {
      command: `conntrack -L --orig-src ${name}`,
      reason: `${formatCount(atPeak)} of ${plural(peak.entries, 'entry', 'entries')} at the peak (${share} %) are of one source: what it opens them for, before the table is made larger for it`,
    },
  ]
}

function maximumLine({ need, maximum }: Advice, settings: Settings): AdviceReport['lines'][number] {
  return {
    command: set('nf_conntrack_max', maximum),
    reason: `for ${plural(need, 'entry', 'entries')} and a quarter of headroom, ${formatMemory(tableMemory(maximum, 0))} when full (now ${formatCount(settings.nf_conntrack_max)})`,
  }
}

function bucketsLine({ buckets, maximum }: Advice, settings: Settings): AdviceReport['lines'][number] {
  const { nf_conntrack_buckets: now } = settings
  return {
    command: set('nf_conntrack_buckets', buckets),
    reason: `hashsize of the module: chains of ${chain(maximum, buckets)} keys when full, ${formatMemory(tableMemory(0, buckets))} at once (now ${formatCount(now)}: chains of ${chain(maximum, now)})`,
  }
}

/** Keys in a bucket when `entries` fill the table, two an entry. */
function chain(entries: number, buckets: number): number {
  return Number(((2 * entries) / buckets).toPrecision(2))
}

/** Why no timeout is among the lines. */
function noTimeout({ tried, need }: Advice): string {
  if (tried === null)
    return 'no timeout: none of the scenarios lowers a single one, as --sweep does and as is done without options'
  const { count, name, value, saves } = tried
  const best = `${count === 1 ? 'the one tried' : `the best of ${count} tried`}, ${name.slice('nf_conntrack_'.length)}=${value}`
  if (saves <= 0)
    return `no timeout buys anything: ${best}, saves none of ${plural(need, 'entry', 'entries')}`
  return `no timeout buys much: ${best}, saves ${formatCount(saves)} of ${plural(need, 'entry', 'entries')}`
}

/** What a shorter timeout would have done to the flows of the capture, if that is long enough to tell. */
function costOf(loss: LossReport, value: number, duration: number): string {
  if (loss.cut > 0) return cost(loss)
  if (duration > value) return 'no flow of this capture was silent for so long and then went on'
  return `the capture is too short to tell which flows that cuts (${formatDuration(duration)} of capture against ${value} s)`
}

/** The flows that a scenario cuts. */
export function cost({ cut, examples }: LossReport): string {
  const named = examples.map(
    ({ flow, idle }) => `${nameOf(flow)}${idle > 0 ? ` (silent for ${idle.toFixed(1)} s)` : ''}`,
  )
  return `cuts ${plural(cut, 'flow')} of this capture: ${named.join('; ')}${cut > named.length ? '; …' : ''}`
}

function nameOf(flow: FlowReport): string {
  const { protocol, orig } = flow
  const names = namesText(flow)
  return `${protocol} ${tupleText(orig)}${names === '' ? '' : ` (${names})`}`
}

function set(name: SysctlName, value: number): string {
  return `sysctl -w net.netfilter.${name}=${value}`
}
