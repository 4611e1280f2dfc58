// Engine, counts and findings into the Report.

import type { Settings } from '../../conntrack/settings.ts'
import type { InvalidPackets } from '../../findings/counts/invalid.ts'
import type { InvalidFates } from '../../findings/counts/invalid-fates.ts'
import type { CheckedTranslations } from '../../findings/counts/translation-check.ts'
import type { UnrepliedFlows, UnrepliedGroup } from '../../findings/counts/unreplied.ts'
import type { Verdicts } from '../../findings/counts/verdicts.ts'
import type { MidStreamPickups } from '../../findings/detectors/mid-stream-pickup.ts'
import type { ObjectionGroup } from '../../findings/detectors/object-check.ts'
import type { TableCheck } from '../../findings/detectors/table-file-contradicted.ts'
import type { Budget } from '../../findings/evidence/budget.ts'
import type { MetTrait } from '../../findings/evidence/kernel-differences.ts'
import type { TwoLives } from '../../findings/evidence/two-lives.ts'
import type { FrameReference } from '../../findings/facts/facts.ts'
import type { FrameGroup } from '../../findings/facts/frame-group.ts'
import type { Finding } from '../../findings/wording/finding.ts'
import type { Names } from '../../host/names/names.ts'
import { tableName } from '../../host/rules/ruleset.ts'
import type { ChangedFates } from '../../host/walk/changed-fates.ts'
import type { ReplayedRules } from '../../host/walk/replayed-rules.ts'
import type { Flows, SortKey } from '../../sizing/flows.ts'
import type { LargestOwners } from '../../sizing/owners/owners.ts'
import type { Sizing } from '../../sizing/sizing.ts'
import { byProtocol, byState, sum, sumByReply } from './by-class.ts'
import { changeReport } from './change-report.ts'
import { changedSettings } from './changed-settings.ts'
import { type Annotations, findingReport } from './finding-report.ts'
import { FlowReporter } from './flow-report.ts'
import { kernelReport } from './kernel-report.ts'
import { type GivenKnowledge, knowledgeReport, withNames, withTarget } from './knowledge-report.ts'
import { knownTableReport } from './known-table.ts'
import { limitsOf } from './limits.ts'
import {
  type CaptureReport,
  type DestinationReport,
  type FilterReport,
  type FlowReport,
  type FlowsReport,
  type InvalidFatesReport,
  REPORT_SCHEMA,
  type Report,
  type SightingsReport,
  type TableOfFlows,
  type UnrepliedReport,
} from './model.ts'
import { tableReport } from './table-report.ts'

/** Destinations of unreplied flows that the report names. */
const NAMED_DESTINATIONS = 10

/** All that a replay leaves behind. */
export interface Replayed extends Tracked, Annotations {
  generator: string
  captures: CaptureReport[]
  filter: FilterReport | null
  sightings: SightingsReport | null
  /** Nanoseconds since 1970 of the first frame; null where there was none. */
  epoch: bigint | null
  /** Nanoseconds from the first frame of the replay to the last. */
  end: number
  settings: Settings
  /** Rules and topology, where they were given. */
  given: GivenKnowledge | null
  checked: CheckedTranslations | null
  /** What Kubernetes objects have against the traffic; null without objects. */
  objections: readonly ObjectionGroup[] | null
  /** The rules that the packets went through, or null. */
  rules: ReplayedRules | null
  /** What other rules in their place would change, or null. */
  changes: ChangedFates | null
  sort: SortKey
  /** What held the table that was given for the start against the traffic, or null. */
  known: TableCheck | null
  tunnelMode: Report['tunnelMode']
  /** Comments on packets that found no room. */
  unkeptComments: number
  tunnels: TrackedTunnel[]
}

/** What went through one table. */
export interface Tracked {
  verdicts: Verdicts
  invalid: InvalidPackets
  /** What rules did to those, or null. */
  invalidFates: InvalidFates | null
  unreplied: UnrepliedFlows
  midStream: MidStreamPickups
  twoLives: TwoLives
  sizing: Sizing
  flows: Flows
  findings: Finding[]
  /** Findings that were not asked for. */
  leftOut: number
  owners: LargestOwners
  /** Searches of findings that had to stop. */
  searches: readonly Budget[]
  /** Rules on which kernels differ that connections met. */
  metTraits: readonly MetTrait[]
}

/** The packets inside of one kind of tunnel. */
export interface TrackedTunnel {
  name: string
  ids: readonly number[]
  hasMoreIds: boolean
  tracked: Tracked
}

