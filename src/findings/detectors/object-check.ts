// Kubernetes objects held against the traffic: connections that they do not go with, whether those were answered, and which were not.
import { TCP_SYN_SENT } from '../../conntrack/proto/tcp-table.ts'
import { IPS_SEEN_REPLY } from '../../conntrack/status.ts'
import type { Table } from '../../conntrack/table.ts'
import { formatAddress } from '../../host/files/network.ts'
import type { Endpoint } from '../../host/knowledge.ts'
import { type Cluster, nameOf, PROTOCOLS } from '../../host/kubernetes/cluster.ts'
import type { PolicyEnd } from '../../host/kubernetes/network-policies.ts'
import { type ObjectionCode, objectionsTo, type SeenConnection } from '../../host/kubernetes/objections.ts'
import { IPPROTO_TCP } from '../../net/numbers.ts'
import { valueWithin } from '../evidence/bounded-map.ts'
import { flowOfEntry } from '../evidence/flow-facts.ts'
import type { FlowFacts } from '../facts/facts.ts'

/** Objections that are told apart, flows that none answered, clients whose backend is known. */
const MOST_GROUPS = 256
const MOST_UNANSWERED = 256
const MOST_CLIENTS = 4096
/** Datagrams without an answer that are no accident. */
const LEAST_DATAGRAMS = 3

/** Flows that the objects do not go with, for one reason. */
export interface ObjectionGroup {
  /** `affinity`: another backend than the same client had, where sessionAffinity is ClientIP; others: objections.ts. */
  code: ObjectionCode | 'affinity'
  object: string
  detail: string
  flows: number
  /** Those of them that were answered all the same. */
  answered: number
  firstFrame: number
}

/** A flow that nobody answered, and what the objects have against it. */
export interface UnansweredFlow {
  ct: number
  flow: FlowFacts
  code: ObjectionCode
  object: string
  detail: string
  start: number
  packets: number
}

export class ObjectCheck {
  private readonly cluster: Cluster
  private readonly groups = new Map<string, ObjectionGroup>()
  /** By Service and client: the backend of its newest flow, and when that began. */
  private readonly backends = new Map<string, { backend: string; start: number }>()
  private readonly onUnanswered: (table: Table, found: UnansweredFlow) => void
  private unanswered = 0

  /** @param onUnanswered hears of each flow that the objects explain, while its entry is still there */
  constructor(cluster: Cluster, onUnanswered: (table: Table, found: UnansweredFlow) => void) {
    this.cluster = cluster
    this.onUnanswered = onUnanswered
  }

  /** An entry ended, or the capture did. */
  ended(table: Table, ct: number): void {
    const protocolNumber = table.protocol(ct)
    const protocol = PROTOCOLS[protocolNumber]
    if (protocol === undefined) return
    const flow = flowOfEntry(table, ct)
    const seen = connectionOf(flow, protocol)
    if (seen === null) return
    const isAnswered = (table.status(ct) & IPS_SEEN_REPLY) !== 0
    const frame = table.firstFrame(ct)
    this.holdToAffinity(seen, table.start(ct), isAnswered, frame)
    for (const { code, object, detail } of objectionsTo(this.cluster, seen)) {
      this.count(code, object, detail, isAnswered, frame)
      if (isAnswered || !EXPLAINS.has(code) || this.unanswered === MOST_UNANSWERED) continue
      const packets = table.packets(ct * 2)
      const isLost =
        protocolNumber === IPPROTO_TCP ? table.state(ct) === TCP_SYN_SENT : packets >= LEAST_DATAGRAMS
      if (!isLost) continue
      this.unanswered++
      this.onUnanswered(table, { ct, flow, code, object, detail, start: table.start(ct), packets })
    }
  }

  /** Those of most flows first. */
  conclude(): ObjectionGroup[] {
    return [...this.groups.values()].sort((a, b) => b.flows - a.flows || a.firstFrame - b.firstFrame)
  }

  private holdToAffinity(seen: SeenConnection, start: number, isAnswered: boolean, frame: number): void {
    const known = this.cluster.servicePort(seen.protocolNumber, seen.asked.address, seen.asked.port)
    if (known === null || known.service.sessionAffinity !== 'ClientIP') return
    const backend = `${seen.reached.address} ${seen.reached.port}`
    const object = nameOf(known.service)
    const key = `${object}:${known.port.port} ${seen.client.address}`
    const before = valueWithin(this.backends, key, MOST_CLIENTS, () => ({ backend, start }))
    if (before === null) return
    const isWithin = Math.abs(start - before.start) < known.service.affinitySeconds * 1e9
    if (before.backend !== backend && isWithin)
      this.count('affinity', object, seen.client.address, isAnswered, frame)
    if (start >= before.start) Object.assign(before, { backend, start })
  }

  private count(
    code: ObjectionGroup['code'],
    object: string,
    detail: string,
    isAnswered: boolean,
    frame: number,
  ): void {
    const group = valueWithin(this.groups, `${code} ${object} ${detail}`, MOST_GROUPS, () => ({
      code,
      object,
      detail,
      flows: 0,
      answered: 0,
      firstFrame: frame,
    }))
    if (group === null) return
    group.flows++
    if (isAnswered) group.answered++
    group.firstFrame = Math.min(group.firstFrame, frame)
  }
}

/** What lets nobody answer; of the others it is said alone. */
const EXPLAINS: ReadonlySet<ObjectionCode> = new Set([
  'policy',
  'no-port',
  'no-endpoints',
  'no-local-endpoints',
  'outside-ranges',
])

/** null for a flow without ports. */
function connectionOf(flow: FlowFacts, protocol: string): SeenConnection | null {
  const { client, server, translated } = flow
  if (client === null || server.port < 0) return null
  return {
    protocol,
    protocolNumber: flow.protocol,
    client: policyEnd(client),
    asked: policyEnd(server),
    reached: policyEnd(translated?.server ?? server),
    source: policyEnd(translated?.client ?? client),
  }
}

function policyEnd({ family, words, port }: Endpoint): PolicyEnd {
  return { family, words, port, address: formatAddress(family, words) }
}
