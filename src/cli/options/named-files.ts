// The files that a command line names, as a command knows them before it reads anything.
import { FILE_OPTIONS } from './file-options.ts'
import { givenFile, hostParts } from './hosts.ts'

/** A file that a command reads or writes. */
export interface NamedFile {
  role: 'read' | 'written'
  /** What the user typed it behind; '' for arguments and what a shell redirected. */
  option: string
  path: string
  /** The host it was said to be of, or `''`. */
  host: string
}

/**
 * The files that a command line names, captures first.
 * @param values of the options by their long names, as commander keeps them: a path, or several, or none
 * @throws UsageError for a file of which nobody knows whose it is
 */
export function namedFiles(
  captures: readonly string[],
  values: Readonly<Record<string, unknown>>,
): NamedFile[] {
  const parts = hostParts(captures, mayGetNames(captures, values) ? withoutRead(values) : values)
  const files: NamedFile[] = captures.map(text => ({ role: 'read', option: '', ...givenFile(text) }))
  for (const [name, { flag, role }] of Object.entries(FILE_OPTIONS)) {
    const option = `--${name}`
    const value = values[flag]
    if (Array.isArray(value)) for (const text of value) files.push({ role, option, ...givenFile(text) })
    else if (value !== undefined) {
      for (const { host, flags } of parts) files.push({ role, option, host, path: String(flags[flag]) })
    }
  }
  return files
}

/** Whether a topology may name captures that nobody named; whose files are is known when it was read. */
function mayGetNames(captures: readonly string[], { topology }: Readonly<Record<string, unknown>>): boolean {
  const isGiven = Array.isArray(topology) && topology.length > 0
  return isGiven && captures.every(text => givenFile(text).host === '')
}

function withoutRead(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const read = Object.values(FILE_OPTIONS).filter(({ role }) => role === 'read')
  return { ...values, ...Object.fromEntries(read.map(({ flag }) => [flag, []])) }
}
