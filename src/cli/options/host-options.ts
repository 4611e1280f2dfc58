// `--rules`, `--topology` and `--kubernetes FILE`: files of the host beside its captures, read into Knowledge.
import { basename } from 'node:path'
import type { Writable } from 'node:stream'
import { FileFault, Remarks } from '../../host/files/file-fault.ts'
import { Knowledge } from '../../host/knowledge.ts'
import { Cluster } from '../../host/kubernetes/cluster.ts'
import { readObjects } from '../../host/kubernetes/objects-file.ts'
import { readHosts } from '../../host/names/hosts-file.ts'
import type { AddressNames } from '../../host/names/names.ts'
import { Rules } from '../../host/rules/rules.ts'
import { readRules } from '../../host/rules/rules-file.ts'
import { Ruleset } from '../../host/rules/ruleset.ts'
import type { OfNamespaces } from '../../host/topology/namespaces.ts'
import { Topology } from '../../host/topology/topology.ts'
import { readTopology } from '../../host/topology/topology-file.ts'
import { printable } from '../../report/text/format.ts'
import { UsageError } from '../io/usage-error.ts'
import type { Tunnels } from '../replay/inner-replay.ts'
import type { Replay } from '../replay/sightings.ts'
import type { GivenFile } from './hosts.ts'
import { readText } from './side-file.ts'

/** Help of the options, for program.ts. */
export const RULES_HELP =
  'rules of the host, repeatable: iptables-save, ip6tables-save, nft list ruleset (with or without -j). Findings name the rule and are surer, translations are checked against them, what NOTRACK matches is untracked'
export const TOPOLOGY_HELP =
  'interfaces of the host, repeatable: ip -j addr, ip -j route, ip -j neigh, bridge -j -d link, bridge -j fdb, or their text. Observation points get names, findings are surer'
export const KUBERNETES_HELP =
  'objects of the cluster, repeatable: kubectl get pods,services,endpointslices,nodes,networkpolicies,namespaces -A -o json. Addresses get names, and flows are held against endpoints and policies'
/** Of the commands that take names from them alone. */
export const KUBERNETES_NAMES_HELP =
  'objects of the cluster, repeatable: kubectl get pods,services,nodes -A -o json. Addresses get names'

/** Of commands that print a line for a packet, an event or an entry. */
export const LINE_RULES_HELP =
  'rules of the host, repeatable: iptables-save, ip6tables-save, nft list ruleset (with or without -j). Packets are replayed through them: what they drop makes no entry, what NOTRACK matches is untracked'

/** Of `size`. */
export const SIZE_RULES_HELP =
  'rules of the host, repeatable: iptables-save, ip6tables-save, nft list ruleset (with or without -j). Packets of each scenario are replayed through them; with --notrack it is told which of them would refuse what is no longer tracked'
export const SIZE_RULES_AFTER_HELP =
  'a scenario with these rules in the place of all of --rules, repeatable: the table behind them, and what they refuse'

/** Of `rules`. */
export const RULES_OF_HELP =
  'rules of the host, repeatable: iptables-save, ip6tables-save, nft list ruleset (with or without -j)'
/** Of all commands that replay packets through rules. */
export const RULES_TOPOLOGY_HELP =
  'addresses, routes and bridges of the host, repeatable: ip -j addr, ip -j route, bridge -j -d link, bridge -j fdb, or their text. They tell what is for the host itself, and where the rest goes'

export const RULES_AFTER_HELP =
  'rules to be rolled out in the place of all of --rules, repeatable: which packets would meet another fate, and which connections would break'

export interface KnowledgeFlags {
  rules: string[]
  topology: string[]
  kubernetes?: string[]
  /** The network namespace that all captures are of, by the topology. */
  namespace?: string
  /** Captures of several network namespaces that were not told apart. */
  merged?: readonly OfNamespaces[]
}

/** Of the commands that print names. */
export const NAMES_HELP =
  'names of addresses, repeatable: lines as /etc/hosts has them. They stand beside addresses, behind names from --kubernetes'

export interface NamesFlags {
  names: string[]
}

