// Keeps what each point sees of each connection, and asks the detectors where something is out of the ordinary.

import { IPS_NAT_MASK } from '../conntrack/status.ts'
import type { Table } from '../conntrack/table.ts'
import {
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
  TCP_ACK,
  TCP_RST,
  TCP_SYN,
} from '../net/numbers.ts'
import { Packet } from '../packet/packet.ts'
import { decodeQuoted } from '../packet/quoted.ts'
import { TCP_MIN_LENGTH } from '../packet/tcp.ts'
import { hidesInterfaces } from '../vantage/record/place.ts'
import type { Points } from '../vantage/record/points.ts'
import { type Sightings, TRANSLATED_SOURCE } from '../vantage/record/sighting.ts'
import { FlowFindings } from './detectors/flow-findings.ts'
import { hasAnsweredToTheEnd } from './detectors/idle-gap.ts'
import { Losses } from './detectors/lost-first-packets.ts'
import { strayDatagram } from './detectors/refused-answers.ts'
import { Floods } from './detectors/syn-flood.ts'
import { Leaks } from './detectors/untranslated-segments.ts'
import { Budget } from './evidence/budget.ts'
import { EntryLookup } from './evidence/entry-lookup.ts'
import {
  DNS_ANSWER,
  FLAGS,
  LEG_DNS,
  LEG_FORWARDED,
  LEG_ORIGINAL_ENDS,
  LEG_REPEATED,
  LEG_SYN,
  LEG_SYN_ACK,
  LEG_TURNED,
  POINT,
  REPLY_SIDE,
  SIDE,
  SIDE_FRAME,
  SIDE_PACKETS,
} from './evidence/leg-layout.ts'
import { Legs } from './evidence/legs.ts'
import { isRepeated, Observation, pointOfFrame, pointOfSighting } from './evidence/observation.ts'
import { ENDED_LAST } from './evidence/responders.ts'
import type { TwoLives } from './evidence/two-lives.ts'
import { Collector } from './facts/collector.ts'
import type { Facts } from './facts/facts.ts'
import { Lifetimes } from './lifetimes.ts'
import { isOverUnopened, noteOpening, Segments } from './segments.ts'

const ICMP_HEADER = 8
const PORT_UNREACHABLE = (3 << 8) | 3
const PORT_UNREACHABLE_IPV6 = (1 << 8) | 4

export class FlowTracker {
  readonly legs: Legs
  private readonly table: Table
  private readonly points: Points
  private readonly collector = new Collector()
  private readonly strayBudget = new Budget('flows that an untranslated packet goes on with', 1 << 20)
  private readonly lifetimes: Lifetimes
  private readonly leaks: Leaks
  private readonly losses: Losses
  private readonly floods: Floods
  private readonly detectors: FlowFindings
  private readonly entries: EntryLookup
  private readonly segments: Segments
  private readonly seen = new Observation()
  private readonly quoted = new Packet()
  private readonly error = new Packet()
  /** Counts packets, in 32 bits: the copies of one have the same number. */
  private number = 0
  /** Packets so far. */
  private packets = 0
  private now = 0
  /** The leg of the packet's first sighting, and which way the packet goes there. */
  private first = -1
  private firstDirection = 0

  /**
   * @param table the engine's
   * @param points those of the window, or a separate instance where there is no window
   * @param isInside whether what is watched came out of a tunnel over UDP
   */
  constructor(table: Table, points: Points, isInside: boolean) {
    this.table = table
    this.points = points
    this.legs = new Legs(table)
    this.entries = new EntryLookup(table, this.legs)
    this.lifetimes = new Lifetimes(this.legs, leg => this.judge(leg))
    this.leaks = new Leaks(this.legs, this.collector, this.strayBudget)
    this.losses = new Losses(this.legs, this.collector)
    this.floods = new Floods(this.legs, this.collector)
    this.detectors = new FlowFindings(this.legs, this.collector, isInside)
    this.segments = new Segments(this.legs, this.seen, this.collector, this.leaks, this.detectors)
  }

