// The report on one screen: a pure function of the Report, section by section.
import { captureLines } from './capture-section.ts'
import { flowLines } from './flow-section.ts'
import type { Report } from './model.ts'
import { createStyle, type Style } from './style.ts'
import { tableLines } from './table-section.ts'
import { verdictLines } from './verdict-section.ts'
import { wrap } from './wrap.ts'

export interface TextOptions {
  /** Whether escape sequences are wanted. */
  color: boolean
  /** Columns to wrap prose at; tuples and commands are never broken. */
  width: number
}

/** Columns of the section titles; what is said of each stands to the right of them. */
const MARGIN = 10

/** Renders the report for people. */
export function renderText(report: Report, { color, width }: TextOptions): string {
  const style = createStyle(color)
  const prose = width - MARGIN
  const sections: [string, string[]][] = [
    ['Capture', wrap(captureLines(report, style), prose)],
    ['Verdict', wrap(verdictLines(report, style), prose)],
    ['Flows', flowLines(report, style, prose)],
    ['Table', wrap(tableLines(report, style), prose)],
    [
      'Limits',
      wrap(
        report.limits.map(limit => `- ${limit.text}`),
        prose,
      ),
    ],
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
