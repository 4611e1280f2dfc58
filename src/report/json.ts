// A report as one JSON document: docs/report-schema.md, docs/size-schema.md, docs/info-schema.md.

import type { Report } from './analyze/model.ts'
import type { InfoReport } from './info/info-report.ts'
import type { RulesReport } from './rules/rules-model.ts'
import type { SizeReport } from './size/size-model.ts'
import type { HostsReport } from './text/hosts.ts'

type Document = Report | RulesReport | SizeReport | InfoReport

/** Objects and lists that are no longer than this stand on one line. */
const LINE = 100
const INDENT = '  '

/** Indented by two spaces, what is short on one line, a line's end at the end. */
export function renderJson(report: Document | HostsReport<Document>): string {
  return `${render(report, '')}\n`
}

function render(value: unknown, indent: string): string {
  const line = JSON.stringify(value)
  if (typeof value !== 'object' || value === null || line.length <= LINE) return line
  const inner = indent + INDENT
  if (Array.isArray(value))
    return block(
      '[',
      value.map(item => render(item, inner)),
      ']',
      indent,
    )
  const fields = Object.entries(value).map(
    ([key, field]) => `${JSON.stringify(key)}: ${render(field, inner)}`,
  )
  return block('{', fields, '}', indent)
}

function block(open: string, items: string[], close: string, indent: string): string {
  return `${open}\n${items.map(item => indent + INDENT + item).join(',\n')}\n${indent}${close}`
}
