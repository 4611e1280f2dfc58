// Sections of a report for people: a title each, and lines to the right of it.
import type { Style } from './style.ts'

/** Columns of the titles. */
export const SECTION_MARGIN = 10

/** Renders the sections that have lines, a blank line between them. */
export function renderSections(sections: readonly [title: string, lines: string[]][], style: Style): string {
  return `${sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => renderSection(title, lines, style))
    .join('\n\n')}\n`
}

function renderSection(title: string, lines: string[], style: Style): string {
  const margin = ' '.repeat(SECTION_MARGIN)
  return lines
    .map((line, i) => `${i === 0 ? style.bold(title) + margin.slice(title.length) : margin}${line}`)
    .map(line => line.trimEnd())
    .join('\n')
}
