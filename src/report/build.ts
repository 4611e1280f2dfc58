// Engine, counts and findings into the Report.
import { describeClass, OCCUPANCY_CLASSES } from '../conntrack/occupancy-class.ts'
import { defaultSettings, type Settings, type SysctlName } from '../conntrack/settings.ts'
import type { Finding, FrameReference } from '../findings/finding.ts'
import type { FrameGroup } from '../findings/frame-group.ts'
import type { InvalidPackets } from '../findings/invalid.ts'
import type { MidStreamPickups } from '../findings/mid-stream.ts'
import type { UnrepliedFlows } from '../findings/unreplied.ts'
import type { Verdicts } from '../findings/verdicts.ts'
import type { Flows, SortKey } from '../sizing/flows.ts'
import { tableMemory } from '../sizing/memory.ts'
import type { Occupancy } from '../sizing/occupancy.ts'
import { FlowReporter } from './flow-report.ts'
import { formatTime } from './format.ts'
import { limitsOf } from './limits.ts'
import {
  type CaptureReport,
  type FindingReport,
  type FlowsReport,
  REPORT_SCHEMA,
  type Report,
  type TableReport,
  type UnrepliedReport,
} from './model.ts'
import { tsharkFrames } from './tshark.ts'

/** Destinations of unreplied flows that the report names. */
const NAMED_DESTINATIONS = 10

/** All that a replay leaves behind. */
export interface Replayed {
  generator: string
  captures: CaptureReport[]
  /** Nanoseconds since 1970 of the first frame; null where there was none. */
  epoch: bigint | null
  /** Nanoseconds from the first frame of the replay to the last. */
  end: number
  settings: Settings
  verdicts: Verdicts
  invalid: InvalidPackets
  unreplied: UnrepliedFlows
  midStream: MidStreamPickups
  occupancy: Occupancy
  flows: Flows
  sort: SortKey
  findings: Finding[]
}

/** Builds the report of a finished replay: the same replay, the same report. */
export function buildReport(replayed: Replayed): Report {
  const { captures, occupancy, end } = replayed
  const packets = replayed.verdicts.counts()
  const unreplied = unrepliedReport(replayed.unreplied)
  const settings = changedSettings(replayed.settings)
  return {
    schema: REPORT_SCHEMA,
    generator: replayed.generator,
    captures,
    duration: end / 1e9,
    settings,
    packets,
    undecodable: replayed.verdicts
      .undecodable()
      .map(({ reason, group }) => ({ reason, ...frameCount(group) })),
    invalid: replayed.invalid
      .byReason()
      .map(({ reason, logged, group }) => ({ reason, ...frameCount(group), logged })),
    unreplied,
    flows: flowsReport(replayed),
    table: tableReport(replayed),
    findings: replayed.findings.map(finding => findingReport(finding, captures)),
    limits: limitsOf({
      captures,
      packets,
      unreplied,
      end,
      occupancy,
      settings: replayed.settings,
      midStream: replayed.midStream.count,
      tuned: Object.keys(settings).length > 0,
    }),
  }
}

function changedSettings(settings: Settings): Record<string, number> {
  const defaults = defaultSettings()
  const changed: Record<string, number> = {}
  for (const name of Object.keys(defaults) as SysctlName[]) {
    if (settings[name] !== defaults[name]) changed[name] = settings[name]
  }
  return changed
}

function frameCount(group: FrameGroup): { count: number; firstFrame: number; frames: FrameReference[] } {
  return { count: group.count, firstFrame: group.frames[0].frame, frames: group.frames }
}

function unrepliedReport(flows: UnrepliedFlows): UnrepliedReport {
  const silent = flows.byDestination('silent')
  const refused = flows.byDestination('refused')
  const icmpError = flows.byDestination('icmp-error')
  return {
    silent: sumFlows(silent),
    refused: sumFlows(refused),
    icmpError: sumFlows(icmpError),
    oneWay: sumFlows(flows.byDestination('one-way')),
    multicast: sumFlows(flows.byDestination('multicast')),
    tunnel: sumFlows(flows.byDestination('tunnel')),
    destinations: [silent, refused, icmpError].flatMap(groups => groups.slice(0, NAMED_DESTINATIONS)),
  }
}