  /**
   * Takes a packet that was decoded, with everybody who saw it; null: a frame that is replayed as it came.
   * @param key the key by which it found or made its entry, also where conntrack called it INVALID; -1 for none
   */
  packet(packet: Packet, sightings: Sightings | null, key: number): void {
    const ct = key >> 1
    this.lifetimes.takeOver(ct)
    const { protocol } = packet
    if (protocol !== IPPROTO_TCP && protocol !== IPPROTO_UDP) {
      if (isPortUnreachable(packet)) this.unreachable(packet, sightings)
      return
    }
    if (!packet.hasTuple || packet.fragmentOffset !== 0) return
    if (protocol === IPPROTO_TCP && packet.transportCaptured < TCP_MIN_LENGTH) return
    // put together from fragments, of which the last has no ports
    if (sightings !== null && !sightings.isLate && isOfFragment(packet, sightings)) return
    this.number = (this.number + 1) | 0
    if (sightings === null || this.isAlone(sightings)) this.alone(packet, key)
    else this.sighted(packet, sightings, ct)
    if (this.lifetimes.sweep(this.now)) this.floods.sweep()
  }

  /**
   * The packet taken last, a segment, was INVALID: outside the window of its connection.
   * @param ct the entry that it found
   */
  outsideWindow(packet: Packet, sightings: Sightings | null, ct: number): void {
    const { seen, legs } = this
    if ((packet.tcpFlags & TCP_SYN) !== 0) return
    // a plain one was taken without the view
    seen.takeTransport(packet, this.number)
    const start = sightings?.isLate ? 1 : 0
    for (let i = start; i < (sightings?.count ?? 1); i++) {
      if (sightings !== null) seen.takeSighting(sightings, i, pointOfSighting(sightings, i))
      else
        seen.takeFrame(packet, pointOfFrame(packet, this.points.of(packet.interface, packet.interfaceIndex)))
      const leg = legs.findAt(seen, ct)
      if (leg >= 0) this.leaks.noteInvalid(leg, seen)
    }
  }

  /**
   * An entry has left the table; the packet that ended it, if one did, has been taken in.
   * @param isReset whether that was a RST before any answer
   */
  ended(ct: number, isReset = false): void {
    this.lifetimes.ended(ct, isReset)
  }

  /** A SYN opens a closed connection again: to be told before the packet is taken in. */
  reopens(ct: number): void {
    this.lifetimes.reopens(ct)
  }

  /** What was found, once the last packet is in: the faults first. */
  conclude(): Facts[] {
    this.lifetimes.takeOver(-1)
    this.losses.conclude()
    this.floods.conclude(this.now)
    this.detectors.conclude(this.now)
    return [...this.collector.conclude(), ...this.detectors.facts()]
  }

  /** What stays of connections that failed, where none of `told` explains it; after conclude(). */
  leftOver(told: readonly Facts[]): Facts[] {
    return this.detectors.leftOver(told)
  }

  /** The clients of whose flows something was found out, as the collector has them. */
  get clients(): ReadonlySet<string> {
    return this.collector.clients
  }

  /** Connections whose addresses and ports another has at the same time. */
  get twoLives(): TwoLives {
    return this.segments.twoLives
  }

  /** What searches may look at. */
  get budgets(): Budget[] {
    return [this.strayBudget, this.lifetimes.budget, ...this.detectors.budgets]
  }

  // a packet, point by point

  /** Whether the only frame of the only point shows a packet, and shows it as it was tracked. */
  private isAlone(sightings: Sightings): boolean {
    if (sightings.count > 1 || sightings.isRestored || this.points.all.length > 1) return false
    return !hidesInterfaces(sightings.linkType(0))
  }

  /** A frame that is replayed as it came, or that alone shows its packet. */
  private alone(packet: Packet, key: number): void {
    const { seen } = this
    this.begin()
    this.now = packet.time
    const point = pointOfFrame(packet, this.points.of(packet.interface, packet.interfaceIndex))
    if (key >= 0 && this.isPlain(packet, point, key)) return
    seen.takeTransport(packet, this.number)
    seen.takeFrame(packet, point)
    this.follow(key >= 0 ? key >> 1 : this.entries.of(this.seen, packet.zone))
  }