/** The names of `--names` files, by address. @throws UsageError for a file that is none */
export function namesOf(paths: readonly string[]): AddressNames {
  const names = new Map<string, string>()
  for (const path of paths) read(path, '--names', text => readHosts(text, names))
  return names
}

/**
 * Reads what was given; null for nothing.
 * @param stderr told what was passed over, a line each; null for nobody
 * @param host the name of the host or namespace that it is of, or `''`
 * @throws UsageError for a file that is not what it was given as
 */
export function knowledgeOf(flags: KnowledgeFlags, stderr: Writable | null, host: string): Knowledge | null {
  const { rules, topology, kubernetes = [] } = flags
  if (rules.length + topology.length + kubernetes.length === 0) return null
  const own = rulesOf('--rules', rules, stderr)
  const hosts = topologyOf(topology.map(path => ({ path, host: '' })))
  const cluster = new Cluster()
  for (const path of kubernetes) read(path, '--kubernetes', text => readObjects(text, cluster))
  const told = topology.length === 0 ? null : hosts
  const knowledge = new Knowledge(
    own,
    told,
    kubernetes.length === 0 ? null : cluster,
    flags.namespace ?? host,
  )
  knowledge.merged = flags.merged ?? []
  return knowledge
}

/**
 * Reads files of `--topology`, each of the namespace that it says, or is named by.
 * @throws UsageError for a file that is none
 */
export function topologyOf(files: readonly GivenFile[]): Topology {
  const topology = new Topology()
  for (const { path, host } of files) read(path, '--topology', text => readTopology(text, topology, host))
  return topology
}

/**
 * The rules of `--rules-after`; null for none.
 * @param before what was given of the host with the rules that ran
 * @param how what is replayed: rules need packets as the host met them
 * @throws UsageError for a file that has no rules, where it is not known in whose place they come, and where none are replayed
 */
export function rulesAfterOf(
  paths: readonly string[],
  before: Knowledge | null,
  how: { replay: Replay; tunnels: Tunnels },
  stderr: Writable | null,
): Rules | null {
  if (paths.length === 0) return null
  if ((before?.rules ?? null) === null) {
    throw new UsageError('--rules-after: give the rules in whose place they come with --rules FILE')
  }
  if (how.replay === 'frames' || how.tunnels === 'inner') {
    const option = how.replay === 'frames' ? '--replay frames' : '--tunnels inner'
    throw new UsageError(`--rules-after: with ${option} no packet goes through rules`)
  }
  return rulesOf('--rules-after', paths, stderr)
}

/** @param option what the files were given by */
function rulesOf(option: string, paths: readonly string[], stderr: Writable | null): Rules | null {
  if (paths.length === 0) return null
  const ruleset = new Ruleset()
  for (const path of paths) {
    const remarks = read(path, option, text => {
      // iptables-save of a host without any of its rules prints nothing; beside other files that says so
      if (paths.length > 1 && text.trim() === '') return EMPTY
      return readRules(basename(path), text, ruleset)
    })
    for (const { line, text } of remarks.all) {
      stderr?.write(`ctpcap: warning: ${printable(path)}:${line}: ${printable(text)}\n`)
    }
  }
  const hidden = ruleset.dropDoubles()
  for (const [family, command] of [
    ['ip', 'iptables'],
    ['ip6', 'ip6tables'],
  ] as const) {
    const tables = hidden.filter(({ table }) => table.startsWith(`${family} `))
    const count = tables.reduce((sum, { rules }) => sum + rules, 0)
    if (count === 0) continue
    stderr?.write(
      `ctpcap: warning: ${option}: ${count} ${count === 1 ? 'rule was' : 'rules were'} made by ${command}, which nft cannot show: give the output of ${command}-save, too (${tables.map(({ table }) => table).join(', ')})\n`,
    )
  }
  return new Rules(ruleset)
}

const EMPTY = new Remarks()
EMPTY.add(1, 'empty: taken for a host that has none of these rules')

function read<T>(path: string, option: string, parse: (text: string) => T): T {
  try {
    return parse(readText(option, path))
  } catch (error) {
    if (!(error instanceof FileFault)) throw error
    throw new UsageError(`${option} ${path}:${error.line}: ${error.message}`)
  }
}
