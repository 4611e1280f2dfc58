// Connections that pass several hosts: what leaves one as a tuple is what the entry of the next begins with.
import type { NonEmpty } from '../../net/non-empty.ts'
import { type HostsReport, hostsReport, type OfHost } from '../text/hosts.ts'
import { type Cause, causesOf, causesOfFindings } from './causes.ts'
import type { EndReport, FindingReport, FlowFactsReport } from './finding-model.ts'
import type { DirectionReport, FlowReport, Report } from './model.ts'

/** Seconds by which the clocks of two hosts may differ. */
const CLOCKS = 5

/** A connection in the table of one host: as its packets came, and as they left. */
export interface Hop {
  host: string
  client: EndReport
  server: EndReport
  /** Behind the translation of that host; null where it has none. */
  translated: { client: EndReport; server: EndReport } | null
  /** Findings of that host that name it. */
  findings: string[]
}

/** One connection, in the order of the hosts that its requests pass. */
export interface JoinedFlow {
  protocol: string
  protocolNumber: number
  hops: Hop[]
  /** Findings of one host that explain those of others. */
  causes: Cause[]
}

interface Candidate extends Omit<Hop, 'findings'> {
  found: FindingReport[]
  protocol: string
  protocolNumber: number
  /** Seconds since 1970 of its first packet and its last. */
  from: number
  to: number
}

/** Reports of several hosts, with what they have in common. */
export interface JoinedHosts {
  /** Findings that come of what another host does say so. */
  hosts: readonly OfHost<Report>[]
  connections: JoinedFlow[]
}

/** The document of several hosts. */
export interface JoinedReport extends HostsReport<Report> {
  connections: JoinedFlow[]
}

/** Finds connections that two or more hosts have an entry of, and which host's findings explain those of another. */
export function joinHosts(hosts: readonly OfHost<Report>[]): JoinedHosts {
  if (hosts.length < 2) return { hosts, connections: [] }
  const joined = joinHops(hosts)
  const connections = joined.map(hops => ({
    protocol: hops[0].protocol,
    protocolNumber: hops[0].protocolNumber,
    hops: hops.map(hopOf),
    causes: causesOf(hops),
  }))
  const causes = causesOfFindings(joined)
  if (causes.size === 0) return { hosts, connections }
  const marked = (finding: FindingReport): FindingReport => {
    const causedBy = causes.get(finding)
    return causedBy === undefined ? finding : { ...finding, causedBy }
  }
  return {
    hosts: hosts.map(({ host, report }) => ({
      host,
      report: { ...report, findings: report.findings.map(marked) },
    })),
    connections,
  }
}

/** The one report of captures that were not named, or the document of those that were. */
export function analyzeDocument(
  generator: string,
  { hosts, connections }: JoinedHosts,
): Report | JoinedReport {
  const document = hostsReport(generator, hosts)
  return 'hosts' in document ? { ...document, connections } : document
}

/** Connections among those that reports name (the largest, and those of findings) which two or more hosts have an entry of. */
function joinHops(hosts: readonly OfHost<Report>[]): NonEmpty<Candidate>[] {
  const all = hosts.flatMap(({ host, report }) => candidatesOf(host, report))
  // behind a translation there is no way back to who saw the packet in front of it
  const candidates = [...all.filter(hop => hop.translated === null), ...all.filter(hop => hop.translated)]
  const byTuple = new Map<string, Candidate[]>()
  for (const candidate of candidates) {
    const key = keyOf(candidate.protocolNumber, candidate)
    byTuple.set(key, [...(byTuple.get(key) ?? []), candidate])
  }
  const next = (hop: Candidate): Candidate[] =>
    (byTuple.get(keyOf(hop.protocolNumber, hop.translated ?? hop)) ?? []).filter(
      other => other.host !== hop.host && hop.from <= other.to + CLOCKS && other.from <= hop.to + CLOCKS,
    )
  const behind = new Set(candidates.flatMap(next))
  const used = new Set<Candidate>()
  const joined: NonEmpty<Candidate>[] = []
  // who is behind nobody comes first; hosts that do not translate are behind each other
  const starts = [false, true].flatMap(isBehind => candidates.filter(hop => behind.has(hop) === isBehind))
  for (const first of starts) {
    if (used.has(first)) continue
    const hops: [Candidate, ...Candidate[]] = [first]
    used.add(first)
    const behindOf = (hop: Candidate) => next(hop).find(other => !used.has(other))
    for (let hop = behindOf(first); hop !== undefined; hop = behindOf(hop)) {
      used.add(hop)
      hops.push(hop)
    }
    if (hops.length > 1) joined.push(hops)
    // another may lead to it
    else used.delete(first)
  }
  return joined
}