  /**
   * A packet in the middle of a connection that is not translated, whose leg is its entry's first: updates that in
   * place. False: nothing was done. One that goes through follow() comes to the same.
   */
  private isPlain(packet: Packet, point: number, key: number): boolean {
    const { legs } = this
    const isSegment = packet.protocol === IPPROTO_TCP
    if (isSegment && (packet.tcpFlags & (TCP_SYN | TCP_RST)) !== 0) return false
    const leg = legs.firstOf(key >> 1)
    if (leg < 0) return false
    const words = legs.memory
    const at = legs.at(leg)
    const flags = words[at + FLAGS]
    if (words[at + POINT] !== point || (flags & (LEG_ORIGINAL_ENDS | LEG_DNS)) !== LEG_ORIGINAL_ENDS)
      return false
    // the two keys of such an entry have the same ends
    if ((this.table.status(key >> 1) & IPS_NAT_MASK) !== 0) return false
    const direction = (flags & LEG_TURNED) === 0 ? key & 1 : (key & 1) ^ 1
    // what is picked up here is looked at with its station, and so is the first datagram
    if ((flags & (direction === 0 ? LEG_SYN : LEG_SYN_ACK)) === 0) {
      const side = at + (direction === 0 ? SIDE : REPLY_SIDE)
      if (!isSegment || words[side + SIDE_PACKETS] === 0) return false
    }
    if (isSegment) return this.segments.goOn(leg, direction, packet)
    const { seen } = this
    legs.direction = direction
    seen.takeTransport(packet, this.number)
    seen.time = packet.time
    seen.frame = packet.frame
    this.progressDatagram(leg)
    return true
  }

  private sighted(packet: Packet, sightings: Sightings, ct: number): void {
    const { seen } = this
    const start = sightings.isLate ? 1 : 0
    seen.takeTransport(packet, this.number)
    const isTold = (this.points.all.length > 1 || hidesInterfaces(sightings.linkType(0))) && start === 0
    this.begin()
    for (let i = start; i < sightings.count; i++) {
      seen.takeSighting(sightings, i, pointOfSighting(sightings, i))
      if (i === start) this.now = seen.time
      const entry = ct >= 0 ? ct : this.entries.of(this.seen, packet.zone)
      if (isRepeated(sightings, start, i)) this.markFound(entry, LEG_REPEATED)
      else this.see(entry, i === start, isTold)
    }
    if (isTold) this.passed(sightings)
    else if (start === 1 && sightings.ttl(1) < sightings.ttl(0)) {
      seen.takeSighting(sightings, 0, pointOfSighting(sightings, 0))
      this.markFound(ct >= 0 ? ct : this.entries.of(this.seen, packet.zone), LEG_FORWARDED)
    }
  }

  private begin(): void {
    this.segments.begin()
    this.packets++
  }

  private see(ct: number, isFirst: boolean, isTold: boolean): void {
    const { seen } = this
    const leg = this.follow(ct)
    if (!isTold) return
    this.losses.saw(seen)
    if (!isFirst) return
    this.first = leg
    this.firstDirection = this.legs.direction
  }

  /** @returns the leg of the packet at this point */
  private follow(ct: number): number {
    const { legs, seen } = this
    let leg = legs.find(seen, ct)
    // what begins with a SYN begins here
    if (leg < 0 && ct >= 0 && (seen.flags & (TCP_SYN | TCP_ACK)) !== TCP_SYN)
      leg = this.entries.legElsewhere(seen, ct)
    const isNew = leg < 0
    if (seen.protocol === IPPROTO_UDP) {
      if (isNew) leg = this.leaks.openDatagram(seen, ct)
      this.progressDatagram(leg)
      return leg
    }
    const { flags } = seen
    if (isNew) {
      leg = legs.open(seen, isAnswer(seen), ct)
      if ((flags & TCP_SYN) === 0) this.stray(leg)
    }
    // who opens it anew was the client before, whichever port is lower
    if ((flags & (TCP_SYN | TCP_ACK)) === TCP_SYN && legs.direction === 1 && isOverUnopened(legs, leg))
      legs.turn(leg)
    const { direction } = legs
    this.segments.take(leg, direction, isNew)
    legs.noteTime(leg, seen)
    legs.direction = direction
    return leg
  }

  /** The leg begins in the middle of a connection. */
  private stray(leg: number): void {
    const { direction } = this.legs
    this.leaks.stray(leg, this.seen, this.packets)
    this.legs.direction = direction
  }

