// What each observation point saw of a connection: a leg for each, with the entry of the table, or as a stray without one.

import type { Table } from '../../conntrack/table.ts'
import { IPPROTO_TCP, TCP_SYN } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'
import { pointOfSide } from '../../vantage/record/points.ts'
import { ChainedRecords } from './chained-records.ts'
import { endHash, pairHash, wideEndHash } from './flow-hash.ts'
import { Initiators, type Members } from './initiators.ts'
import {
  DESTINATION,
  ENTRY,
  FLAGS,
  KIND,
  LEG_OPEN,
  LEG_ORIGINAL_ENDS,
  LEG_TURNED,
  LEG_WORDS,
  NEXT,
  POINT,
  PORTS,
  RARE,
  RESPONDER,
  RESPONDER_NEXT,
  RESPONDER_PREVIOUS,
  SERIAL,
  SOURCE,
  START,
  SYN_ACK_SOURCE_MAC,
  TIME,
} from './leg-layout.ts'
import { LegRecords } from './leg-records.ts'
import type { Observation } from './observation.ts'
import { LEGS, NEWEST, OPEN, Responders } from './responders.ts'

const KIND_MASK = 0xffff
const LEG_ENDS = LEG_ORIGINAL_ENDS | LEG_TURNED
/** Legs of one initiator that are looked at: who uses one port again and again cannot keep a search from its end. */
const MOST_SIBLINGS = 64
const NONE: readonly number[] = []

/**
 * A leg is an integer. Legs of an entry are chained from the entry itself (Table.record), so that a packet that has
 * found its entry has found its leg; a flow that is translated between two points has a leg at each, with other
 * addresses. Packets without an entry have a stray, found by its tuple.
 */
export class Legs extends LegRecords {
  readonly responders = new Responders()
  /** Of the packet that was looked up last: 0 as the leg's initiator sends, 1 the other way. */
  direction = 0
  /** Strays that there are. */
  strayCount = 0
  private readonly table: Table
  private readonly strays = new ChainedRecords(this.pool, NEXT)
  /** By initiator, once somebody has asked for that. Of TCP nobody does where all is well. */
  private tcpInitiators: Initiators | null = null
  private otherInitiators: Initiators | null = null
  private serials = 0
  /** An IPv6 address on its way into a hash. */
  private readonly words = new Int32Array(4)

  constructor(table: Table) {
    super()
    this.table = table
  }

  /** Reads the cache line of an entry's first leg that a plain segment needs, and what a SYN-ACK needs (Companion of the engine). */
  touch(record: number, packet: Packet): number {
    const leg = record - 1
    const line = this.pool.get(leg, FLAGS)
    // what tcpFlags has of a packet that is no segment does no harm
    if ((packet.tcpFlags & TCP_SYN) === 0) return line
    return line ^ this.pool.get(leg, KIND) ^ this.cold.get(leg, SYN_ACK_SOURCE_MAC - LEG_WORDS)
  }

  /** First leg of an entry, -1 for none; go on with next(). */
  firstOf(ct: number): number {
    return this.table.record(ct) - 1
  }

  next(leg: number): number {
    return this.pool.get(leg, NEXT)
  }

  /** Whether a leg of an entry has one of the flags. */
  anyHas(ct: number, flags: number): boolean {
    for (let leg = this.firstOf(ct); leg >= 0; leg = this.next(leg)) if (this.has(leg, flags)) return true
    return false
  }

  /**
   * The leg of a packet at its point, or -1; `direction` tells which way it goes. A stray that an entry was made for
   * becomes the entry's. One with other ends than the entry has (translated once more, or by halves) stays a stray:
   * its packets do not find the entry where they are seen alone.
   * @param ct entry of the packet, -1 for none
   */
  find(seen: Observation, ct: number): number {
    const leg = ct >= 0 ? this.findAt(seen, ct) : -1
    if (leg >= 0) return leg
    return this.strayCount > 0 ? this.findStray(seen, ct) : -1
  }

  /** The leg of a packet among those of an entry, its own or another, or -1; `direction` tells which way it goes. */
  findAt(seen: Observation, ct: number): number {
    return this.findIn(this.firstOf(ct), seen)
  }

  private findStray(seen: Observation, ct: number): number {
    const hash = hashOfObservation(seen)
    const stray = this.findIn(this.strays.first(hash), seen)
    if (stray >= 0 && ct >= 0 && this.isFormOf(stray, ct)) {
      this.strays.unlink(stray, hash)
      this.strayCount--
      this.attach(stray, ct)
    }
    return stray
  }

