// `--table FILE`: a listing of the connection table as it was when the capture began.
import { closeSync, openSync, readSync } from 'node:fs'
import type { KnownTable } from '../conntrack/known-entry.ts'
import { TableListing, TableListingError } from '../knowledge/table-listing.ts'
import { UsageError } from './usage-error.ts'

/** Help of the option, for program.ts. */
export const TABLE_HELP =
  'take the table as it was when the capture began: the output of `conntrack -L` in any form, /proc/net/nf_conntrack, or what `ctpcap list` prints'

/** Bytes read at a time: a listing may be larger than a text can be long. */
const CHUNK = 1 << 20
/** No line of a listing is that long; what is no text may have none that ends. */
const LONGEST_LINE = 1 << 16

export interface TableFlags {
  table?: string
}

/** The table that the flag names, or null. @throws UsageError that names file and line */
export function tableOf({ table }: TableFlags): KnownTable | null {
  if (table === undefined) return null
  const listing = new TableListing()
  try {
    for (const line of linesOf(table)) listing.add(line)
    listing.finish()
  } catch (error) {
    if (error instanceof TableListingError) throw new UsageError(`${table}:${error.line}: ${error.message}`)
    throw new UsageError(`--table ${table}: ${(error as Error).message}`)
  }
  return { path: table, entries: listing.entries }
}

function* linesOf(path: string): Generator<string> {
  const file = openSync(path, 'r')
  try {
    const chunk = Buffer.alloc(CHUNK)
    let rest = ''
    for (let length = readSync(file, chunk); length > 0; length = readSync(file, chunk)) {
      const lines = (rest + chunk.toString('latin1', 0, length)).split('\n')
      rest = lines.pop() ?? ''
      yield* lines
      // a line this long is none, and the listing says so
      if (rest.length > LONGEST_LINE) {
        yield rest.slice(0, LONGEST_LINE)
        rest = ''
      }
    }
    if (rest !== '') yield rest
  } finally {
    closeSync(file)
  }
}
