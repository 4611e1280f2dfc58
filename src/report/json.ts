// The report as one JSON document: docs/report-schema.md.
import type { Report } from './model.ts'

/** Two spaces deep, one line's end at the end. */
export function renderJson(report: Report): string {
  return `${JSON.stringify(report, null, 2)}\n`
}
