// The RulesReport for people: each chain with what its rules met, those that met nothing, and what was dropped.
import { changeLines, endsText } from '../analyze/change-report.ts'
import { formatBytes, formatCount, formatInstant, plural, printable } from '../text/format.ts'
import { renderSections, SECTION_MARGIN } from '../text/sections.ts'
import { createStyle, type Style } from '../text/style.ts'
import { labelled, wrap } from '../text/wrap.ts'
import type { DroppedReport, RuleReport, RulesReport } from './rules-model.ts'

/** Groups of dropped packets that are named, and rules without packets. */
const NAMED_GROUPS = 20
const NAMED_UNUSED = 40

export interface RulesTextOptions {
  /** Whether escape sequences are wanted. */
  color: boolean
  /** Columns of a line. */
  width: number
}

/** Renders the report for people. */
export function renderRulesText(report: RulesReport, { color, width }: RulesTextOptions): string {
  const style = createStyle(color)
  const prose = width - SECTION_MARGIN
  return renderSections(
    [
      ['Packets', wrap([packetLine(report)], prose)],
      ...chainsOf(report.rules).map((rules, i): [string, string[]] => [
        i === 0 ? 'Rules' : '',
        chainLines(rules, style, prose),
      ]),
      ['Unused', wrap(unusedLines(report.rules), prose)],
      ['Dropped', droppedLines(report, prose)],
      ['Change', report.change === null ? [] : changeLines(report.change, prose)],
      ['Limits', wrap(report.limits, prose)],
    ],
    style,
  )
}

function packetLine({ packets, fates }: RulesReport): string {
  const words = Object.entries(fates)
    .toSorted(([, a], [, b]) => b - a)
    .map(([fate, count]) => `${formatCount(count)} ${fate}`)
  return `${plural(packets, 'packet')} replayed through the rules: ${words.length === 0 ? 'none' : words.join(', ')}`
}

/** Rules of each chain that met anything, in the order of the files. */
function chainsOf(rules: readonly RuleReport[]): RuleReport[][] {
  const chains = new Map<string, RuleReport[]>()
  for (const rule of rules) {
    if (!isMet(rule)) continue
    const key = `${rule.family} ${rule.table} ${rule.chain}`
    const known = chains.get(key)
    if (known === undefined) chains.set(key, [rule])
    else known.push(rule)
  }
  return [...chains.values()]
}

function isMet({ packets, untold }: RuleReport): boolean {
  return packets + untold > 0
}

function chainLines(rules: readonly RuleReport[], style: Style, width: number): string[] {
  const [first] = rules
  if (first === undefined) return []
  const policies = rules.filter(({ isPolicy }) => isPolicy)
  const others = rules.filter(({ isPolicy }) => !isPolicy)
  return [
    style.bold(`${first.family} ${first.table} ${first.chain}`),
    ...[...others, ...policies].flatMap(rule => ruleLines(rule, width)),
  ]
}

function ruleLines(rule: RuleReport, width: number): string[] {
  const untold = rule.untold === 0 ? '' : ` to ${formatCount(rule.packets + rule.untold)}`
  const count = `${formatCount(rule.packets)}${untold}`.padStart(9)
  const bytes = formatBytes(rule.bytes).padStart(7)
  const last = rule.last === null ? '' : ` last ${formatInstant(rule.last)}`
  return labelled(`${count} ${bytes}  `, `${placeText(rule)}${printable(rule.text)}${last}`, width)
}

function placeText({ file, line, isPolicy }: RuleReport): string {
  if (isPolicy) return 'policy '
  // what nft writes of a rule has its handle
  return line === null ? '' : `${printable(file ?? '')}:${line} `
}

function unusedLines(rules: readonly RuleReport[]): string[] {
  const unused = rules.filter(rule => !rule.isPolicy && !isMet(rule))
  if (unused.length === 0) return []
  const named = unused
    .slice(0, NAMED_UNUSED)
    .map(({ file, line, handle }) =>
      line === null ? `handle ${handle}` : `${printable(file ?? '')}:${line}`,
    )
  const more = unused.length > named.length ? `, and ${formatCount(unused.length - named.length)} more` : ''
  return [`${plural(unused.length, 'rule')} met no packet of the captures: ${named.join(', ')}${more}`]
}

function droppedLines({ dropped, droppedOthers, rules }: RulesReport, width: number): string[] {
  const lines = dropped.slice(0, NAMED_GROUPS).flatMap(group => droppedLine(group, rules, width))
  const rest = dropped.slice(NAMED_GROUPS).reduce((sum, { packets }) => sum + packets, 0) + droppedOthers
  if (rest > 0) lines.push(`and ${plural(rest, 'packet')} of other flows`)
  return lines
}

function droppedLine(group: DroppedReport, rules: readonly RuleReport[], width: number): string[] {
  const rule = group.rule === null ? undefined : rules[group.rule]
  const by =
    rule === undefined
      ? group.isByHost
        ? 'the host itself'
        : 'one of several rules'
      : rule.isPolicy
        ? `policy of ${rule.chain}`
        : `${placeText(rule)}${printable(rule.text)}`
  const line = `${group.protocol} ${endsText(group)} ${group.state}: ${by}`
  return labelled(`${formatCount(group.packets).padStart(9)}  `, line, width)
}
