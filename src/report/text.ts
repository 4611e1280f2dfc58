// The report on one screen: a pure function of the Report, section by section.
import picocolors from 'picocolors'
import { captureLines } from './capture-section.ts'
import { flowLines } from './flow-section.ts'
import type { Report } from './model.ts'
import { tableLines } from './table-section.ts'
import { verdictLines } from './verdict-section.ts'

export type Style = ReturnType<typeof picocolors.createColors>

/** Columns of the section titles; what is said of each stands to the right of them. */
const MARGIN = 10

/** Renders the report for people; `color` says whether escape sequences are wanted. */
export function renderText(report: Report, color: boolean): string {
  const style = picocolors.createColors(color)
  const sections: [string, string[]][] = [
    ['Capture', captureLines(report, style)],
    ['Verdict', verdictLines(report, style)],
    ['Flows', flowLines(report, style)],
    ['Table', tableLines(report, style)],
    ['Limits', report.limits.map(limit => `- ${limit.text}`)],
  ]
  return `${sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => renderSection(title, lines, style))
    .join('\n\n')}\n`
}

function renderSection(title: string, lines: string[], style: Style): string {
  const margin = ' '.repeat(MARGIN)
  return lines
    .map((line, i) => `${i === 0 ? style.bold(title) + margin.slice(title.length) : margin}${line}`)
    .map(line => line.trimEnd())
    .join('\n')
}
