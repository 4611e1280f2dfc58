// The SizeReport for people: the table over time, what it holds, the scenarios side by side, the advice.
import { isTelling } from '../../sizing/projection.ts'
import { filterLines } from '../analyze/capture-section.ts'
import { otherDataPlane } from '../analyze/data-plane.ts'
import { kernelLine } from '../analyze/kernel-report.ts'
import { peakLines } from '../analyze/table-section.ts'
import { commandLines } from '../text/command.ts'
import { formatCount, formatDuration, formatMemory, plural, printable } from '../text/format.ts'
import { type Column, fitTable } from '../text/rows.ts'
import { renderSections, SECTION_MARGIN } from '../text/sections.ts'
import { createStyle, type Style } from '../text/style.ts'
import { WallClock } from '../text/wall-clock.ts'
import { wrap } from '../text/wrap.ts'
import { cost } from './advice-report.ts'
import { chartLines } from './size-chart.ts'
import type { LossReport, ScenarioReport, SizeReport } from './size-model.ts'

export interface SizeTextOptions {
  /** Whether escape sequences are wanted. */
  color: boolean
  /** Columns of the chart, and to wrap prose at. */
  width: number
  /** Whose times of day: a name of the IANA database, or `UTC`. */
  zone: string
  /** Whether the chart is to be drawn in ASCII. */
  ascii: boolean
}

/** Renders the report for people. */
export function renderSizeText(report: SizeReport, { color, width, zone, ascii }: SizeTextOptions): string {
  const style = createStyle(color)
  const prose = width - SECTION_MARGIN
  const page = { style, width, clock: new WallClock(zone) }
  const [first] = report.scenarios
  const limit = Math.max(first.table.max - first.table.outside, 0)
  return renderSections(
    [
      ['Capture', wrap(captureLines(report, style), prose)],
      ['Size', chartLines(report.series, { width: prose, duration: report.duration, ascii, limit }, style)],
      [
        'Table',
        first.table.peak.entries === 0
          ? ['no entry was made']
          : wrap(peakLines(first.table, report.duration, page), prose),
      ],
      [
        'What if',
        [
          ...scenarioLines(report.scenarios, style, prose),
          ...wrap(lossLines(report), prose),
          ...acceptLines(report, style, prose),
          ...wrap([LEGEND], prose),
        ],
      ],
      ['Advice', first.table.peak.entries === 0 ? [] : adviceLines(report, style, prose)],
    ],
    style,
  )
}

function captureLines({ captures, filter, kernel, dataPlane, settings }: SizeReport, style: Style): string[] {
  const changed = Object.entries(settings).map(([name, value]) => `${name}=${value}`)
  return [
    ...captures.map(
      ({ path, frames, duration }) =>
        `${printable(path)}: ${plural(frames, 'frame')} in ${formatDuration(duration)}`,
    ),
    ...filterLines(filter, style),
    ...(kernel.origin === 'default' ? [] : [kernelLine(kernel)]),
    ...(changed.length === 0 ? [] : [`replayed with ${changed.join(' ')}`]),
    ...(dataPlane === undefined ? [] : [otherDataPlane(dataPlane)]),
  ]
}

/** Kinds of refused flows that are named. */
const NAMED_REFUSALS = 8

const COLUMNS: readonly Column[] = [
  { title: '', alignment: 'left', rank: 0 },
  { title: 'peak live', alignment: 'right', rank: 0 },
  { title: 'peak count', alignment: 'right', rank: 2 },
  { title: 'at this rate', alignment: 'right', rank: 0 },
  { title: 'refused', alignment: 'right', rank: 0 },
  { title: 'lost', alignment: 'right', rank: 0 },
  { title: 'memory', alignment: 'right', rank: 1 },
  { title: 'chain', alignment: 'right', rank: 3 },
]

/** What the columns mean. */
const LEGEND =
  '- peak live: entries not expired; peak count: nf_conntrack_count, which expired ones are part of until the kernel ' +
  'collects them; at this rate: where the table would settle; refused: connections that a full table would refuse; ' +
  'lost: connections that lose their entry or their NAT; chain: keys in a bucket'

/** A line a scenario, the titles of the columns first. */
function scenarioLines(scenarios: readonly ScenarioReport[], style: Style, width: number): string[] {
  const rows = scenarios.map((scenario, i) => scenarioRow(scenario, i === 0, style))
  return fitTable(COLUMNS, rows, width)
}

