// A listing of the connection table, whatever form it has, into its entries: pure, a line at a time.
import type { KnownEntry } from '../conntrack/known-entry.ts'
import { knownEntry, type ListedEntry, ListingError } from './listed-entry.ts'
import { readJsonLine, readListLine, readSavedLine } from './listed-lines.ts'
import { readXmlFlow } from './listed-xml.ts'

/** A line that is no entry: what was expected, and where. */
export class TableListingError extends Error {
  override name = 'TableListingError'
  readonly line: number

  constructor(line: number, message: string) {
    super(message)
    this.line = line
  }
}

/** What conntrack and ctpcap say under a table. */
const SUMMARY = /: \d+ flow entr(y has|ies have) been shown\./
/** Elements around the flows, and what stands before them. */
const XML_FRAME = /^(<\?xml[^>]*\?>|<\/?conntrack\s*>|\s)*$/
/** A flow has a few hundred bytes; a file that never ends one is no listing. */
const LONGEST_FLOW = 65_536

/** Takes the lines of a listing in their order. Forms may be mixed: each line says which it is of. */
export class TableListing {
  readonly entries: KnownEntry[] = []
  private line = 0
  /** A `<flow>` that has begun, and the line it did on. */
  private flow = ''
  private flowLine = 0

  /** @throws TableListingError */
  add(text: string): void {
    this.line++
    if (this.flow !== '' || text.trimStart().startsWith('<')) this.addXml(text)
    else this.addLine(text)
  }

  /** To be called behind the last line. @throws TableListingError */
  finish(): void {
    if (this.flow !== '') throw new TableListingError(this.flowLine, 'a <flow> without its end </flow>')
  }

  private addLine(line: string): void {
    const first = line.trimStart()
    if (first === '' || first.startsWith('#') || SUMMARY.test(first)) return
    this.keep(this.line, () => {
      if (/^-[AI]\s/.test(first)) return readSavedLine(first)
      return first.startsWith('{') ? readJsonLine(first) : readListLine(line)
    })
  }

  private addXml(line: string): void {
    let rest = this.flow === '' ? line : `${this.flow}\n${line}`
    const from = this.flow === '' ? this.line : this.flowLine
    this.flow = ''
    for (let start = rest.indexOf('<flow'); start >= 0; start = rest.indexOf('<flow')) {
      this.requireFrame(rest.slice(0, start))
      const end = rest.indexOf('</flow>', start)
      if (end < 0) {
        if (rest.length - start > LONGEST_FLOW)
          throw new TableListingError(from, 'a <flow> without its end </flow>')
        this.flow = rest.slice(start)
        this.flowLine = from
        return
      }
      const flow = rest.slice(start, end)
      this.keep(from, () => readXmlFlow(flow))
      rest = rest.slice(end + '</flow>'.length)
    }
    this.requireFrame(rest)
  }

  private requireFrame(text: string): void {
    if (!XML_FRAME.test(text)) {
      throw new TableListingError(this.line, 'expected <flow> elements, as conntrack -L -o xml prints them')
    }
  }

  private keep(line: number, read: () => ListedEntry): void {
    try {
      this.entries.push(knownEntry(read()))
    } catch (error) {
      if (error instanceof ListingError) throw new TableListingError(line, error.message)
      throw error
    }
  }
}
