// `--table FILE`: a listing of the connection table as it was when the capture began.
import type { KnownTable } from '../../conntrack/known-entry.ts'
import { TableListing, TableListingError } from '../../host/listing/table-listing.ts'
import { UsageError } from '../io/usage-error.ts'
import { readPieces } from './side-file.ts'

/** Help of the option, for program.ts. */
export const TABLE_HELP =
  'take the table as it was when the capture began: the output of `conntrack -L` in any form, /proc/net/nf_conntrack, or what `ctpcap list` prints'

/** Bytes of a listing, which is read by the line: 4 million entries in XML. */
const LARGEST_TABLE = 4 * 2 ** 30
/** No line of a listing is that long; what is no text may have none that ends. */
const LONGEST_LINE = 1 << 16

export interface TableFlags {
  table: string[]
}

/** The table that the flag names, or null. @throws UsageError that names file and line */
export function tableOf({ table: [table, ...others] }: TableFlags): KnownTable | null {
  if (table === undefined) return null
  if (others.length > 0)
    throw new UsageError(`--table ${others[0]}: a second listing, expected one of each host's table`)
  const listing = new TableListing()
  try {
    for (const line of linesOf(table)) {
      listing.add(line.length > LONGEST_LINE ? line.slice(0, LONGEST_LINE) : line)
      if (line.length > LONGEST_LINE) listing.refuse(`a line of more than ${LONGEST_LINE} characters`)
    }
    listing.finish()
  } catch (error) {
    if (error instanceof TableListingError) throw new UsageError(`${table}:${error.line}: ${error.message}`)
    throw error
  }
  return { path: table, entries: listing.entries }
}

/** Its lines; one that is too long is handed out before it ends. */
function* linesOf(path: string): Generator<string> {
  let rest = ''
  for (const piece of readPieces('--table', path, LARGEST_TABLE)) {
    const lines = (rest + piece.toString('latin1')).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
    if (rest.length > LONGEST_LINE) yield rest
  }
  if (rest !== '') yield rest
}
