// `nodeB=FILE`: of which host, or network namespace, captures and side files are. Each has a connection table of its own.
import { existsSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { mapNonEmpty, type NonEmpty } from '../../net/non-empty.ts'
import { UsageError } from '../io/usage-error.ts'
import { FILE_OPTIONS, type FileOption } from './file-options.ts'

/** Help of the arguments, for program.ts. */
export const CAPTURES_HELP =
  'pcap or pcapng files; - is standard input. Those of several hosts or network namespaces: NAME=FILE, each with a table of its own'
/** Said once of the side files. */
export const SIDE_FILES_HELP = `
Where captures are named (nodeB=b.pcap), files of --rules, --rules-after and --table are, too (--rules nodeB=rules.txt);
those of --sysctl, --topology, --kubernetes and --names may be, else they are for all.
`

/** A name, and no path in front of it. It stands in lines of ASCII (report/text/ascii.ts), and needs no quotes in JSON or XML. */
const NAMED = /^([A-Za-z0-9][\w.-]*)=(.+)$/s

/** A file as the user gave it. */
export interface GivenFile {
  /** The host that it is said to be of, or `''`. */
  host: string
  path: string
}

/** A host among those of a command line. */
export interface HostPlace {
  /** `''` where none was named. */
  host: string
  isFirst: boolean
  isLast: boolean
}

/** What a command line says of one host: its captures, and the flags with its files alone. */
export interface HostPart<F> extends HostPlace {
  captures: string[]
  flags: F
}

/** There is always one. */
export type Hosts<T> = NonEmpty<T>

/** Takes a name off; a file that is there under the whole text has none. */
export function givenFile(text: string): GivenFile {
  const [, host, path] = NAMED.exec(text) ?? []
  return host === undefined || path === undefined || existsSync(text)
    ? { host: '', path: text }
    : { host, path }
}

/**
 * A command line for each host that it names, in the order of their captures; one for all where it names none.
 * @throws UsageError for a file of which nobody knows whose it is
 */
export function hostParts<F extends object>(captures: readonly string[], flags: F): Hosts<HostPart<F>> {
  const given = captures.map(givenFile)
  const [first = '', ...others] = new Set(given.map(({ host }) => host))
  const hosts: Hosts<string> = [first, ...others]
  const unnamed = given.find(({ host }) => host === '')
  if (hosts.length > 1 && unnamed !== undefined)
    throw new UsageError(`${unnamed.path}: of which host? Others are named: expected NAME=${unnamed.path}`)
  return mapNonEmpty(hosts, host => ({
    host,
    isFirst: host === first,
    isLast: host === hosts.at(-1),
    captures: given.filter(file => file.host === host).map(({ path }) => path),
    flags: flagsOf(host, hosts, flags),
  }))
}

/** The flags with the files of one host, and with those that are for all in front of them. */
function flagsOf<F extends object>(host: string, hosts: readonly string[], flags: F): F {
  const own = { ...flags } as Record<string, unknown>
  for (const [name, option] of Object.entries(FILE_OPTIONS)) {
    const value = own[option.flag]
    if (Array.isArray(value)) own[option.flag] = filesOf(`--${name}`, option, value, host, hosts)
    else if (typeof value === 'string' && hosts.length > 1) own[option.flag] = pathFor(value, host)
  }
  return own as F
}

function filesOf(
  option: string,
  { isOfAll }: FileOption,
  values: readonly string[],
  host: string,
  hosts: readonly string[],
): string[] {
  const files = values.map(givenFile)
  for (const file of files) {
    if (file.host !== '' && !hosts.includes(file.host))
      throw new UsageError(`${option} ${file.host}=${file.path}: no capture is named ${file.host}=FILE`)
    if (file.host === '' && hosts.length > 1 && !isOfAll)
      throw new UsageError(`${option} ${file.path}: of which host? Expected ${hosts[0]}=${file.path}`)
  }
  const named = files.filter(file => file.host !== '' && file.host === host)
  return [...files.filter(file => file.host === ''), ...named].map(({ path }) => path)
}

/** A file that is written for each host: `flows.csv` is `flows.nodeB.csv` for one of several. */
function pathFor(path: string, host: string): string {
  const extension = extname(path)
  return join(dirname(path), `${basename(path, extension)}.${host}${extension}`)
}
