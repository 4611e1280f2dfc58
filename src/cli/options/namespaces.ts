// Captures of several network namespaces that nobody named: the topology tells which is of which, and each gets its table.
import {
  hasNamespaces,
  type Namespace,
  namespacesOf,
  type OfNamespaces,
} from '../../host/topology/namespaces.ts'
import { mergedNamespaces } from '../../report/analyze/limits.ts'
import { printable } from '../../report/text/format.ts'
import type { Io } from '../io/io.ts'
import { capturedPlaces } from '../replay/captured-places.ts'
import { FILE_OPTIONS } from './file-options.ts'
import { topologyOf } from './host-options.ts'
import { givenFile } from './hosts.ts'

/** What the namespace is called whose topology was given without a name. */
const MAIN = 'host'
/** A set of more captures is a rotated one, of one namespace. */
const MOST_CAPTURES = 64

export interface NamespaceFlags {
  topology?: string[]
  rules?: string[]
  rulesAfter?: string[]
  table?: string[]
  quiet?: boolean
  merged?: readonly OfNamespaces[]
  namespace?: string
}

/** A command line with the names that the topology gives its captures. */
export interface NamedCaptures<F> {
  captures: readonly string[]
  flags: F
}

/**
 * Names captures by the namespaces that `--topology` shows them to be of, where it tells of each, and they are of several;
 * else leaves them as they are. Says so on standard error.
 * @throws UsageError for a topology that cannot be read
 */
export async function withNamespaces<F extends NamespaceFlags>(
  captures: readonly string[],
  flags: F,
  io: Pick<Io, 'stderr'>,
): Promise<NamedCaptures<F>> {
  const asGiven = { captures, flags }
  const files = (flags.topology ?? []).map(givenFile)
  const isNamed = captures.some(text => givenFile(text).host !== '')
  if (files.length === 0 || isNamed || captures.length > MOST_CAPTURES) return asGiven
  const topology = topologyOf(files)
  if (!hasNamespaces(topology)) return asGiven
  const found: OfNamespaces[] = []
  for (const path of captures) {
    const places = await capturedPlaces(path)
    const may = places === null ? [] : namespacesOf(topology, places)
    found.push({ path, namespaces: may.map(nameOf) })
  }
  const names = new Set(found.flatMap(({ namespaces }) => namespaces))
  const [only] = names
  if (names.size < 2) {
    const isOfAll = only !== undefined && found.every(({ namespaces }) => namespaces.length === 1)
    return isOfAll ? { captures, flags: { ...flags, namespace: only } } : asGiven
  }
  // nobody asks for names of a single one
  if (captures.length < 2) return asGiven
  const say = (text: string): void => {
    if (flags.quiet !== true) io.stderr.write(`ctpcap: ${printable(text)}\n`)
  }
  const labels = found.flatMap(({ namespaces }) => (namespaces.length === 1 ? namespaces : []))
  const hosts = new Set(labels)
  // files without a name are of the host whose topology has none
  const owner = hosts.has(MAIN) && topology.hosts.some(({ name }) => name === '') ? MAIN : ''
  if (labels.length < captures.length || (owner === '' && hasUnnamed(flags))) {
    say(mergedNamespaces(found))
    return { captures, flags: { ...flags, merged: found } }
  }
  const named = captures.map((path, i) => `${labels[i]}=${path}`)
  say(`by --topology the captures are of several network namespaces, with a table each: ${named.join(' ')}`)
  return { captures: named, flags: { ...flags, ...namedFiles(flags, owner, hosts) } }
}

function nameOf({ name }: Namespace): string {
  // as NAME=FILE has names
  return name === '' ? MAIN : name.replace(/^[^A-Za-z0-9]+|[^\w.-]/g, '-').replace(/^-+/, '') || MAIN
}

/** Whether files are there that are one namespace's, and nobody said whose. */
function hasUnnamed(flags: NamespaceFlags): boolean {
  const { rules = [], rulesAfter = [], table = [] } = flags
  return [...rules, ...rulesAfter, ...table].some(text => givenFile(text).host === '')
}

/** What was not named is the owner's; topologies of namespaces without a capture are nobody's. */
function namedFiles(
  flags: NamespaceFlags,
  owner: string,
  hosts: ReadonlySet<string>,
): Partial<NamespaceFlags> {
  const named: Record<string, string[]> = {}
  for (const { flag, isOfAll } of Object.values(FILE_OPTIONS)) {
    const values = (flags as Record<string, unknown>)[flag]
    if (!Array.isArray(values) || (isOfAll && flag !== 'topology')) continue
    named[flag] = values.flatMap((text: string) => {
      const { host } = givenFile(text)
      if (host !== '') return hosts.has(host) ? [text] : []
      return [owner === '' ? text : `${owner}=${text}`]
    })
  }
  return named
}