function sumFlows(groups: { flows: number }[]): number {
  return groups.reduce((sum, group) => sum + group.flows, 0)
}

function flowsReport(replayed: Replayed): FlowsReport {
  const { flows, epoch, sort } = replayed
  const reporter = new FlowReporter(epoch)
  return {
    total: flows.total,
    unreplied: sumByReply(flows.flows, 'unreplied'),
    assured: sumByReply(flows.flows, 'assured'),
    packets: sum(flows.packets),
    bytes: sum(flows.bytes),
    byProtocol: byProtocol(flows.flows),
    byState: byState(flows.flows),
    sort,
    top: flows.top().map(flow => reporter.report(flow)),
  }
}

function tableReport(replayed: Replayed): TableReport {
  const { occupancy, flows, settings, epoch, end } = replayed
  const atPeak = occupancy.atPeakByClass()
  const { peak, peakTime, exceededTime } = occupancy
  return {
    peak: {
      entries: peak,
      time: peakTime / 1e9,
      timeOfDay: peak === 0 || epoch === null ? null : formatTime(epoch + BigInt(peakTime)),
      byProtocol: byProtocol(atPeak),
      byState: byState(atPeak),
      assured: sumByReply(atPeak, 'assured'),
      unreplied: sumByReply(atPeak, 'unreplied'),
    },
    end: occupancy.live,
    created: flows.total,
    countPeak: { entries: occupancy.countPeak, time: occupancy.countPeakTime / 1e9 },
    max: settings.nf_conntrack_max,
    buckets: settings.nf_conntrack_buckets,
    exceeded: exceededTime < 0 ? null : exceededTime / 1e9,
    memoryBytes: tableMemory(peak, settings.nf_conntrack_buckets),
    entrySeconds: entrySeconds(occupancy, end),
    timelineStep: occupancy.timeline.step / 1e9,
    timeline: occupancy.timeline.steps(end).map(step => ({ ...step, time: step.time / 1e9 })),
  }
}

function findingReport(finding: Finding, captures: CaptureReport[]): FindingReport {
  return { ...finding, tshark: tsharkFrames(captures, finding.frames) }
}

/** Counts by occupancy class: entries now, flows, … */
type ByClass = Int32Array | Float64Array

function sum(counts: ByClass): number {
  let total = 0
  for (const count of counts) total += count
  return total
}

function sumByReply(counts: ByClass, reply: string): number {
  let total = 0
  for (let i = 0; i < OCCUPANCY_CLASSES; i++) if (describeClass(i).reply === reply) total += counts[i]
  return total
}

function byProtocol(counts: ByClass): Record<string, number> {
  const totals: Record<string, number> = {}
  for (let i = 0; i < OCCUPANCY_CLASSES; i++) {
    if (counts[i] === 0) continue
    const { protocol } = describeClass(i)
    totals[protocol] = (totals[protocol] ?? 0) + counts[i]
  }
  return totals
}

function byState(counts: ByClass): Record<string, Record<string, number>> {
  const totals: Record<string, Record<string, number>> = {}
  for (let i = 0; i < OCCUPANCY_CLASSES; i++) {
    const { protocol, state } = describeClass(i)
    if (counts[i] === 0 || state === '') continue
    totals[protocol] ??= {}
    totals[protocol][state] = (totals[protocol][state] ?? 0) + counts[i]
  }
  return totals
}

function entrySeconds(occupancy: Occupancy, end: number): TableReport['entrySeconds'] {
  const totals = new Map<string, { protocol: string; state: string; seconds: number }>()
  for (let i = 0; i < OCCUPANCY_CLASSES; i++) {
    const held = occupancy.heldBy(i, end) / 1e9
    if (held < 1e-6) continue
    const { protocol, state } = describeClass(i)
    const key = `${protocol} ${state}`
    const total = totals.get(key) ?? { protocol, state, seconds: 0 }
    total.seconds += held
    totals.set(key, total)
  }
  return [...totals.values()]
    .map(total => ({ ...total, seconds: Number(total.seconds.toFixed(6)) }))
    .sort((a, b) => b.seconds - a.seconds)
}
