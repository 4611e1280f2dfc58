// What rules met and dropped in a replay into the RulesReport.

import type { Names } from '../../host/names/names.ts'
import type { Chain, Rule } from '../../host/rules/ruleset.ts'
import { tableParts } from '../../host/rules/ruleset.ts'
import type { ChangedFates } from '../../host/walk/changed-fates.ts'
import { BY_HOST, type PacketGroup } from '../../host/walk/grouped-packets.ts'
import type { ReplayedRules } from '../../host/walk/replayed-rules.ts'
import { changeReport, packetGroup } from '../analyze/change-report.ts'
import type { CaptureReport, FilterReport } from '../analyze/model.ts'
import { ruleLimits } from '../analyze/rule-limits.ts'
import { type DroppedReport, RULES_SCHEMA, type RuleReport, type RulesReport } from './rules-model.ts'

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
  /** What other rules change; null for none. */
  changes: ChangedFates | null
  /** What the ends of flows are called. */
  names: Names
}

export function buildRulesReport(ruled: Ruled): RulesReport {
  const { rules, names } = ruled
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
    dropped: dropped.groups
      .toSorted((a, b) => b.packets - a.packets)
      .map(group => droppedReport(group, names)),
    droppedOthers: dropped.others,
    change: ruled.changes === null ? null : changeReport(ruled.changes, names),
    limits: ruleLimits(rules).map(({ text }) => text),
  }
}

function ruleOf(
  { base, name, table }: Chain,
  rule: Rule | null,
): Omit<RuleReport, 'packets' | 'bytes' | 'untold' | 'first' | 'last'> {
  const own = { ...tableParts(table), chain: name }
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

function droppedReport(group: PacketGroup, names: Names): DroppedReport {
  return {
    rule: group.decided < 0 ? null : group.decided,
    isByHost: group.decided === BY_HOST,
    ...packetGroup(group, names),
  }
}