  /**
   * Opens a leg for a packet, as its initiator's or, `turned`, as the answer to one that was not seen.
   * @param ct entry of the packet, -1 for none
   */
  open(seen: Observation, turned: boolean, ct: number): number {
    const { pool, cold } = this
    const leg = pool.allocate()
    cold.allocate()
    const words = pool.memory
    const at = pool.at(leg)
    const { source, destination, sourceWord, destinationWord, sourcePort, destinationPort, family } = seen
    words[at + KIND] = kindOf(seen) | (seen.capture << 16)
    words[at + POINT] = seen.point
    words[at + PORTS] = turned ? (destinationPort << 16) | sourcePort : (sourcePort << 16) | destinationPort
    words[at + SOURCE] = turned ? destinationWord : sourceWord
    words[at + DESTINATION] = turned ? sourceWord : destinationWord
    if (family === 6) this.setWide(leg, turned ? destination : source, turned ? source : destination)
    this.serials = (this.serials + 1) | 0
    cold.set(leg, SERIAL - LEG_WORDS, this.serials)
    pool.doubles[(at + START) >> 1] = seen.time
    pool.doubles[(at + TIME) >> 1] = seen.time
    const ends = ct < 0 ? 0 : this.endsOf(leg, ct * 2)
    if (ends !== 0) this.attachAs(leg, ct, ends)
    else if (ct >= 0 && this.hasKey(leg, ct * 2 + 1)) this.attachAs(leg, ct, 0)
    else this.linkStray(leg)
    this.initiatorsOf(leg)?.add(leg)
    if (seen.protocol === IPPROTO_TCP) this.linkResponder(leg)
    else this.set(leg, RESPONDER, -1)
    this.direction = turned ? 1 : 0
    return leg
  }

  /** A leg that was picked up in the middle was opened by its responder, as it turns out: `direction` is 0 then. */
  turn(leg: number): void {
    this.initiatorsOf(leg)?.remove(leg)
    if (this.responder(leg) >= 0) this.unlinkResponder(leg)
    this.swapSides(leg)
    this.initiatorsOf(leg)?.add(leg)
    if (this.protocol(leg) === IPPROTO_TCP) this.linkResponder(leg)
    this.direction = 0
  }

  /** Gives a leg of no entry any more back: what is known of it is gone. */
  free(leg: number): void {
    this.initiatorsOf(leg)?.remove(leg)
    if (this.responder(leg) >= 0) this.unlinkResponder(leg)
    const rare = this.pool.get(leg, RARE)
    if (rare !== 0) this.rarePool.free(rare - 1)
    const wide = this.wideOf(leg)
    if (wide >= 0) this.widePool.free(wide)
    // no leg that is in use has kind 0
    this.pool.set(leg, KIND, 0)
    this.pool.free(leg)
    this.cold.free(leg)
  }

  /** Takes all legs off an entry; returns the first of them, -1 for none. They stay chained. */
  detach(ct: number): number {
    const first = this.firstOf(ct)
    this.table.setRecord(ct, 0)
    return first
  }

  /** Gives an entry one more leg, which belongs to nobody. */
  attach(leg: number, ct: number): void {
    this.attachAs(leg, ct, this.endsOf(leg, ct * 2))
  }

  private attachAs(leg: number, ct: number, ends: number): void {
    const { pool, table } = this
    pool.set(leg, ENTRY, ct)
    pool.set(leg, FLAGS, (pool.get(leg, FLAGS) & ~LEG_ENDS) | ends)
    // the first point's leg stays the first: a plain segment looks at no other
    const first = table.record(ct) - 1
    if (first < 0) {
      pool.set(leg, NEXT, -1)
      table.setRecord(ct, leg + 1)
      return
    }
    pool.set(leg, NEXT, pool.get(first, NEXT))
    pool.set(first, NEXT, leg)
  }

  /** Keeps a leg that belongs to nobody as a stray. */
  linkStray(leg: number): void {
    if (this.strays.grow(this.strayCount + 1)) this.relinkStrays()
    this.strayCount++
    this.pool.set(leg, ENTRY, -1)
    this.strays.link(leg, this.hashOf(leg))
  }

  /** Visits every stray; those for which `visit` answers true are taken out, and belong to nobody then. */
  takeStrays(visit: (leg: number) => boolean): void {
    const taken: number[] = []
    this.strays.forEach(leg => {
      if (visit(leg)) taken.push(leg)
    })
    for (const leg of taken) this.strays.unlink(leg, this.hashOf(leg))
    this.strayCount -= taken.length
  }

  /** One more than the highest leg ever used; isUsed() tells whether one is. */
  get top(): number {
    return this.pool.top
  }

  isUsed(leg: number): boolean {
    return this.pool.get(leg, KIND) !== 0
  }