function hopOf({ host, client, server, translated, found }: Candidate): Hop {
  const findings = [...new Set(found.map(({ id }) => id))]
  return { host, client, server, translated, findings }
}

/** What tells a connection apart where it stands in a table. */
function keyOf(protocol: number, { client, server }: { client: EndReport; server: EndReport }): string {
  return [protocol, client.address, client.port, server.address, server.port].join(' ')
}

function isSame(one: EndReport, other: EndReport): boolean {
  return one.address === other.address && one.port === other.port
}

/** What one report names, each connection once; a finding may know an entry by the tuple behind its translation. */
function candidatesOf(host: string, { flows, findings }: Report): Candidate[] {
  const known = new Map<string, Candidate>()
  const found = findings.flatMap(finding =>
    finding.facts.flows.flatMap(flow => ofFinding(host, finding, flow)),
  )
  for (const candidate of [...flows.top.flatMap(flow => ofEntry(host, flow)), ...found]) {
    const { protocolNumber, translated } = candidate
    const key = keyOf(protocolNumber, candidate)
    const same = known.get(key)
    if (same !== undefined) {
      same.from = Math.min(same.from, candidate.from)
      same.to = Math.max(same.to, candidate.to)
      same.found = [...new Set([...same.found, ...candidate.found])]
      continue
    }
    known.set(key, candidate)
    const behind = translated === null ? key : keyOf(protocolNumber, translated)
    if (!known.has(behind)) known.set(behind, candidate)
  }
  return [...new Set(known.values())]
}

function ofFinding(host: string, finding: FindingReport, flow: FlowFactsReport): Candidate[] {
  const { facts } = finding
  const { protocol, protocolNumber, client, server } = flow
  if (client === null || client.port === null || facts.first === null) return []
  const seconds = (instant: { nanoseconds: string }): number => Number(instant.nanoseconds) / 1e9
  const from = seconds(facts.first)
  return [
    {
      host,
      protocol,
      protocolNumber,
      client,
      server,
      // a finding may tell of the translation of another host
      translated: null,
      found: [finding],
      from,
      to: facts.last === null ? from : seconds(facts.last),
    },
  ]
}

/** Of protocols with ports: others have no tuple that tells connections apart. */
function ofEntry(host: string, flow: FlowReport): Candidate[] {
  const { protocol, protocolNumber, orig, reply, startTime, duration } = flow
  if (orig.sport === undefined) return []
  const client = sourceOf(orig)
  const server = destinationOf(orig)
  const behind = { client: destinationOf(reply), server: sourceOf(reply) }
  const from = Date.parse(startTime) / 1e3
  return [
    {
      host,
      protocol,
      protocolNumber,
      client,
      server,
      translated: isSame(behind.client, client) && isSame(behind.server, server) ? null : behind,
      found: [],
      from,
      to: from + duration,
    },
  ]
}

function sourceOf({ src, sport }: DirectionReport): EndReport {
  return { address: src, port: sport ?? null }
}

function destinationOf({ dst, dport }: DirectionReport): EndReport {
  return { address: dst, port: dport ?? null }
}
