// Sections of a report for people: a title each, and lines to the right of it.
import type { Style } from './style.ts'
import { columns } from './wrap.ts'

/** Columns of the titles. */
export const SECTION_MARGIN = 10

export type Section = readonly [title: string, lines: string[]]

/** Renders the sections that have lines. @param between what stands between two of them: a blank line, or nothing */
export function renderSections(sections: readonly Section[], style: Style, between = '\n'): string {
  return sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `${titled(title, lines, style.bold).join('\n')}\n`)
    .join(between)
}

/** Lines to the right of a title: `ERROR     …`. @param paint what the title looks like */
export function titled(title: string, lines: readonly string[], paint: (title: string) => string): string[] {
  const margin = ' '.repeat(SECTION_MARGIN)
  const beside = ' '.repeat(Math.max(SECTION_MARGIN - columns(title), 1))
  return lines.map((line, i) => `${i === 0 ? paint(title) + beside : margin}${line}`.trimEnd())
}