  private progressDatagram(leg: number): void {
    const { legs, seen } = this
    const { direction } = legs
    const packets = legs.side(leg, direction, SIDE_PACKETS)
    if (packets === 0) {
      noteOpening(legs, seen, leg, direction)
      legs.mark(leg, direction === 0 ? LEG_SYN : LEG_SYN_ACK)
      if (direction === 0) this.detectors.firstDatagram(leg, seen)
    }
    if (direction === 1) {
      legs.set(leg, DNS_ANSWER, seen.dns)
      if (packets > 0) this.leaks.answerDatagram(leg, seen)
    }
    if (legs.has(leg, LEG_DNS)) this.detectors.dns(leg, seen)
    legs.setSide(leg, direction, SIDE_PACKETS, packets + 1)
    legs.setSide(leg, direction, SIDE_FRAME, seen.frame)
    legs.noteTime(leg, seen)
  }

  /** Whether the packet was seen to leave again, as routed packets do: with a lower TTL. */
  private passed(sightings: Sightings): void {
    const exit = sightings.exit()
    const hasLeft = exit >= 0
    if (hasLeft) this.losses.left(sightings.point(exit), sightings.capture(exit))
    this.segments.passed(hasLeft)
    if (this.firstDirection !== 0) return
    const isMasked = (sightings.translated & TRANSLATED_SOURCE) !== 0
    this.losses.passed(this.first, sightings, hasLeft, isMasked)
    if (this.legs.has(this.first, LEG_DNS)) this.detectors.passed(this.first, hasLeft)
  }

  private markFound(ct: number, flag: number): void {
    const leg = this.legs.find(this.seen, ct)
    if (leg >= 0) this.legs.mark(leg, flag)
  }

  /** An ICMP error that says that nobody listens at the port a datagram went to. */
  private unreachable(packet: Packet, sightings: Sightings | null): void {
    const { quoted, error, seen, legs } = this
    const count = sightings === null ? 1 : sightings.count
    const start = sightings?.isLate ? 1 : 0
    for (let i = start; i < count; i++) {
      let shown = packet
      if (sightings !== null) {
        if (isRepeated(sightings, start, i) || !sightings.decode(i, error)) continue
        shown = error
      }
      if (!decodeQuoted(shown, shown.transportOffset + ICMP_HEADER, shown.family, quoted)) continue
      if (quoted.protocol !== IPPROTO_UDP || !isReceiver(shown, quoted)) continue
      const point =
        sightings === null
          ? pointOfFrame(shown, this.points.of(shown.interface, shown.interfaceIndex))
          : pointOfSighting(sightings, i)
      seen.takeQuoted(shown, quoted, point, this.number)
      const leg = legs.find(seen, this.entries.of(this.seen, packet.zone))
      if (leg < 0 || legs.direction !== 0) continue
      strayDatagram(legs, this.collector, leg, seen)
      this.leaks.refusedDatagram(leg, seen)
    }
  }

  /** A leg goes: what was it? */
  private judge(leg: number): void {
    const { legs } = this
    this.floods.ended(leg)
    const responder = legs.responder(leg)
    if (responder >= 0 && hasAnsweredToTheEnd(legs, leg)) {
      legs.responders.note(responder, ENDED_LAST, legs.time(leg))
    }
    this.detectors.ended(leg, this.now)
    this.losses.ended(leg)
  }
}

/** Whether the first segment of a flow comes from its server; without a handshake that is the end with the lower port. */
function isAnswer({ flags, sourcePort, destinationPort }: Observation): boolean {
  if ((flags & TCP_SYN) !== 0) return (flags & TCP_ACK) !== 0
  return (flags & TCP_RST) === 0 && sourcePort < destinationPort
}

function isOfFragment(packet: Packet, sightings: Sightings): boolean {
  const { before } = sightings
  if (sightings.isRestored) return false
  return (
    sightings.sourcePort(before) !== packet.sourcePort ||
    sightings.destinationPort(before) !== packet.destinationPort
  )
}

/** Whether the error comes from whom the datagram had reached. */
function isReceiver(shown: Packet, quoted: Packet): boolean {
  if (shown.source0 !== quoted.destination0 || shown.family === 4)
    return shown.source0 === quoted.destination0
  return (
    shown.source1 === quoted.destination1 &&
    shown.source2 === quoted.destination2 &&
    shown.source3 === quoted.destination3
  )
}

function isPortUnreachable(packet: Packet): boolean {
  if (packet.fragmentOffset !== 0 || !packet.hasTuple) return false
  if (packet.protocol === IPPROTO_ICMP) return packet.destinationPort === PORT_UNREACHABLE
  return packet.protocol === IPPROTO_ICMPV6 && packet.destinationPort === PORT_UNREACHABLE_IPV6
}
