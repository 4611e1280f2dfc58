// Nodes that were recorded with what conntrack said on them, out of CTPCAP_CORPUS: which captures and which files belong to each.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { knowledgeFrom } from './knowledge.ts'
import type { NodeRunOptions } from './node-run.ts'
import { collectionPath, corpusPath } from './recorded-captures.ts'

/** Folders of runs; a run of `kubernetes` has a second node in a folder of its own. */
const COLLECTIONS = ['lab', 'wild', 'kubernetes'] as const
const SECOND_NODE = 'worker-2'

export interface RecordedNode {
  /** Its folder below CTPCAP_CORPUS. */
  name: string
  folder: string
  /** All that its interfaces showed, in paths below its folder. */
  captures: string[]
}

/** Every node of which conntrack's events were recorded; none where CTPCAP_CORPUS names no folder of runs. */
export function recordedNodes(): RecordedNode[] {
  return COLLECTIONS.flatMap(runsOf)
    .flatMap(run => [run, join(run, SECOND_NODE)])
    .map(name => ({ name, folder: corpusPath(name) }))
    .filter(({ folder }) => existsSync(join(folder, 'conntrack-events.txt')))
    .map(node => ({ ...node, captures: capturesOf(node.folder) }))
}

function runsOf(collection: string): string[] {
  const path = collectionPath(collection)
  const runs = path === null ? [] : readdirSync(path).sort()
  return runs.map(run => join(collection, run))
}

/** Frames of one capture that a kernel was shown at their times, and the file with what it said of each. */
export interface ShownCapture {
  /** The folder of its run below CTPCAP_CORPUS. */
  name: string
  capture: string
  verdicts: string
}

export function shownCaptures(): ShownCapture[] {
  return COLLECTIONS.flatMap(runsOf).flatMap(name => {
    const verdicts = corpusPath(name, 'oracle', 'verdicts.tsv')
    if (!existsSync(verdicts)) return []
    const folder = corpusPath(name, 'captures')
    return readdirSync(folder).map(file => ({ name, capture: join(folder, file), verdicts }))
  })
}

/** What else is known of a node: its rules and topology, its table before the captures, and how full that was. */
export function ownFiles({ name, folder }: RecordedNode): NodeRunOptions {
  const path = (file: string): string => join(folder, file)
  const there = (...files: string[]): string[] =>
    files.filter(file => existsSync(path(file)) && statSync(path(file)).size > 0)
  // of iptables' rules nft shows a part only; of nftables' rules iptables-save shows nothing
  const rules = there('rules.txt', ...(name.includes('-nftables') ? ['nft.json'] : []))
  const [topology] = there('topology.txt', 'topology-node.txt', 'topo.txt')
  const [table] = there('conntrack-before.txt')
  return {
    set: heldEntries(folder),
    ...(table !== undefined && { table }),
    ...(rules.length > 0 && { knowledge: knowledgeFrom(rules.map(path), topology ? [path(topology)] : []) }),
  }
}

/** INVALID packets by `conntrack -S`, of all processors. */
export function countedInvalid({ folder }: RecordedNode): number {
  const text = readFileSync(join(folder, 'conntrack-stats.txt'), 'utf8')
  return [...text.matchAll(/ invalid=(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0)
}

/** `any`, which shows all interfaces; where it was not taken, each that is the node's own. */
function capturesOf(folder: string): string[] {
  const files = readdirSync(join(folder, 'captures')).filter(name => name.endsWith('.pcap'))
  const own = files.includes('any.pcap') ? ['any.pcap'] : files.filter(name => !name.startsWith('far-'))
  return own.sort().map(name => join('captures', name))
}

/** Captures that are of other hosts than the node that they lie beside. */
const OTHER_HOSTS = /^(far-.*|nodeB-.*|client|server|postgres|pihole|mid)\.pcap/

/** Names of a node's captures: of one interface each, and those that show several. */
export function capturesOfInterfaces(folder: string): { single: string[]; several: string[] } {
  const names = readdirSync(join(folder, 'captures')).sort()
  const own = names.filter(name => /\.pcap(ng)?$/.test(name) && !OTHER_HOSTS.test(name))
  const isOfSeveral = (name: string): boolean => name === 'any.pcap' || name.endsWith('.pcapng')
  return { single: own.filter(name => !isOfSeveral(name)), several: own.filter(isOfSeveral) }
}

/** Settings of a table that was filled up by entries outside the capture. */
function heldEntries(folder: string): string[] {
  const path = join(folder, 'truth.json')
  const table = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).table : undefined
  if (table === undefined) return []
  return [`nf_conntrack_max=${table.nf_conntrack_max}`, `nf_conntrack_count=${table.filler_entries}`]
}
