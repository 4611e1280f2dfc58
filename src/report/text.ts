// The report on one screen: a pure function of the Report, section by section.
import { captureLines } from './capture-section.ts'
import { flowLines } from './flow-section.ts'
import type { Report } from './model.ts'
import { renderSections, SECTION_MARGIN } from './sections.ts'
import { createStyle } from './style.ts'
import { tableLines } from './table-section.ts'
import { verdictLines } from './verdict-section.ts'
import { wrap } from './wrap.ts'

export interface TextOptions {
  /** Whether escape sequences are wanted. */
  color: boolean
  /** Columns to wrap prose at; tuples and commands are never broken. */
  width: number
}

/** Renders the report for people. */
export function renderText(report: Report, { color, width }: TextOptions): string {
  const style = createStyle(color)
  const prose = width - SECTION_MARGIN
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
  return renderSections(sections, style)
}
