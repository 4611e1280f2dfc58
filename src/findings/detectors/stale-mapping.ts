// Entries whose packets go to a backend that is gone, and which those packets keep alive: seen when the entries end.
import { TCP_ESTABLISHED, TCP_SYN_SENT } from '../../conntrack/proto/tcp-table.ts'
import { IPS_DST_NAT, IPS_SEEN_REPLY } from '../../conntrack/status.ts'
import type { Table } from '../../conntrack/table.ts'
import type { Endpoint } from '../../host/knowledge.ts'
import { IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'
import { valueWithin } from '../evidence/bounded-map.ts'
import { endKey } from '../evidence/end-key.ts'
import { endOfKey } from '../evidence/flow-facts.ts'
import type { Legs } from '../evidence/legs.ts'
import type { Transits } from '../evidence/transits.ts'
import { type Asked, locate, type Place } from '../evidence/whereabouts.ts'
import { Collector, keyOf } from '../facts/collector.ts'
import { type Confidence, type Facts, type Phrase, phrase, step } from '../facts/facts.ts'

/** Datagrams keep an entry alive: it lives for twice the timeout of what is not answered, with some packets. */
const LEAST_LIFE = 60e9
const LEAST_PACKETS = 5
/** Services that are told apart, backends of one, answered flows of one whose starts are known: 300 kB of a capture's worst. */
const MOST_SERVICES = 512
const MOST_BACKENDS = 16
const MOST_STARTS = 16
const MOST_SUSPECTS = 256
/** Unanswered SYNs of which it is asked how often they were repeated, 0.5 kB each. */
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
  backendEnd: Endpoint
  client: number
  start: number
  /** Packets, and for how many seconds; SYNs are counted where they were seen. */
  packets: number
  seconds: number
  isTranslated: boolean
  hasError: boolean
  asked: Asked
  /** Of a SYN, whose repetitions its entry does not count. */
  isSyn: boolean
  /** Packets that were not answered, as far as several points tell; 0 else. */
  silent: number
}

export class StaleMappings {
  private readonly legs: Legs
  private readonly transits: Transits
  /** By destination and port as they were asked for, then by those that the flow was sent to. */
  private readonly services = new Map<number, Map<number, Backend>>()
  private readonly suspects: Suspect[] = []
  /** Live entries without a reply that an ICMP error says cannot be reached. */
  private readonly failed = new Set<number>()
  /** Suspects so far: datagrams, SYNs. */
  private readonly looks = [0, 0]

  /** @param transits how many packets of an entry were not answered, where several points tell */
  constructor(legs: Legs, transits: Transits) {
    this.legs = legs
    this.transits = transits
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
    // of what is not translated, UDP alone: a client that never changes its port
    if (!isTranslated && protocol === IPPROTO_TCP) return
    const start = table.start(ct)
    const service = endKey(table.destination(ct * 2), table.ports(ct * 2) & 0xffff, protocol)
    const sent = endKey(table.source(ct * 2 + 1), table.ports(ct * 2 + 1) >>> 16, protocol)
    const hasReply = (status & IPS_SEEN_REPLY) !== 0
    const isSyn = protocol === IPPROTO_TCP
    const silent = this.transits.silentCount(ct)
    const isSuspect = hasReply
      ? isSyn && this.isAbandoned(table, ct, silent)
      : isSyn
        ? this.mayBeRepeated(table, ct)
        : isKeptAlive(table, ct)
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
    if (!isSuspect) return
    const most = isSyn ? MOST_LOOKS : MOST_SUSPECTS
    if (this.looks[isSyn ? 1 : 0]++ >= most) return
    this.suspects.push({
      service,
      backend: sent,
      backendEnd: endOfKey(table, ct * 2 + 1, true),
      client: table.source(ct * 2),
      start: hasReply ? this.lastAnswer(ct) : start,
      packets: hasReply ? silent : table.packets(ct * 2),
      seconds: Math.round((table.last(ct) - table.start(ct)) / 1e9),
      isTranslated,
      hasError,
      asked: locate(table, ct, this.legs),
      isSyn: isSyn && !hasReply,
      silent,
    })
  }

  /**
   * @param explained clients of whose flows something else was found out, as the collector has them
   */
  conclude(explained: ReadonlySet<string>): Facts[] {
    const collector = new Collector()
    const repeated = this.suspects.filter(suspect => this.isRepeated(suspect))
    for (const suspect of repeated.slice(0, MOST_SUSPECTS)) {
      const { client } = suspect.asked.flow
      if (client !== null && explained.has(keyOf(client))) continue
      const found = suspect.isTranslated ? this.assess(suspect) : this.assessFromClient(suspect)
      if (found !== null) addTo(collector, suspect, ...found)
    }
    return collector.conclude()
  }

