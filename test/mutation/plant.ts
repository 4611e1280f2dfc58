// Source text with one fault in it, or with marks that tell which faults a test runs through.
import type { Site } from './sites.ts'

declare global {
  /** Set while coverage is measured: notes that the fault of this number was run through. */
  var noteHit: ((fault: number) => void) | undefined
}

export function withFault(source: string, { start, end, replacement }: Site): string {
  return source.slice(0, start) + replacement + source.slice(end)
}

/** The source with a mark at each of its sites; `numberOf` gives the number a mark calls. */
export function withMarks(source: string, sites: readonly Site[], numberOf: (site: Site) => number): string {
  const inserts = sites.flatMap(site => {
    const { start, end, isStatement } = site.anchor
    const mark = `globalThis.noteHit?.(${numberOf(site)})`
    return isStatement && isBare(source.slice(start, end))
      ? [
          { at: start, closes: false, size: end - start, text: `{${mark};` },
          { at: end, closes: true, size: end - start, text: '}' },
        ]
      : [
          { at: start, closes: false, size: end - start, text: `${isStatement ? 'void ' : ''}(${mark},` },
          { at: end, closes: true, size: end - start, text: ')' },
        ]
  })
  // where several meet, what ends goes before what begins, the inner end first and the outer beginning first
  inserts.sort(
    (a, b) =>
      a.at - b.at || Number(b.closes) - Number(a.closes) || (a.closes ? a.size - b.size : b.size - a.size),
  )
  let text = ''
  let from = 0
  for (const insert of inserts) {
    text += source.slice(from, insert.at) + insert.text
    from = insert.at
  }
  return text + source.slice(from)
}

/** Whether a statement is no expression. */
function isBare(statement: string): boolean {
  return /^(break|continue)\b/.test(statement)
}
