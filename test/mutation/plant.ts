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
    const { start, end } = site.anchor
    const [before, after] = around(site, source.slice(start, end), `globalThis.noteHit?.(${numberOf(site)})`)
    return [
      { at: start, closes: false, size: end - start, text: before },
      { at: end, closes: true, size: end - start, text: after },
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

/** What goes before and behind an anchor so that the mark is run with it; lines here end without semicolons. */
function around({ anchor }: Site, text: string, mark: string): [before: string, after: string] {
  if (!anchor.isStatement) return [`(${mark},`, ')']
  if (/^(break|continue)\b/.test(text)) return [`{${mark};`, '}']
  // in front of it there is no `this` that fields could be set on
  if (text.startsWith('super(')) return ['', `;${mark}`]
  return [`void (${mark},`, ')']
}