  /** A SYN that was not repeated is no suspect, but one more flow to its backend. */
  private isRepeated({ isSyn, service, backend, start, silent, asked: { places } }: Suspect): boolean {
    if (!isSyn || Math.max(synsOf(places), silent) >= LEAST_PACKETS) return true
    const known = this.backendOf(service, backend)
    if (known !== null) known.newest = Math.max(known.newest, start)
    return false
  }

  /** Flows that began later were all sent elsewhere, and answered there. */
  private assess({ service, backend, start, hasError }: Suspect): [Confidence, Phrase] | null {
    const backends = this.services.get(service)
    if (backends === undefined) return null
    // what is still chosen is no leftover, whether it answers or not
    if ((backends.get(backend)?.newest ?? start) > start) return null
    let later = 0
    for (const [key, other] of backends) {
      if (key !== backend) later += other.starts.filter(time => time > start).length
    }
    if (later === 0) return null
    if (hasError) return ['certain', phrase('later-and-error', { later })]
    if (later < FEW) return null
    return [later >= ENOUGH ? 'likely' : 'possible', phrase('later', { later })]
  }

  /** In front of the translation: the same client's later flows to the service were answered. */
  private assessFromClient({ service, client, start }: Suspect): [Confidence, Phrase] | null {
    let later = 0
    for (const backend of this.services.get(service)?.values() ?? []) {
      later += backend.starts.filter((time, i) => time > start && backend.clients[i] === client).length
    }
    if (later < ENOUGH) return null
    return ['possible', phrase('same-client', { later })]
  }

  /** A repeated SYN neither renews its entry nor counts there: that is asked where SYNs are counted. */
  private mayBeRepeated(table: Table, ct: number): boolean {
    return (
      table.state(ct) === TCP_SYN_SENT && (table.status(ct) & IPS_DST_NAT) !== 0 && this.looks[1] < MOST_LOOKS
    )
  }

  /** Whether an open connection goes on without an answer. */
  private isAbandoned(table: Table, ct: number, silent: number): boolean {
    return (
      silent >= LEAST_PACKETS && table.state(ct) === TCP_ESTABLISHED && (table.status(ct) & IPS_DST_NAT) !== 0
    )
  }

  private lastAnswer(ct: number): number {
    const record = this.transits.of(ct)
    return record < 0 ? 0 : this.transits.lastTime(record, 1)
  }

  private backendOf(service: number, sent: number): Backend | null {
    const backends = valueWithin(this.services, service, MOST_SERVICES, () => new Map<number, Backend>())
    if (backends === null) return null
    return valueWithin(backends, sent, MOST_BACKENDS, () => ({
      newest: Number.NEGATIVE_INFINITY,
      starts: [],
      clients: [],
    }))
  }
}

/** Of ICMP the destination port is type and code. */
function isUnreachable({ protocol, destinationPort }: Packet): boolean {
  const type = destinationPort >>> 8
  if (protocol === IPPROTO_ICMPV6) return type === UNREACHABLE_IPV6
  return type === UNREACHABLE && (destinationPort & 0xff) !== FRAGMENTATION_NEEDED
}

function isKeptAlive(table: Table, ct: number): boolean {
  return table.packets(ct * 2) >= LEAST_PACKETS && table.last(ct) - table.start(ct) >= LEAST_LIFE
}

function synsOf(places: readonly Place[]): number {
  return places.reduce((most, { syns }) => Math.max(most, syns), 0)
}

function addTo(
  collector: Collector,
  { asked, packets, seconds, backendEnd, isTranslated, isSyn, start, silent }: Suspect,
  confidence: Confidence,
  reason: Phrase,
): void {
  const { flow, places } = asked
  const to = isTranslated ? { backend: backendEnd } : {}
  const values = isSyn ? { ...to, syns: Math.max(synsOf(places), silent) } : { ...to, packets, seconds }
  for (const { point, first, last } of places) {
    collector.add({
      id: 'stale-mapping',
      severity: 'error',
      confidence,
      reason,
      client: flow.client ?? flow.server,
      flow,
      point,
      time: start,
      steps: [step(isSyn ? 'syns' : 'datagrams', [first, last], values)],
    })
  }
}