/** Builds the report of a finished replay: the same replay, the same report. */
export function buildReport(replayed: Replayed): Report {
  const { captures, sizing, end } = replayed
  const settings = changedSettings(replayed.settings)
  const own = tableOfFlows(replayed, replayed)
  const knownTable = replayed.known === null ? null : knownTableReport(replayed.known)
  const helpers = [
    ...replayed.settings.helpers.map(({ helper, port }) => `${helper}:${port}`),
    ...(replayed.rules?.helpers ?? []).map(({ helper, place }) => `${helper} by ${place}`),
  ]
  return {
    schema: REPORT_SCHEMA,
    generator: replayed.generator,
    captures,
    filter: replayed.filter,
    duration: end / 1e9,
    sightings: replayed.sightings,
    ...(replayed.given === null
      ? {}
      : { knowledge: knowledgeReport(replayed.given, replayed.checked, replayed.objections) }),
    kernel: kernelReport(replayed.settings.kernel),
    ...(helpers.length === 0 ? {} : { helpers }),
    settings,
    knownTable,
    tunnelMode: replayed.tunnelMode,
    ...own,
    ...(replayed.changes === null ? {} : { change: changeReport(replayed.changes, replayed.names) }),
    tunnels: replayed.tunnels.map(({ name, ids, hasMoreIds, tracked }) => ({
      name,
      ids: [...ids],
      hasMoreIds,
      ...tableOfFlows(tracked, replayed),
    })),
    limits: limitsOf({
      merged: replayed.given?.knowledge.merged ?? [],
      kernels: replayed.given?.knowledge.kernels ?? [],
      metTraits: replayed.metTraits,
      captures,
      filter: replayed.filter,
      sightings: replayed.sightings,
      packets: own.packets,
      unreplied: own.unreplied,
      end,
      occupancy: sizing.occupancy,
      settings: replayed.settings,
      midStream: replayed.midStream.withoutStart,
      twoLives: replayed.twoLives,
      knownTable,
      tuned: Object.keys(settings).length > 0,
      leftOut: [replayed, ...replayed.tunnels.map(({ tracked }) => tracked)].reduce(
        (sum, { leftOut }) => sum + leftOut,
        0,
      ),
      searches: [replayed, ...replayed.tunnels.map(({ tracked }) => tracked)].flatMap(each => each.searches),
      rules: replayed.rules,
      unkeptComments: replayed.unkeptComments,
    }),
  }
}

function tableOfFlows(tracked: Tracked, replayed: Replayed): TableOfFlows {
  const { captures, settings, epoch, end, names } = replayed
  return {
    packets: tracked.verdicts.counts(),
    undecodable: tracked.verdicts
      .undecodable()
      .map(({ reason, group }) => ({ reason, ...frameCount(group) })),
    invalid: tracked.invalid
      .byReason()
      .map(({ reason, logged, partial, group }) => ({ reason, ...frameCount(group), logged, partial })),
    ...(tracked.invalidFates === null ? {} : { invalidFates: invalidFatesReport(tracked.invalidFates) }),
    unreplied: unrepliedReport(tracked.unreplied, names),
    flows: flowsReport(tracked.flows, replayed),
    table: tableReport(tracked.sizing, tracked.owners, settings, epoch, end, names),
    findings: tracked.findings.map(finding => findingReport(finding, captures, epoch, replayed)),
  }
}

function invalidFatesReport({ passed, untold, dropped }: InvalidFates): InvalidFatesReport {
  return {
    passed,
    untold,
    dropped: dropped.map(({ place, packets }) => ({
      packets,
      rule: place === null ? null : { ...place, table: tableName(place.table) },
    })),
  }
}

function frameCount(group: FrameGroup): { count: number; firstFrame: number; frames: FrameReference[] } {
  return { count: group.count, firstFrame: group.frames[0]?.frame ?? 0, frames: group.frames }
}

function unrepliedReport(flows: UnrepliedFlows, names: Names): UnrepliedReport {
  const silent = flows.byDestination('silent')
  const refused = flows.byDestination('refused')
  const icmpError = flows.byDestination('icmp-error')
  const invalidAnswer = flows.byDestination('invalid-answer')
  return {
    silent: sumFlows(silent),
    refused: sumFlows(refused),
    icmpError: sumFlows(icmpError),
    invalidAnswer: sumFlows(invalidAnswer),
    oneWay: sumFlows(flows.byDestination('one-way')),
    multicast: sumFlows(flows.byDestination('multicast')),
    tunnel: sumFlows(flows.byDestination('tunnel')),
    destinations: [silent, refused, icmpError, invalidAnswer].flatMap(groups =>
      groups.slice(0, NAMED_DESTINATIONS).map(group => withDestinationName(group, names)),
    ),
  }
}

function withDestinationName(group: UnrepliedGroup, names: Names): DestinationReport {
  const dstName = names.nameAt(group.protocolNumber, group.dst, group.dport)
  return dstName === '' ? group : { ...group, dstName }
}

function sumFlows(groups: { flows: number }[]): number {
  return groups.reduce((sum, group) => sum + group.flows, 0)
}

function flowsReport(
  flows: Flows,
  { epoch, sort, given, captures, names, commentOn }: Replayed,
): FlowsReport {
  const knowledge = given?.knowledge ?? null
  // a flow tells its first frame, and of which capture that is only where there is one
  const commented = (flow: FlowReport): FlowReport => {
    const comment = captures.length === 1 ? commentOn({ capture: 0, frame: flow.firstFrame }) : ''
    return comment === '' ? flow : { ...flow, comment }
  }
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
    top: flows.top().map(flow => commented(withNames(withTarget(reporter.report(flow), knowledge), names))),
  }
}
