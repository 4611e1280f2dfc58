// Flows that were forwarded, as their entries end: gathers what others on their way did, and asks the detectors in the end.

import { TCP_SYN_RECV, TCP_SYN_SENT } from '../../conntrack/proto/tcp-table.ts'
import { IPS_DST_NAT, IPS_SEEN_REPLY, IPS_SRC_NAT } from '../../conntrack/status.ts'
import type { Table } from '../../conntrack/table.ts'
import { IPPROTO_TCP } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'
import type { Points } from '../../vantage/record/points.ts'
import type { Sightings } from '../../vantage/record/sighting.ts'
import { RecentMap, valueWithin } from '../evidence/bounded-map.ts'
import { endKey } from '../evidence/end-key.ts'
import { type ForwardedFlow, forwardedFlow } from '../evidence/forwarded-flow.ts'
import { HostDroppedFlows } from '../evidence/host-dropped-flows.ts'
import type { Legs } from '../evidence/legs.ts'
import { firstPoint, pointsOf, type Transits } from '../evidence/transits.ts'
import { Collector, keyOf } from '../facts/collector.ts'
import type { Facts } from '../facts/facts.ts'
import { entryOlderThanRule } from './entry-older-than-rule.ts'
import { exitKey, type Judge, type Masqueraded, type Service, type Traffic } from './forwarded-traffic.ts'
import { lanReflection } from './lan-reflection.ts'
import { lostInHost } from './lost-in-host.ts'
import { privateDestinationLeak } from './private-destination-leak.ts'
import { replyOtherInterface } from './reply-other-interface.ts'
import { staleSourceMapping } from './stale-source-mapping.ts'
import { untranslatedSource } from './untranslated-source.ts'

/** Flows that are looked at in the end, 0.5 kB each; exits and addresses that are told apart. */
const MOST_SUSPECTS = 1024
/** Services, and clients with the port that they asked for: so many of the last are known, 30 MB of a capture's worst. */
const RECENT = 1 << 16
const MOST_EXITS = 64
const MOST_ADDRESSES = 64
/** Packets of a flow that make it worth a look: one may be lost anywhere. */
const LEAST_PACKETS = 2

/** The first that knows a flow has it. */
const DETECTORS: readonly Judge[] = [
  replyOtherInterface,
  lanReflection,
  lostInHost,
  staleSourceMapping,
  entryOlderThanRule,
  privateDestinationLeak,
  untranslatedSource,
]

export class ForwardedFlows {
  private readonly legs: Legs
  private readonly transits: Transits
  private readonly points: Points
  private readonly isSentOn: Traffic['isSentOn']
  private readonly exits = new Map<number, Map<number, Masqueraded>>()
  private readonly services = new RecentMap<number, Service>(RECENT)
  /** Live entries that an ICMP error is about; whether there were more than are kept, of which each may be one. */
  private readonly failed = new Set<number>()
  private hasMoreFailed = false
  /** By client and port. */
  private readonly arrivals = new RecentMap<number, number>(RECENT)
  private readonly dropped = new HostDroppedFlows()
  private readonly suspects: { flow: ForwardedFlow; service: number; visit: number }[] = []

  /** @param isSentOn what rules that were given say of a flow (Traffic) */
  constructor(legs: Legs, transits: Transits, points: Points, isSentOn: Traffic['isSentOn']) {
    this.legs = legs
    this.isSentOn = isSentOn
    this.transits = transits
    this.points = points
  }

  /** A first packet has no entry, because the host dropped it. */
  droppedByHost(packet: Packet, sightings: Sightings): void {
    this.dropped.add(packet, sightings)
  }

  /** An ICMP error is RELATED to entry `ct`. */
  related(ct: number): void {
    if (this.failed.size < MOST_SUSPECTS) this.failed.add(ct)
    else this.hasMoreFailed = true
  }

  /** An entry ended, or the capture did. */
  ended(table: Table, ct: number): void {
    const hasError = (this.failed.size > 0 && this.failed.delete(ct)) || this.hasMoreFailed
    const record = this.transits.of(ct)
    if (record < 0) return
    this.noteExit(table, ct, record)
    const service = this.noteService(table, ct, record)
    const visit = this.noteArrival(table, ct, record)
    if (this.suspects.length < MOST_SUSPECTS && this.isSuspect(table, ct, record)) {
      const flow = forwardedFlow(table, ct, this.legs, this.transits, record, hasError)
      this.suspects.push({ flow, service, visit })
    }
  }