  /** Legs that the source of a packet opened, or its destination, at any point: the latest of them, newest first. */
  openedBy(seen: Observation, ofDestination: boolean): readonly number[] {
    const address = ofDestination ? seen.destinationWord : seen.sourceWord
    const words = ofDestination ? seen.destination : seen.source
    const port = ofDestination ? seen.destinationPort : seen.sourcePort
    const kind = kindOf(seen)
    const { pool } = this
    const initiators = this.initiators(seen.protocol)
    let found: number[] | null = null
    let leg = initiators.first(hashOfEnd(seen, ofDestination))
    for (; leg >= 0 && found?.length !== MOST_SIBLINGS; leg = initiators.next(leg)) {
      if ((pool.get(leg, KIND) & KIND_MASK) !== kind || pool.get(leg, PORTS) >>> 16 !== port) continue
      if (!this.isAddress(leg, SOURCE, address, words)) continue
      found ??= []
      found.push(leg)
    }
    return found ?? NONE
  }

  /** Legs of the same initiator as `of`, at any point, itself excepted: the latest of them, newest first. */
  siblings(of: number): readonly number[] {
    const { pool } = this
    const kind = pool.get(of, KIND) & KIND_MASK
    const initiators = this.initiators(this.protocol(of))
    let found: number[] | null = null
    let leg = initiators.first(this.endHash(of, SOURCE))
    for (; leg >= 0 && found?.length !== MOST_SIBLINGS; leg = initiators.next(leg)) {
      if (leg === of || (pool.get(leg, KIND) & KIND_MASK) !== kind) continue
      if (!this.isPortShared(leg, of) || !this.sameEnd(leg, SOURCE, of, SOURCE)) continue
      found ??= []
      found.push(leg)
    }
    return found ?? NONE
  }

  /** The record of the responder that a packet goes to, at its point; -1: no TCP leg has it. */
  responderOf(seen: Observation): number {
    const { family, destinationWord, destinationPort, point } = seen
    return this.responders.find(family, destinationWord, destinationPort, pointOfSide(point))
  }

  /** The leg of a responder that began last; go on with older(). */
  newestOf(responder: number): number {
    return this.responders.get(responder, NEWEST)
  }

  /** The leg of the same responder that began before, -1: none. */
  older(leg: number): number {
    return this.get(leg, RESPONDER_NEXT)
  }

  /** The leg of the same responder that began after, -1: none. */
  newer(leg: number): number {
    return this.get(leg, RESPONDER_PREVIOUS)
  }

  /** The responder's record of a TCP leg. */
  responder(leg: number): number {
    return this.get(leg, RESPONDER)
  }

  /** Whether the leg's responder is the packet's destination. */
  isAnsweredBy(leg: number, seen: Observation): boolean {
    const { pool } = this
    return (
      (pool.get(leg, KIND) & KIND_MASK) === kindOf(seen) &&
      (pool.get(leg, PORTS) & 0xffff) === seen.destinationPort &&
      this.isAddress(leg, DESTINATION, seen.destinationWord, seen.destination)
    )
  }

  /** Whether the leg's initiator has the address of the packet's source. */
  isFrom(leg: number, seen: Observation): boolean {
    return this.isAddress(leg, SOURCE, seen.sourceWord, seen.source)
  }

  /** How the ends of a leg and of a key go together: LEG_ORIGINAL_ENDS, with LEG_TURNED the other way round, or 0. */
  endsOf(leg: number, key: number): number {
    const { table } = this
    const words = this.pool.memory
    const at = this.pool.at(leg)
    const ports = words[at + PORTS]
    const wanted = table.ports(key)
    const source = table.source(key)
    const destination = table.destination(key)
    if (ports === wanted && words[at + SOURCE] === source && words[at + DESTINATION] === destination)
      return LEG_ORIGINAL_ENDS
    const turned = (ports << 16) | (ports >>> 16)
    if (turned === wanted && words[at + DESTINATION] === source && words[at + SOURCE] === destination)
      return LEG_ORIGINAL_ENDS | LEG_TURNED
    return 0
  }

  private findIn(first: number, seen: Observation): number {
    let leg = first
    while (leg >= 0 && !this.isTuple(leg, seen)) leg = this.pool.get(leg, NEXT)
    return leg
  }

  /** Whether a packet is of a leg; `direction` tells which way it goes then. */
  private isTuple(leg: number, seen: Observation): boolean {
    const words = this.pool.memory
    const at = this.pool.at(leg)
    const { sourceWord, destinationWord, sourcePort, destinationPort } = seen
    if (words[at + POINT] !== seen.point || (words[at + KIND] & KIND_MASK) !== kindOf(seen)) return false
    if (
      words[at + PORTS] === ((sourcePort << 16) | destinationPort) &&
      words[at + SOURCE] === sourceWord &&
      words[at + DESTINATION] === destinationWord &&
      this.isWide(leg, seen.source, seen.destination)
    ) {
      this.direction = 0
      return true
    }
    if (
      words[at + PORTS] === ((destinationPort << 16) | sourcePort) &&
      words[at + SOURCE] === destinationWord &&
      words[at + DESTINATION] === sourceWord &&
      this.isWide(leg, seen.destination, seen.source)
    ) {
      this.direction = 1
      return true
    }
    return false
  }

