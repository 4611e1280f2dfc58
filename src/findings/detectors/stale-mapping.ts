// Entries whose packets go to a backend that is gone, kept alive by those packets or made by rules that still hold it: seen as they end.
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
/** A flow that was answered is silent for as long: what is not answered at all would have expired by then. */
const LEAST_SILENCE = 30e9
/** Flows that begin together may all have been on their way when the backend went. */
const AFTERWARDS = 1e9
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
  /** When the latest flow began that it answered; of flows with an answer that then fell silent, not theirs. */
  newestAnswered: number
  /** When flows began of which it answered none, the latest few. */
  unanswered: number[]
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
  last: number
  /** Packets, and for how many seconds; SYNs are counted where they were seen. */
  packets: number
  seconds: number
  isTranslated: boolean
  hasError: boolean
  /** Whether it had answers before; `start` is when the last one came, and packets are those since then. */
  hasReply: boolean
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
  /** Live entries of which an ICMP error says that nobody can be reached, and when it said so last. */
  private readonly failed = new Map<number, number>()
  /** Suspects so far: datagrams, SYNs. */
  private readonly looks = [0, 0]

  /** @param transits how many packets of an entry were not answered, where several points tell */
  constructor(legs: Legs, transits: Transits) {
    this.legs = legs
    this.transits = transits
  }

  /** An ICMP error is RELATED to entry `ct`. */
  related(table: Table, ct: number, error: Packet): void {
    const mayBeSilent = (table.status(ct) & IPS_SEEN_REPLY) === 0 || table.protocol(ct) === IPPROTO_UDP
    if (mayBeSilent && isUnreachable(error)) this.failed.set(ct, error.time)
  }

  /** An entry ended, or the capture did. */
  ended(table: Table, ct: number): void {
    const errorTime = this.failed.size > 0 ? this.failed.get(ct) : undefined
    if (errorTime !== undefined) this.failed.delete(ct)
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
    const answered = hasReply ? this.lastAnswer(ct) : Number.NEGATIVE_INFINITY
    const hasError = errorTime !== undefined && errorTime > answered
    const isSuspect = hasReply
      ? this.isAbandoned(table, ct, silent, answered)
      : isSyn
        ? this.mayBeRepeated(table, ct)
        : isKeptAlive(table, ct)
    // a client that was sent to itself is another matter
    if (isTranslated && table.source(ct * 2) === table.source(ct * 2 + 1)) return
    const backend = this.backendOf(service, sent)
    if (backend === null) return
    if (!hasReply) noteStart(backend.unanswered, start)
    if (hasReply) {
      if (!isSuspect) backend.newestAnswered = Math.max(backend.newestAnswered, start)
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
      start: hasReply ? answered : start,
      packets: hasReply ? silent : table.packets(ct * 2),
      last: table.last(ct),
      seconds: Math.round((table.last(ct) - (hasReply ? answered : start)) / 1e9),
      isTranslated,
      hasError,
      hasReply,
      asked: locate(table, ct, this.legs),
      isSyn: isSyn && !hasReply,
      silent,
    })
  }

  /**
   * @param explained clients of whose flows something else was found out, as the collector has them
   */
  conclude(explained: ReadonlySet<string>): Facts[] {
    const leftovers = new Collector()
    const chosen = new Collector()
    const repeated = this.suspects.filter(suspect => this.isRepeated(suspect))
    for (const suspect of repeated.slice(0, MOST_SUSPECTS)) {
      const { client } = suspect.asked.flow
      if (client !== null && explained.has(keyOf(client))) continue
      const found = suspect.isTranslated ? this.assess(suspect) : this.assessFromClient(suspect)
      if (found === null) continue
      addTo(found[1].code.startsWith('still-chosen') ? chosen : leftovers, suspect, ...found)
    }
    return [...leftovers.conclude(), ...chosen.conclude()]
  }

  private isRepeated({ isSyn, silent, asked: { places } }: Suspect): boolean {
    return !isSyn || Math.max(synsOf(places), silent) >= LEAST_PACKETS
  }

  /** Flows that began later were sent elsewhere, and answered there; none was answered by this backend. */
  private assess({ service, backend, start, hasError }: Suspect): [Confidence, Phrase] | null {
    const backends = this.services.get(service)
    const own = backends?.get(backend)
    // what answers is there
    if (backends === undefined || own === undefined || own.newestAnswered > start) return null
    let later = 0
    for (const [key, other] of backends) {
      if (key !== backend) later += other.starts.filter(time => time > start).length
    }
    if (later === 0) return null
    const chosen = this.chosenSince(service, backend)
    if (chosen > 0) {
      // one that hangs is silent, too: who is not there the kernel says
      if (hasError) return ['likely', phrase('still-chosen-and-error', { later, chosen })]
      return later < FEW ? null : ['possible', phrase('still-chosen', { later, chosen })]
    }
    if (hasError) return ['certain', phrase('later-and-error', { later })]
    if (later < FEW) return null
    return [later >= ENOUGH ? 'likely' : 'possible', phrase('later', { later })]
  }

  /** Flows that were still sent to a backend after it had fallen silent, and which it did not answer either. */
  private chosenSince(service: number, backend: number): number {
    const own = this.services.get(service)?.get(backend)
    if (own === undefined) return 0
    const starts = own.unanswered.filter(start => start > own.newestAnswered)
    const silences = this.suspects
      .filter(other => other.hasReply && other.service === service && other.backend === backend)
      .map(({ start }) => start)
    const first = Math.min(...starts, ...silences)
    return starts.filter(start => start > first + AFTERWARDS).length
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

  /** Whether an open connection, or a flow of datagrams that was answered, goes on without an answer. */
  private isAbandoned(table: Table, ct: number, silent: number, answered: number): boolean {
    if (silent < LEAST_PACKETS || (table.status(ct) & IPS_DST_NAT) === 0) return false
    if (table.protocol(ct) === IPPROTO_TCP) return table.state(ct) === TCP_ESTABLISHED
    return table.last(ct) - answered >= LEAST_SILENCE
  }

  private lastAnswer(ct: number): number {
    const record = this.transits.of(ct)
    return record < 0 ? 0 : this.transits.lastTime(record, 1)
  }

  private backendOf(service: number, sent: number): Backend | null {
    const backends = valueWithin(this.services, service, MOST_SERVICES, () => new Map<number, Backend>())
    if (backends === null) return null
    return valueWithin(backends, sent, MOST_BACKENDS, () => ({
      newestAnswered: Number.NEGATIVE_INFINITY,
      unanswered: [],
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

/** Keeps the latest few. */
function noteStart(starts: number[], start: number): void {
  starts.push(start)
  if (starts.length > MOST_STARTS) starts.shift()
}

function isKeptAlive(table: Table, ct: number): boolean {
  return table.packets(ct * 2) >= LEAST_PACKETS && table.last(ct) - table.start(ct) >= LEAST_LIFE
}

function synsOf(places: readonly Place[]): number {
  return places.reduce((most, { syns }) => Math.max(most, syns), 0)
}

function addTo(
  collector: Collector,
  { asked, packets, seconds, backendEnd, isTranslated, isSyn, start, last: until, silent, hasReply }: Suspect,
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
      until,
      steps: [
        hasReply ? step('silent', [last], values) : step(isSyn ? 'syns' : 'datagrams', [first, last], values),
      ],
    })
  }
}