  /** @param explained clients of whose flows something else was found out, as the collector has them */
  conclude(explained: ReadonlySet<string>): Facts[] {
    const { exits, services, arrivals, transits, suspects } = this
    const collector = new Collector()
    const lost = new Set<number>()
    // what is lost beside others that are known to be lost is so, too
    for (const isAgain of [false, true]) {
      for (const { flow, service, visit } of [...suspects, ...this.dropped.all]) {
        if (isAgain && !lost.has(service)) continue
        const client = flow.flow.client ?? flow.flow.server
        if (explained.has(keyOf(client))) continue
        const traffic: Traffic = {
          exits,
          transits,
          points: this.points.captured,
          service: services.get(service) ?? null,
          arrivals: arrivals.get(visit) ?? 0,
          hasLostOthers: isAgain,
          isSentOn: this.isSentOn,
        }
        const found = judge(flow, traffic)
        if (found === null || (isAgain && found.id !== 'lost-in-host')) continue
        if (found.id === 'lost-in-host') lost.add(service)
        const { points, ...rest } = found
        for (const point of pointsOf(points)) {
          const { start: time, lastTime: until } = flow
          collector.add({ ...rest, client, flow: flow.flow, point, time, until, isSequel: isAgain })
        }
      }
    }
    return collector.conclude()
  }

  /** Whether an entry is worth the memory of looking at it again: a few comparisons for each that ends. */
  private isSuspect(table: Table, ct: number, record: number): boolean {
    const { transits } = this
    const requests = transits.passedCount(record, 0) + transits.stayedCount(record, 0)
    if (requests < LEAST_PACKETS) return false
    const isAnswered = (table.status(ct) & IPS_SEEN_REPLY) !== 0
    if (table.protocol(ct) !== IPPROTO_TCP) {
      if (!isAnswered || transits.passedCount(record, 1) === 0) return true
      return transits.lastTime(record, 0) > transits.lastTime(record, 1)
    }
    const state = table.state(ct)
    return state === TCP_SYN_SENT || state === TCP_SYN_RECV
  }

  private noteExit(table: Table, ct: number, record: number): void {
    const status = table.status(ct)
    if ((status & IPS_SRC_NAT) === 0) return
    const exit = firstPoint(this.transits.outPoints(record, 0))
    if (exit < 0) return
    const key = exitKey(exit, table.isIpv6(ct) ? 6 : 4)
    const addresses = valueWithin(this.exits, key, MOST_EXITS, () => new Map<number, Masqueraded>())
    if (addresses === null) return
    const start = table.start(ct)
    const given = valueWithin(addresses, table.destination(ct * 2 + 1), MOST_ADDRESSES, () => ({
      first: start,
      newest: start,
      answered: 0,
    }))
    if (given === null) return
    given.first = Math.min(given.first, start)
    given.newest = Math.max(given.newest, start)
    if ((status & IPS_SEEN_REPLY) !== 0) given.answered++
  }

  /** @returns the key of a client with the port that it asks for */
  private noteArrival(table: Table, ct: number, record: number): number {
    const key = endKey(table.source(ct * 2), table.ports(ct * 2) & 0xffff, table.protocol(ct))
    const isAnswered = (table.status(ct) & IPS_SEEN_REPLY) !== 0
    if (!isAnswered || this.transits.passedCount(record, 0) === 0) return key
    this.arrivals.set(key, (this.arrivals.get(key) ?? 0) | this.transits.inPoints(record, 0))
    return key
  }

  /** @returns the key of the service that an entry's client asked for */
  private noteService(table: Table, ct: number, record: number): number {
    const key = endKey(table.destination(ct * 2), table.ports(ct * 2) & 0xffff, table.protocol(ct))
    const service = this.services.get(key) ?? newService()
    this.services.set(key, service)
    service.answersPassed += this.transits.passedCount(record, 1)
    service.answersStayed += this.transits.stayedCount(record, 1)
    const status = table.status(ct)
    const isAnswered = (status & IPS_SEEN_REPLY) !== 0
    const start = table.start(ct)
    if ((status & IPS_SRC_NAT) !== 0) {
      if (start < service.firstMasqueraded) {
        service.firstMasqueraded = start
        service.masqueradedClient = table.source(ct * 2)
      }
      if (isAnswered) service.answeredMasqueraded++
    } else {
      service.newestOwnSource = Math.max(service.newestOwnSource, start)
      service.hasAnsweredOwnSource ||= isAnswered
    }
    if ((status & IPS_DST_NAT) !== 0) {
      service.firstTranslated = Math.min(service.firstTranslated, start)
      if (isAnswered) service.answered++
    } else {
      service.newestUntranslated = Math.max(service.newestUntranslated, start)
      service.hasAnsweredUntranslated ||= isAnswered
    }
    return key
  }
}

function newService(): Service {
  return {
    firstTranslated: Number.POSITIVE_INFINITY,
    answered: 0,
    newestUntranslated: Number.NEGATIVE_INFINITY,
    hasAnsweredUntranslated: false,
    firstMasqueraded: Number.POSITIVE_INFINITY,
    masqueradedClient: 0,
    answeredMasqueraded: 0,
    newestOwnSource: Number.NEGATIVE_INFINITY,
    hasAnsweredOwnSource: false,
    answersPassed: 0,
    answersStayed: 0,
  }
}

function judge(flow: ForwardedFlow, traffic: Traffic): ReturnType<Judge> {
  for (const detector of DETECTORS) {
    const found = detector(flow, traffic)
    if (found !== null) return found
  }
  return null
}
