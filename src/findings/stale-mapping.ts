// Entries whose packets go to a backend that is gone, and which those packets keep alive: seen when the entries end.
import { TCP_SYN_SENT } from '../conntrack/proto/tcp-table.ts'
import { IPS_DST_NAT, IPS_SEEN_REPLY } from '../conntrack/status.ts'
import type { Table } from '../conntrack/table.ts'
import { IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../net/numbers.ts'
import type { Packet } from '../packet/packet.ts'
import type { Confidence } from './finding.ts'
import type { NatWatch } from './nat-watch.ts'
import { endpoint, type Whereabouts } from './whereabouts.ts'

/** Datagrams keep an entry alive: it lives for twice the timeout of what is not answered, with some packets. */
const LEAST_LIFE = 60e9
const LEAST_PACKETS = 5
/** Services that are told apart, backends of one, answered flows of one whose starts are known: 300 kB of a capture's worst. */
const MOST_SERVICES = 512
const MOST_BACKENDS = 16
const MOST_STARTS = 16
const MOST_SUSPECTS = 256
/** Unanswered SYNs of which it is asked how often they were repeated. */
const MOST_LOOKS = 4096
/** Flows that began later and all got another backend. */
const ENOUGH = 4
const UNREACHABLE = 3
const FRAGMENTATION_NEEDED = 4
const UNREACHABLE_IPV6 = 1
const FEW = 2

interface Backend {
  /** When the latest flow began that was sent there. */
  newest: number
  /** When flows began that it answered, the latest few, with a fold of their client's address. */
  starts: number[]
  clients: number[]
}

interface Suspect {
  service: number
  backend: number
  backendName: string
  client: number
  start: number
  /** `16 packets in 80 s` */
  packets: string
  isTranslated: boolean
  hasError: boolean
  where: Whereabouts
}

export class StaleMappings {
  private readonly watch: NatWatch
  /** By destination and port as they were asked for, then by those that the flow was sent to. */
  private readonly services = new Map<number, Map<number, Backend>>()
  private readonly suspects: Suspect[] = []
  /** Live entries without a reply that an ICMP error says cannot be reached. */
  private readonly failed = new Set<number>()
  private looks = 0

  constructor(watch: NatWatch) {
    this.watch = watch
  }

  /** An ICMP error is RELATED to entry `ct`. */
  related(table: Table, ct: number, error: Packet): void {
    if ((table.status(ct) & IPS_SEEN_REPLY) === 0 && isUnreachable(error)) this.failed.add(ct)
  }

  /** An entry ended, or the capture did. */
  ended(table: Table, ct: number): void {
    const hasError = this.failed.size > 0 && this.failed.delete(ct)
    const protocol = table.protocol(ct)
    if (protocol !== IPPROTO_UDP && protocol !== IPPROTO_TCP) return
    const status = table.status(ct)
    const isTranslated = (status & IPS_DST_NAT) !== 0
    const start = table.start(ct)
    const service = keyOf(table.destination(ct * 2), table.ports(ct * 2) & 0xffff, protocol)
    const sent = keyOf(table.source(ct * 2 + 1), table.ports(ct * 2 + 1) >>> 16, protocol)
    const hasReply = (status & IPS_SEEN_REPLY) !== 0
    const isSuspect = !hasReply && this.isKeptAlive(table, ct)
    // of what is not translated, UDP alone: a client that never changes its port
    if (!isTranslated && protocol === IPPROTO_TCP) return
    // a client that was sent to itself is another matter
    if (isTranslated && table.source(ct * 2) === table.source(ct * 2 + 1)) return
    const backend = this.backendOf(service, sent)
    if (backend === null) return
    if (!isSuspect) backend.newest = Math.max(backend.newest, start)
    if (hasReply) {
      backend.starts.push(start)
      backend.clients.push(table.source(ct * 2))
      if (backend.starts.length > MOST_STARTS) {
        backend.starts.shift()
        backend.clients.shift()
      }
    }
    if (!isSuspect || this.suspects.length === MOST_SUSPECTS) return
    const where = this.watch.whereabouts(table, ct)
    this.suspects.push({
      service,
      backend: sent,
      backendName: endpoint(table, ct * 2 + 1, true),
      client: table.source(ct * 2),
      start,
      packets: packetsOf(table, ct, where),
      isTranslated,
      hasError,
      where,
    })
  }

  /** Gives what was found to the watch. */
  conclude(): void {
    const unexplained = this.suspects.filter(({ where }) => !this.watch.tells(where.client))
    for (const suspect of unexplained) {
      const found = suspect.isTranslated ? this.assess(suspect) : this.assessFromClient(suspect)
      if (found !== null) this.add(suspect, ...found)
    }
  }

  private isKeptAlive(table: Table, ct: number): boolean {
    if (table.protocol(ct) === IPPROTO_TCP)
      return table.state(ct) === TCP_SYN_SENT && this.isRepeated(table, ct)
    return table.packets(ct * 2) >= LEAST_PACKETS && table.last(ct) - table.start(ct) >= LEAST_LIFE
  }

  /** Flows that began later were all sent elsewhere, and answered there. */
  private assess({ service, backend, start, hasError }: Suspect): [Confidence, string] | null {
    const backends = this.services.get(service)
    if (backends === undefined) return null
    // what is still chosen is no leftover, whether it answers or not
    if ((backends.get(backend)?.newest ?? start) > start) return null
    let later = 0
    for (const [key, other] of backends) {
      if (key !== backend) later += other.starts.filter(time => time > start).length
    }
    if (later === 0) return null
    const why = `${later} ${later === 1 ? 'flow that began' : 'flows that began'} later ${later === 1 ? 'was' : 'were'} sent to another backend and answered, none to this one`
    if (hasError) return ['certain', `${why}; ICMP errors say that it is unreachable`]
    if (later < FEW) return null
    return [later >= ENOUGH ? 'likely' : 'possible', why]
  }

  /** In front of the translation: the same client's later flows to the service were answered. */
  private assessFromClient({ service, client, start }: Suspect): [Confidence, string] | null {
    let later = 0
    for (const backend of this.services.get(service)?.values() ?? []) {
      later += backend.starts.filter((time, i) => time > start && backend.clients[i] === client).length
    }
    if (later < ENOUGH) return null
    return [
      'possible',
      `${later} flows that the same client began later were answered; where this one is sent is not seen here`,
    ]
  }

  /** A repeated SYN neither renews its entry nor counts there. */
  private isRepeated(table: Table, ct: number): boolean {
    if ((table.status(ct) & IPS_DST_NAT) === 0 || this.looks === MOST_LOOKS) return false
    this.looks++
    return synsOf(this.watch.whereabouts(table, ct)) >= LEAST_PACKETS
  }

  private add(suspect: Suspect, confidence: Confidence, reason: string): void {
    const { packets, backendName, where, isTranslated } = suspect
    const what = `${packets}${isTranslated ? ` to ${backendName}` : ''}, none answered: the first and the last`
    for (const { point, first, last } of where.seen) {
      this.watch.add({
        id: 'stale-mapping',
        confidence,
        reason,
        client: where.client,
        flow: where.flow,
        point,
        steps: [{ what, frames: [first, last] }],
      })
    }
  }

  private backendOf(service: number, sent: number): Backend | null {
    let backends = this.services.get(service)
    if (backends === undefined) {
      if (this.services.size === MOST_SERVICES) return null
      backends = new Map()
      this.services.set(service, backends)
    }
    let backend = backends.get(sent)
    if (backend === undefined) {
      if (backends.size === MOST_BACKENDS) return null
      backend = { newest: Number.NEGATIVE_INFINITY, starts: [], clients: [] }
      backends.set(sent, backend)
    }
    return backend
  }
}

/** Of ICMP the destination port is type and code. */
function isUnreachable({ protocol, destinationPort }: Packet): boolean {
  const type = destinationPort >>> 8
  if (protocol === IPPROTO_ICMPV6) return type === UNREACHABLE_IPV6
  return type === UNREACHABLE && (destinationPort & 0xff) !== FRAGMENTATION_NEEDED
}

function synsOf(where: Whereabouts): number {
  return where.seen.reduce((most, { syns }) => Math.max(most, syns), 0)
}

function packetsOf(table: Table, ct: number, where: Whereabouts): string {
  if (table.protocol(ct) === IPPROTO_TCP) return `${synsOf(where)} SYNs`
  return `${table.packets(ct * 2)} packets in ${Math.round((table.last(ct) - table.start(ct)) / 1e9)} s`
}

/** An address (of IPv6 its fold) with port and protocol, as one number. */
function keyOf(address: number, port: number, protocol: number): number {
  return ((address >>> 0) * 0x10000 + port) * 2 + (protocol === IPPROTO_TCP ? 1 : 0)
}