function scenarioRow(scenario: ScenarioReport, isFirst: boolean, style: Style): string[] {
  const { table, loss } = scenario
  const lost = loss.cut + loss.untranslated + (loss.refused ?? 0)
  return [
    printable(scenario.name),
    formatCount(table.peak.entries),
    formatCount(table.countPeak.entries),
    levelCell(scenario, style),
    table.refused === null
      ? '-'
      : table.refused.connections === 0
        ? '0'
        : style.red(formatCount(table.refused.connections)),
    isFirst ? '-' : lost === 0 ? '0' : style.yellow(formatCount(lost)),
    formatMemory(scenario.memoryBytes),
    scenario.chainLength < 0.01 ? '<0.01' : String(scenario.chainLength),
  ]
}

/** Where the table levels off; red where that is more than it may hold. */
function levelCell({ table }: ScenarioReport, style: Style): string {
  const { projection, max, outside } = table
  if (projection === null) return table.peak.entries === 0 ? '0' : 'full'
  if (!isTelling(projection)) return '?'
  const text = `${formatCount(projection.level)}${projection.rising > 0 ? '+' : ''}`
  return max > 0 && projection.level + outside > max ? style.red(text) : text
}

/** What the scenarios lose, and what the columns mean where that is not plain. */
function lossLines({ scenarios }: SizeReport): string[] {
  const lines: string[] = []
  for (const { name, loss } of scenarios) {
    if (loss.cut > 0) lines.push(`- ${printable(name)}: ${cost(loss)}`)
    if (loss.untranslated > 0)
      lines.push(
        `- ${printable(name)}: ${plural(loss.untranslated, 'flow')} with NAT would leave untranslated`,
      )
    if ((loss.refused ?? 0) > 0) lines.push(...refusalLines(name, loss))
    if (loss.unrelated > 0)
      lines.push(
        `- ${printable(name)}: ${plural(loss.unrelated, 'ICMP error')} would not be RELATED to a flow`,
      )
  }
  if (scenarios.some(({ table }) => (table.projection?.rising ?? 0) > 0)) {
    lines.push('- +: established connections still grew at the end of the capture')
  }
  if (scenarios.some(({ table }) => table.projection !== null && !isTelling(table.projection))) {
    lines.push('- ?: too few flows to tell')
  }
  return lines
}

/** Which rules refuse what, and what would let it through. */
function refusalLines(name: string, { refused = 0, refusals = [] }: LossReport): string[] {
  const lines = [`- ${printable(name)}: rules would refuse ${plural(refused, 'flow')}`]
  for (const { rule, protocol, port, isAnswer, flows } of refusals.slice(0, NAMED_REFUSALS)) {
    const what = `${protocol}${port === null ? '' : ` port ${port}`}${isAnswer ? ', answers' : ''}`
    lines.push(
      `  ${plural(flows, 'flow')} (${what}): ${rule === null ? 'one of several rules' : printable(rule)}`,
    )
  }
  if (refusals.length > NAMED_REFUSALS)
    lines.push(`  and ${formatCount(refusals.length - NAMED_REFUSALS)} more kinds`)
  return lines
}

/** Rules that would let through what is not tracked any more, as they are typed. */
function acceptLines({ scenarios }: SizeReport, style: Style, width: number): string[] {
  const refusals = scenarios.flatMap(({ loss }) => loss.refusals ?? [])
  const accepts = [...new Set(refusals.flatMap(({ accept }) => (accept === null ? [] : [accept])))]
  if (accepts.length === 0) return []
  return [
    ...wrap(
      [
        '- untracked packets need rules of their own; run it again with them, rules behind them may refuse more:',
      ],
      width,
    ),
    ...accepts.slice(0, NAMED_REFUSALS).flatMap(accept => boldCommand(accept, style, width)),
  ]
}

function boldCommand(command: string, style: Style, width: number): string[] {
  return commandLines(command, width, '  ').map(line => style.bold(line))
}

function adviceLines({ advice, scenarios }: SizeReport, style: Style, width: number): string[] {
  const { need, isEnough, lines, noTimeout } = advice
  const { max } = scenarios[0].table
  const first = isEnough
    ? `nf_conntrack_max ${max === 0 ? '0 is no limit' : `${formatCount(max)} is enough`}: ${plural(need, 'entry', 'entries')} needed`
    : `${plural(need, 'entry', 'entries')} needed, nf_conntrack_max ${formatCount(max)} leaves too little room`
  return [
    ...wrap([first], width),
    ...lines.flatMap(({ command, reason }) => [
      ...wrap([reason], width),
      ...boldCommand(command, style, width),
    ]),
    ...wrap(noTimeout === null ? [] : [noTimeout], width),
  ]
}
