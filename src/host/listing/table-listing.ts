// A listing of the connection table, whatever form it has, into its entries: pure, a line at a time.
import type { KnownEntry } from '../../conntrack/known-entry.ts'
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
const FLOW_END = '</flow>'
const NO_END = `a <flow> without its end ${FLOW_END}`
/** Entries of all listings that a node can hold, and more; a known one takes half a kilobyte. */
const MOST_ENTRIES = 4_000_000

/** Takes the lines of a listing in their order. Forms may be mixed: each line says which it is of. */
export class TableListing {
  readonly entries: KnownEntry[] = []
  private line = 0
  /** Lines of a `<flow>` that has begun, none where none has; their length, and the line it began on. */
  private flow: string[] = []
  private flowLength = 0
  private flowLine = 0

  /** @throws TableListingError */
  add(text: string): void {
    this.line++
    if (this.flow.length > 0 || text.trimStart().startsWith('<')) this.addXml(text)
    else this.addLine(text)
  }

  /** The line added last cannot be. @throws TableListingError */
  refuse(reason: string): never {
    throw new TableListingError(this.line, reason)
  }

  /** To be called behind the last line. @throws TableListingError */
  finish(): void {
    if (this.flow.length > 0) throw new TableListingError(this.flowLine, NO_END)
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
    let rest = line
    if (this.flow.length > 0) {
      const end = line.indexOf(FLOW_END)
      this.flow.push(end < 0 ? line : line.slice(0, end))
      this.flowLength += line.length
      if (end < 0) {
        if (this.flowLength > LONGEST_FLOW || this.flow.length > LONGEST_FLOW)
          throw new TableListingError(this.flowLine, NO_END)
        return
      }
      const flow = this.flow.join('\n')
      this.flow = []
      this.keep(this.flowLine, () => readXmlFlow(flow))
      rest = line.slice(end + FLOW_END.length)
    }
    for (let start = rest.indexOf('<flow'); start >= 0; start = rest.indexOf('<flow')) {
      this.requireFrame(rest.slice(0, start))
      const end = rest.indexOf(FLOW_END, start)
      if (end < 0) {
        this.flow = [rest.slice(start)]
        this.flowLength = rest.length - start
        this.flowLine = this.line
        return
      }
      const flow = rest.slice(start, end)
      this.keep(this.line, () => readXmlFlow(flow))
      rest = rest.slice(end + FLOW_END.length)
    }
    this.requireFrame(rest)
  }

  private requireFrame(text: string): void {
    if (!XML_FRAME.test(text)) {
      throw new TableListingError(this.line, 'expected <flow> elements, as conntrack -L -o xml prints them')
    }
  }

  private keep(line: number, read: () => ListedEntry): void {
    if (this.entries.length === MOST_ENTRIES)
      throw new TableListingError(line, `more than ${MOST_ENTRIES} entries, the most that are read`)
    try {
      this.entries.push(knownEntry(read()))
    } catch (error) {
      if (error instanceof ListingError) throw new TableListingError(line, error.message)
      throw error
    }
  }
}
