// The display filter that finds all frames of the flows of a finding, where there are more than it names.
import type { EndReport, FindingReport, FlowFactsReport } from './finding-model.ts'
import type { CaptureReport } from './model.ts'
import { tshark } from './tshark.ts'

/** Ends that one filter names. */
const MOST_ENDS = 4

/** A tshark command for each capture with frames of it; none where the flows have no end in common that is few. */
export function allFrames(finding: FindingReport, captures: readonly CaptureReport[]): string[] {
  const filter = filterOf(finding)
  if (filter === '') return []
  const concerned = new Set(finding.frames.map(({ capture }) => capture))
  return captures.filter((_, index) => concerned.has(index)).map(capture => tshark(capture, filter))
}

/** By their clients where these are few and all named, else by their servers. */
function filterOf({ facts: { flows }, flowCount }: FindingReport): string {
  const clients =
    flows.length < flowCount ? null : matches(flows, flow => [flow.client, flow.translated?.client])
  return clients ?? matches(flows, flow => [flow.server, flow.translated?.server]) ?? ''
}

/** Frames of any of the ends; null where a flow has none, or where they are many. */
function matches(
  flows: readonly FlowFactsReport[],
  endsOf: (flow: FlowFactsReport) => (EndReport | null | undefined)[],
): string | null {
  const terms = new Set<string>()
  for (const flow of flows) {
    const [end, translated] = endsOf(flow)
    if (end === null || end === undefined) return null
    terms.add(termOf(flow.protocol, end))
    if (translated !== null && translated !== undefined) terms.add(termOf(flow.protocol, translated))
    if (terms.size > MOST_ENDS) return null
  }
  if (terms.size === 0) return null
  return terms.size === 1 ? [...terms].join('') : [...terms].map(term => `(${term})`).join(' || ')
}

function termOf(protocol: string, { address, port }: EndReport): string {
  const host = `${address.includes(':') ? 'ipv6' : 'ip'}.addr == ${address}`
  const hasPorts = port !== null && PORTED.has(protocol)
  return hasPorts ? `${host} && ${protocol}.port == ${port}` : host
}

const PORTED = new Set(['tcp', 'udp', 'sctp', 'dccp'])
