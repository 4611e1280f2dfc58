// What rules met and dropped in a replay into the RulesReport.
import { formatAddress, formatEndpoint } from '../../host/files/network.ts'
import type { Chain, Rule } from '../../host/rules/ruleset.ts'
import type { ChangedFates, Decision } from '../../host/walk/changed-fates.ts'
import { BY_HOST, type PacketGroup } from '../../host/walk/grouped-packets.ts'
import { STATES } from '../../host/walk/packet-end.ts'
import type { ReplayedRules } from '../../host/walk/replayed-rules.ts'
import { placeOf } from '../../host/walk/rule-numbers.ts'
import { protocolName } from '../../net/numbers.ts'
import type { CaptureReport, FilterReport } from '../analyze/model.ts'
import { ruleLimits } from '../analyze/rule-limits.ts'
import {
  type ChangeReport,
  type DecisionReport,
  type DroppedReport,
  RULES_SCHEMA,
  type RuleReport,
  type RulesReport,
} from './rules-model.ts'

/** What a replay through rules leaves. */
export interface Ruled {
  generator: string
  captures: CaptureReport[]
  filter: FilterReport | null
  /** Nanoseconds from the first frame to the last. */
  end: number
  packets: number
  fates: ReadonlyMap<string, number>
  rules: ReplayedRules
  /** Other rules, and what they change; null for none. */
  after: ReplayedRules | null
  changes: ChangedFates | null
}

export function buildRulesReport(ruled: Ruled): RulesReport {
  const { rules } = ruled
  const { numbers, counts, dropped } = rules
  return {
    schema: RULES_SCHEMA,
    generator: ruled.generator,
    captures: ruled.captures,
    filter: ruled.filter,
    duration: ruled.end / 1e9,
    packets: ruled.packets,
    fates: Object.fromEntries(ruled.fates),
    rules: numbers.all.map(({ chain, rule }, number) => ({
      ...ruleOf(chain, rule),
      packets: counts.packets[number] ?? 0,
      bytes: counts.bytes[number] ?? 0,
      untold: counts.untold[number] ?? 0,
      first: secondsOf(counts.first[number]),
      last: secondsOf(counts.last[number]),
    })),
    dropped: dropped.groups.toSorted((a, b) => b.packets - a.packets).map(droppedReport),
    droppedOthers: dropped.others,
    change: changeReport(ruled),
    limits: ruleLimits(rules).map(({ text }) => text),
  }
}

function ruleOf(
  { base, name, table }: Chain,
  rule: Rule | null,
): Omit<RuleReport, 'packets' | 'bytes' | 'untold' | 'first' | 'last'> {
  const words = table.replace(/^nft /, '').split(' ')
  const own = { family: words[0] ?? '', table: words.slice(1).join(' '), chain: name }
  if (rule === null) {
    const text = base?.policy === 'drop' ? 'DROP' : 'ACCEPT'
    return { file: null, line: null, handle: null, ...own, isPolicy: true, text }
  }
  const { file, line, handle, text } = rule.source
  return {
    file,
    line: line < 0 ? null : line,
    handle: handle < 0 ? null : handle,
    ...own,
    isPolicy: false,
    text,
  }
}

function secondsOf(time: number | undefined): number | null {
  return time === undefined || Number.isNaN(time) ? null : time / 1e9
}

function changeReport({ rules, after, changes }: Ruled): ChangeReport | null {
  if (after === null || changes === null) return null
  const { groups, pairs, changed, untold } = changes
  return {
    packets: changed,
    untold,
    groups: groups.groups
      .toSorted((a, b) => b.packets - a.packets)
      .flatMap(group => {
        const pair = pairs[group.decided]
        if (pair === undefined) return []
        return [
          { before: decision(pair.before, rules), after: decision(pair.after, after), ...flowOf(group) },
        ]
      }),
    others: groups.others,
  }
}

function decision({ fate, decided }: Decision, { numbers }: ReplayedRules): DecisionReport {
  const place = placeOf(numbers, decided)
  return { fate, rule: place === null ? null : `${place.place} ${place.text}` }
}

function droppedReport(group: PacketGroup): DroppedReport {
  return {
    rule: group.decided < 0 ? null : group.decided,
    isByHost: group.decided === BY_HOST,
    ...flowOf(group),
  }
}

/** The flow of a group, and how much of it there was. */
function flowOf(group: PacketGroup): Omit<DroppedReport, 'rule' | 'isByHost'> {
  const family = group.family === 6 ? 6 : 4
  return {
    state: STATES[group.state] ?? 'invalid',
    protocol: protocolName(group.protocol),
    source: formatAddress(family, group.source),
    destination: formatEndpoint(family, group.destination, group.destinationPort),
    packets: group.packets,
    bytes: group.bytes,
    frame: group.frame,
    capture: group.capture,
  }
}
