// Stations that packets leave by, where one Ethernet interface alone was captured: what their flows have as source, and which were answered.
import { IPS_NAT_MASK, IPS_SEEN_REPLY } from '../../conntrack/status.ts'
import type { Table } from '../../conntrack/table.ts'
import { IPPROTO_TCP, IPPROTO_UDP } from '../../net/numbers.ts'
import { isGlobal, isPrivate } from '../../net/special-ranges.ts'
import type { FlowFacts, FrameReference } from '../facts/facts.ts'
import { valueWithin } from './bounded-map.ts'
import { flowOfEntry } from './flow-facts.ts'
import { LEG_SYN, SYN_DESTINATION_MAC, SYN_SOURCE_MAC } from './leg-layout.ts'
import type { Legs } from './legs.ts'
import type { Observation } from './observation.ts'
import { isFresh } from './refused-answer.ts'

/** Flows that are looked at in the end; pairs of stations, and addresses of each, that are told apart. */
const MOST_SUSPECTS = 1024
const MOST_EXITS = 64
const MOST_ADDRESSES = 64
/** Openings of protocols without legs whose flows are not over. */
const MOST_OPENINGS = 1024
/** Packets of a flow that make it worth a look: one may be lost anywhere. */
const LEAST_PACKETS = 2

/** What left by one station for another. */
export interface Exit {
  /** Flows by their public source that were forwarded, with a TTL that a hop has lowered: when the first began, how many were answered. */
  forwarded: Map<number, { first: number; answered: number }>
  /** Public sources of which a flow was answered. */
  answered: Set<number>
  /** Whether somebody answered a private source out there; private networks (`networkOf`) of which somebody answered. */
  hasPrivateSources: boolean
  answering: Set<number>
}

/** A flow that nobody answered, between a private address and a public one. Times are nanoseconds since the first frame. */
export interface UplinkFlow {
  flow: FlowFacts
  isPrivateSource: boolean
  isForwarded: boolean
  packets: number
  start: number
  lastTime: number
  point: number
  frame: FrameReference
  exit: Exit
}

/** Which way a flow's first packet went. */
interface Opening {
  /** Of TCP its SYNs; of protocols without legs its packets. Of those that repeat the first conntrack counts none. */
  openings: number
  source: number
  destination: number
  ttl: number
  point: number
  capture: number
}

export class Uplinks {
  readonly suspects: UplinkFlow[] = []
  private readonly legs: Legs
  private readonly exits = new Map<number, Exit>()
  private readonly openings = new Map<number, Opening>()

  constructor(legs: Legs) {
    this.legs = legs
  }

  /** Entry `ct`, of a protocol without legs, was made by the packet that is seen here. */
  created(ct: number, seen: Observation): void {
    if (seen.sourceMac === 0 || this.openings.size === MOST_OPENINGS) return
    const { sourceMac: source, destinationMac: destination, ttl, point, capture } = seen
    this.openings.set(ct, { openings: 1, source, destination, ttl, point, capture })
  }

  /** One more packet of entry `ct`, of such a protocol. */
  another(ct: number): void {
    const opening = this.openings.get(ct)
    if (opening !== undefined) opening.openings++
  }

  /** An entry ended, or the capture did. */
  ended(table: Table, ct: number): void {
    const opening = this.openings.get(ct)
    if (opening !== undefined) this.openings.delete(ct)
    const status = table.status(ct)
    const client = table.source(ct * 2)
    const server = table.destination(ct * 2)
    const isIpv4 = !table.isIpv6(ct)
    if (!isIpv4 || (status & IPS_NAT_MASK) !== 0) return
    const isPrivateSource = isPrivateWord(client)
    const isPrivateTarget = isPrivateWord(server)
    if (isPrivateSource === isPrivateTarget && isPrivateSource) return
    if (!(isPrivateSource || isGlobalWord(client)) || !(isPrivateTarget || isGlobalWord(server))) return
    const way = opening ?? this.wayOf(table, ct)
    if (way === null) return
    const exit = this.exitOf(way)
    if (exit === null) return
    const isForwarded = !isFresh(way.ttl)
    const isAnswered = (status & IPS_SEEN_REPLY) !== 0
    if (!isPrivateSource && isForwarded) noteForwarded(exit, client, table.start(ct), isAnswered)
    if (isAnswered) noteAnswer(exit, client, server)
    const packets = Math.max(way.openings, table.packets(ct * 2))
    if (isAnswered || isPrivateSource === isPrivateTarget || packets < LEAST_PACKETS) return
    if (this.suspects.length === MOST_SUSPECTS) return
    this.suspects.push({
      flow: flowOfEntry(table, ct),
      isPrivateSource,
      isForwarded,
      packets,
      start: table.start(ct),
      lastTime: table.last(ct),
      point: way.point,
      frame: { capture: way.capture, frame: table.firstFrame(ct) },
      exit,
    })
  }

  /** By the leg that is alone; of TCP one that was opened by a SYN, as what comes late to a connection leaves as it is. */
  private wayOf(table: Table, ct: number): Opening | null {
    const protocol = table.protocol(ct)
    if (protocol !== IPPROTO_TCP && protocol !== IPPROTO_UDP) return null
    const { legs } = this
    const leg = legs.firstOf(ct)
    if (leg < 0 || legs.next(leg) >= 0 || !legs.has(leg, LEG_SYN)) return null
    const source = legs.get(leg, SYN_SOURCE_MAC)
    if (source === 0) return null
    return {
      openings: protocol === IPPROTO_TCP ? legs.openings(leg, 0) : 0,
      source,
      destination: legs.get(leg, SYN_DESTINATION_MAC),
      ttl: legs.openingTtl(leg, 0),
      point: legs.point(leg),
      capture: legs.capture(leg),
    }
  }

  private exitOf({ source, destination, point }: Opening): Exit | null {
    const key = (Math.imul(source, 31) ^ Math.imul(destination, 0x01000193) ^ point) >>> 0
    return valueWithin(this.exits, key, MOST_EXITS, () => ({
      forwarded: new Map(),
      answered: new Set(),
      hasPrivateSources: false,
      answering: new Set(),
    }))
  }
}

/** 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16, by what their first eight bits are. */
export function networkOf(address: number): number {
  return address >>> 24
}

function noteForwarded({ forwarded }: Exit, source: number, start: number, isAnswered: boolean): void {
  const given = valueWithin(forwarded, source, MOST_ADDRESSES, () => ({ first: start, answered: 0 }))
  if (given === null) return
  given.first = Math.min(given.first, start)
  if (isAnswered) given.answered++
}

function noteAnswer(exit: Exit, source: number, destination: number): void {
  if (isPrivateWord(source)) exit.hasPrivateSources = true
  else if (isPrivateWord(destination)) exit.answering.add(networkOf(destination))
  else if (exit.answered.size < MOST_ADDRESSES) exit.answered.add(source)
}

/** An address on its way into the question: asked for each flow that ends. */
const WORDS = new Int32Array(4)

function isPrivateWord(word: number): boolean {
  WORDS[0] = word
  return isPrivate(4, WORDS)
}

function isGlobalWord(word: number): boolean {
  WORDS[0] = word
  return isGlobal(4, WORDS)
}