  /** Whether packets of a leg find the entry: it has the ends of one of the entry's keys. */
  private isFormOf(leg: number, ct: number): boolean {
    return this.hasKey(leg, ct * 2) || this.hasKey(leg, ct * 2 + 1)
  }

  private hasKey(leg: number, key: number): boolean {
    return this.endsOf(leg, key) !== 0
  }

  // strays

  private relinkStrays(): void {
    for (let leg = 0; leg < this.pool.top; leg++) {
      if (this.isUsed(leg) && this.pool.get(leg, ENTRY) < 0) this.strays.link(leg, this.hashOf(leg))
    }
  }

  private hashOf(leg: number): number {
    return pairHash(this.endHash(leg, SOURCE), this.endHash(leg, DESTINATION), this.pool.get(leg, POINT))
  }

  private endHash(leg: number, which: number): number {
    const { pool } = this
    const ports = pool.get(leg, PORTS)
    const port = which === SOURCE ? ports >>> 16 : ports & 0xffff
    const kind = pool.get(leg, KIND) & KIND_MASK
    const wide = this.wideOf(leg)
    if (wide < 0) return endHash(pool.get(leg, which), port, kind)
    for (let i = 0; i < 4; i++) this.words[i] = this.widePool.get(wide, (which === SOURCE ? 0 : 4) + i)
    return wideEndHash(this.words, port, kind)
  }

  // legs of one initiator, newest first

  private initiators(protocol: number): Initiators {
    if (protocol === IPPROTO_TCP) {
      this.tcpInitiators ??= new Initiators(this.members(true))
      return this.tcpInitiators
    }
    this.otherInitiators ??= new Initiators(this.members(false))
    return this.otherInitiators
  }

  private members(areTcp: boolean): Members {
    const { pool } = this
    return {
      get top() {
        return pool.top
      },
      has: leg => this.isUsed(leg) && (this.protocol(leg) === IPPROTO_TCP) === areTcp,
      serial: leg => this.serial(leg),
      initiatorHash: leg => this.endHash(leg, SOURCE),
    }
  }

  private initiatorsOf(leg: number): Initiators | null {
    return this.protocol(leg) === IPPROTO_TCP ? this.tcpInitiators : this.otherInitiators
  }

  // legs of one responder at one point, newest first

  private linkResponder(leg: number): void {
    const { pool, responders } = this
    const responder = responders.findOrAdd(
      this.family(leg),
      pool.get(leg, DESTINATION),
      pool.get(leg, PORTS) & 0xffff,
      pointOfSide(pool.get(leg, POINT)),
    )
    const newest = responders.get(responder, NEWEST)
    const words = this.cold.memory
    const at = this.cold.at(leg) - LEG_WORDS
    words[at + RESPONDER] = responder
    words[at + RESPONDER_NEXT] = newest
    words[at + RESPONDER_PREVIOUS] = -1
    if (newest >= 0) this.set(newest, RESPONDER_PREVIOUS, leg)
    responders.pool.set(responder, NEWEST, leg)
    responders.count(responder, LEGS)
  }

  private unlinkResponder(leg: number): void {
    const { responders } = this
    const responder = this.get(leg, RESPONDER)
    const next = this.get(leg, RESPONDER_NEXT)
    const previous = this.get(leg, RESPONDER_PREVIOUS)
    if (next >= 0) this.set(next, RESPONDER_PREVIOUS, previous)
    if (previous >= 0) this.set(previous, RESPONDER_NEXT, next)
    else responders.pool.set(responder, NEWEST, next)
    responders.discount(responder, LEGS)
    if (this.has(leg, LEG_OPEN)) responders.discount(responder, OPEN)
  }
}

const kindOf = (seen: Observation): number => (seen.family << 8) | seen.protocol

function hashOfObservation(seen: Observation): number {
  return pairHash(hashOfEnd(seen, false), hashOfEnd(seen, true), seen.point)
}

function hashOfEnd(seen: Observation, ofDestination: boolean): number {
  const kind = kindOf(seen)
  const port = ofDestination ? seen.destinationPort : seen.sourcePort
  if (seen.family === 6) return wideEndHash(ofDestination ? seen.destination : seen.source, port, kind)
  return endHash(ofDestination ? seen.destinationWord : seen.sourceWord, port, kind)
}
