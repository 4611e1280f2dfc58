// Follows every flow at every observation point, and asks the detectors where something is out of the ordinary.
import type { Table } from '../conntrack/table.ts'
import {
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
  TCP_ACK,
  TCP_FIN,
  TCP_RST,
  TCP_SYN,
} from '../net/numbers.ts'
import { after } from '../net/sequence.ts'
import { Packet } from '../packet/packet.ts'
import { decodeQuoted } from '../packet/quoted.ts'
import { readSynOptions, type SynOptions, TCP_MIN_LENGTH } from '../packet/tcp.ts'
import type { Points } from '../vantage/points.ts'
import { type Sightings, TRANSLATED_SOURCE } from '../vantage/sighting.ts'
import { type Case, Cases } from './cases.ts'
import { NAT_FINDINGS } from './catalogue.ts'
import type { Finding } from './finding.ts'
import { FLOW_FINDINGS } from './flow-catalogue.ts'
import { notePause } from './idle-gap.ts'
import { Leaks, PAUSE } from './leaks.ts'
import { Losses } from './losses.ts'
import { Oddities } from './oddities.ts'
import { Sight } from './sight.ts'
import { concludeStanding } from './standing.ts'
import { strayAnswer, strayDatagram } from './stray-answers.ts'
import {
  FIRST_ACK,
  FLAGS,
  GAP_FRAME,
  GAP_SIDE,
  OPENING_ACKNOWLEDGMENT,
  OPENING_DESTINATION_MAC,
  OPENING_FRAME,
  OPENING_SEQUENCE,
  OPENING_SOURCE_MAC,
  OPENING_TTL,
  SIDE_ACK,
  SIDE_END,
  SIDE_FRAME,
  SIDE_LIMIT,
  SIDE_PACKETS,
  SIDE_SCALE,
  SIDE_TTL,
  SYN,
  SYN_ACK,
  SYN_ACK_COUNT,
  SYN_COUNT,
  SYN_PACKET,
  TRAIL_DNS,
  TRAIL_FIN,
  TRAIL_FIN_BACK,
  TRAIL_FORWARDED,
  TRAIL_OPEN,
  TRAIL_RECENT,
  TRAIL_RST,
  TRAIL_SYN,
  TRAIL_SYN_ACK,
  Trails,
} from './trails.ts'
import { findWhereabouts, type Whereabouts } from './whereabouts.ts'

const ICMP_HEADER = 8
const PORT_UNREACHABLE = (3 << 8) | 3
const PORT_UNREACHABLE_IPV6 = (1 << 8) | 4
/** Where a SYN was not seen its window scale is unknown: the largest there is keeps windows from seeming too small. */
const UNKNOWN_SCALE = 14

export class NatWatch {
  private readonly points: Points
  private readonly trails = new Trails()
  private readonly cases = new Cases({ ...NAT_FINDINGS, ...FLOW_FINDINGS })
  private readonly leaks = new Leaks(this.trails, this.cases)
  private readonly losses = new Losses(this.trails, this.cases)
  private readonly oddities: Oddities
  private readonly sight = new Sight()
  private readonly quoted = new Packet()
  private readonly error = new Packet()
  private readonly options: SynOptions = {
    present: false,
    windowScale: 0,
    windowScaling: false,
    sackPermitted: false,
  }
  /** Counts packets: the copies of one have the same number. */
  private number = 0
  private now = 0

  /**
   * @param points the window's; without a window points of one's own, for which frames are counted here
   * @param isInside whether what is watched came out of a tunnel over UDP
   */
  constructor(points: Points, isInside = false) {
    this.points = points
    this.oddities = new Oddities(this.trails, this.cases, isInside)
  }

  /** Takes a packet that was decoded, with everybody who saw it; null: a frame that is replayed as it came. */
  packet(packet: Packet, sightings: Sightings | null): void {
    const { protocol } = packet
    if (protocol !== IPPROTO_TCP && protocol !== IPPROTO_UDP) {
      if (isPortUnreachable(packet)) this.unreachable(packet, sightings)
      return
    }
    if (!packet.hasTuple || packet.fragmentOffset !== 0) return
    if (protocol === IPPROTO_TCP && packet.transportCaptured < TCP_MIN_LENGTH) return
    // put together from fragments, of which the last has no ports
    if (sightings !== null && !sightings.isLate && isOfFragment(packet, sightings)) return
    this.number++
    this.now = packet.time
    const { sight } = this
    sight.takePacket(packet)
    if (sightings === null) {
      sight.takeFrame(packet, this.points.seen(packet.interface, packet.interfaceIndex))
      this.follow(packet)
      return
    }
    const start = sightings.isLate ? 1 : 0
    const isTold = this.points.all.length > 1 && start === 0
    let first = -1
    let direction = 0
    for (let i = start; i < sightings.count; i++) {
      sight.takeSighting(sightings, i)
      const trail = this.follow(packet)
      if (i > 0) continue
      first = trail
      direction = this.trails.direction
    }
    if (isTold) this.pass(first, direction, sightings)
    else if (start === 1) this.passLate(sightings)
  }

  /** Everything that is wrong, once the last packet is in. */
  conclude(): Finding[] {
    this.losses.conclude()
    concludeStanding(this.trails, this.cases, this.now)
    this.oddities.conclude(this.now)
    return this.cases.conclude(point => this.nameOf(point))
  }

  /** What is worth knowing and no fault; to be asked for after conclude(). */
  remarks(): Finding[] {
    return this.oddities.remarks(point => this.nameOf(point))
  }

  nameOf(point: number): string {
    return this.points.name(point)
  }

  /** Where an entry's packets were seen, as long as that is remembered. */
  whereabouts(table: Table, ct: number): Whereabouts {
    return findWhereabouts(this.trails, this.points.all.length, table, ct)
  }

  /** Whether something has been found out about the client's flow. */
  tells(client: string): boolean {
    return this.cases.tells(client)
  }

  /** Takes up what somebody else found out. */
  add(found: Case): void {
    this.cases.add(found)
  }

  /** @returns the trail of the packet at this point */
  private follow(packet: Packet): number {
    const { trails, sight } = this
    let trail = trails.find(sight)
    const isNew = trail < 0
    if (sight.protocol === IPPROTO_UDP) {
      if (isNew) trail = this.leaks.openDatagram(sight)
      this.progressDatagram(trail, packet)
      return trail
    }
    const { flags } = sight
    if (isNew) {
      trail = trails.open(sight, (flags & (TCP_SYN | TCP_ACK)) === (TCP_SYN | TCP_ACK))
      if ((flags & (TCP_SYN | TCP_RST)) === 0) this.leaks.stray(trail, sight, this.number)
    }
    const { direction } = trails
    if ((flags & TCP_RST) !== 0) this.reset(trail, direction, isNew)
    else if ((flags & TCP_SYN) !== 0) this.open(trail, packet)
    else this.progress(trail, direction)
    trails.setTime(trail, sight.time)
    return trail
  }

  private open(trail: number, packet: Packet): void {
    const { trails, sight, options } = this
    const { direction } = trails
    readSynOptions(packet, options)
    const isAnswer = (sight.flags & TCP_ACK) !== 0
    // a port that is used again is a new flow
    if (
      !isAnswer &&
      trails.has(trail, TRAIL_SYN) &&
      trails.get(trail, SYN + OPENING_SEQUENCE) !== sight.sequence
    ) {
      this.oddities.reopened(trail, sight)
      trails.set(trail, FLAGS, 0)
      trails.set(trail, SYN_COUNT, 0)
      trails.set(trail, SYN_ACK_COUNT, 0)
      trails.set(trail, GAP_FRAME, 0)
      for (let side = 0; side < 2; side++) trails.setSide(trail, side, SIDE_PACKETS, 0)
      trails.startTimes[trail] = sight.time
    }
    const isFirst = isAnswer ? !trails.has(trail, TRAIL_SYN_ACK) : !trails.has(trail, TRAIL_SYN)
    this.oddities.opening(trail, packet, sight, isFirst, this.number)
    // a SYN that is answered by a RST each time gets another SYN-ACK each time
    if (isFirst || isAnswer) this.noteOpening(trail, isAnswer ? SYN_ACK : SYN)
    trails.mark(trail, (isAnswer ? TRAIL_SYN_ACK : TRAIL_SYN) | TRAIL_RECENT)
    if (isAnswer) trails.set(trail, SYN_ACK_COUNT, trails.get(trail, SYN_ACK_COUNT) + 1)
    else if (isFirst || trails.get(trail, SYN_PACKET) !== this.number) {
      trails.set(trail, SYN_PACKET, this.number)
      trails.set(trail, SYN_COUNT, trails.get(trail, SYN_COUNT) + 1)
    }
    trails.setSide(trail, direction, SIDE_SCALE, options.windowScaling ? options.windowScale : 0)
    trails.setSide(trail, direction, SIDE_END, (sight.sequence + 1) | 0)
    trails.setSide(trail, direction, SIDE_ACK, sight.acknowledgment)
    trails.setSide(trail, direction, SIDE_LIMIT, (sight.acknowledgment + sight.window) | 0)
    trails.setSide(trail, direction, SIDE_TTL, sight.ttl)
    trails.setSide(trail, direction, SIDE_FRAME, sight.frame)
  }

  private noteOpening(trail: number, at: number): void {
    const { trails, sight } = this
    trails.set(trail, at + OPENING_SEQUENCE, sight.sequence)
    trails.set(trail, at + OPENING_ACKNOWLEDGMENT, sight.acknowledgment)
    trails.set(trail, at + OPENING_FRAME, sight.frame)
    trails.set(trail, at + OPENING_TTL, sight.ttl)
    trails.set(trail, at + OPENING_SOURCE_MAC, sight.sourceMac)
    trails.set(trail, at + OPENING_DESTINATION_MAC, sight.destinationMac)
  }

  private progress(trail: number, direction: number): void {
    const { trails, sight } = this
    const isFin = (sight.flags & TCP_FIN) !== 0
    const length = isFin ? this.finish(trail, direction) : sight.payload
    const packets = trails.side(trail, direction, SIDE_PACKETS)
    const end = (sight.sequence + length) | 0
    const known = trails.side(trail, direction, SIDE_END)
    if (direction === 0 && trails.has(trail, TRAIL_SYN_ACK)) trails.mark(trail, TRAIL_OPEN)
    trails.mark(trail, TRAIL_RECENT)
    if (length > 0 && sight.sequence === known && sight.time - trails.time(trail) >= PAUSE) {
      notePause(trails, trail, sight)
    } else if (trails.get(trail, GAP_FRAME) !== 0 && direction !== trails.get(trail, GAP_SIDE)) {
      trails.set(trail, GAP_FRAME, 0)
    }
    const isPickedUp = packets === 0 && !trails.has(trail, direction === 0 ? TRAIL_SYN : TRAIL_SYN_ACK)
    if (isPickedUp && direction === 1 && trails.has(trail, TRAIL_SYN)) {
      this.leaks.strayHalf(trail, sight)
      this.oddities.challenged(trail, sight)
    }
    if (isPickedUp) this.pickUp(trail, direction, end)
    else if (after(end, known)) trails.setSide(trail, direction, SIDE_END, end)
    const limit = (sight.acknowledgment + (sight.window << trails.side(trail, direction, SIDE_SCALE))) | 0
    if (packets === 0 || after(limit, trails.side(trail, direction, SIDE_LIMIT))) {
      trails.setSide(trail, direction, SIDE_LIMIT, limit)
    }
    trails.setSide(trail, direction, SIDE_ACK, sight.acknowledgment)
    trails.setSide(trail, direction, SIDE_FRAME, sight.frame)
    trails.setSide(trail, direction, SIDE_PACKETS, packets + 1)
  }

  /** Returns the length of a segment with FIN. */
  private finish(trail: number, direction: number): number {
    this.trails.mark(trail, direction === 0 ? TRAIL_FIN : TRAIL_FIN_BACK)
    return this.sight.payload + 1
  }

  private pickUp(trail: number, direction: number, end: number): void {
    this.trails.setSide(trail, direction, SIDE_SCALE, UNKNOWN_SCALE)
    this.trails.setSide(trail, direction, SIDE_END, end)
    this.trails.setSide(trail, direction, SIDE_TTL, this.sight.ttl)
    this.trails.set(trail, FIRST_ACK, this.sight.acknowledgment)
  }

  private reset(trail: number, direction: number, isNew: boolean): void {
    const { trails, sight, cases } = this
    // made without a socket: nothing but the number that the offending segment acknowledged
    if ((sight.flags & TCP_ACK) === 0 && sight.window === 0) {
      if (direction === 0 && strayAnswer(trails, cases, trail, sight, isNew)) trails.mark(trail, TRAIL_RST)
      else this.leaks.reset(trail, direction, sight)
    }
    this.oddities.reset(trail, direction, sight)
    trails.mark(trail, TRAIL_RST)
  }

  private progressDatagram(trail: number, packet: Packet): void {
    const { trails, sight } = this
    const { direction } = trails
    const packets = trails.side(trail, direction, SIDE_PACKETS)
    if (packets === 0) {
      this.noteOpening(trail, direction === 0 ? SYN : SYN_ACK)
      trails.mark(trail, direction === 0 ? TRAIL_SYN : TRAIL_SYN_ACK)
      this.oddities.datagrams(trail, packet)
    }
    if (trails.has(trail, TRAIL_DNS)) this.oddities.dns(trail, packet, sight)
    trails.setSide(trail, direction, SIDE_PACKETS, packets + 1)
    trails.setSide(trail, direction, SIDE_FRAME, sight.frame)
    trails.mark(trail, TRAIL_RECENT)
    trails.setTime(trail, sight.time)
  }

  /** Whether the packet was seen to leave again, as routed packets do: with a lower TTL. */
  private pass(first: number, direction: number, sightings: Sightings): void {
    let exit = -1
    for (let i = 0; i < sightings.count; i++) {
      if (sightings.ttl(i) < sightings.ttl(0)) exit = i
      this.losses.saw(sightings.point(i), sightings.time(i))
    }
    const isSourceTranslated = (sightings.translated & TRANSLATED_SOURCE) !== 0
    if (exit >= 0) this.losses.left(sightings.point(exit), sightings.capture(exit))
    if (direction === 0) {
      this.losses.passed(first, sightings.time(0), exit >= 0, isSourceTranslated)
      if (this.trails.has(first, TRAIL_DNS)) this.oddities.passed(first, exit >= 0)
    }
  }

  private passLate(sightings: Sightings): void {
    if (sightings.ttl(1) >= sightings.ttl(0)) return
    this.sight.takeSighting(sightings, 0)
    const trail = this.trails.find(this.sight)
    if (trail >= 0) this.trails.mark(trail, TRAIL_FORWARDED)
  }

  /** An ICMP error that says that nobody listens at the port a datagram went to. */
  private unreachable(packet: Packet, sightings: Sightings | null): void {
    const { sight, quoted, error } = this
    const count = sightings === null ? 1 : sightings.count
    for (let i = sightings?.isLate ? 1 : 0; i < count; i++) {
      let shown = packet
      if (sightings !== null) {
        if (!sightings.decode(i, error)) continue
        shown = error
      }
      if (!decodeQuoted(shown, shown.transportOffset + ICMP_HEADER, shown.family, quoted)) continue
      if (quoted.protocol !== IPPROTO_UDP) continue
      const point =
        sightings === null ? this.points.seen(shown.interface, shown.interfaceIndex) : sightings.point(i)
      sight.takePacket(quoted)
      sight.takeFrame(quoted, point)
      sight.source.set(sight.destination)
      sight.sourcePort = quoted.destinationPort
      sight.destinationPort = quoted.sourcePort
      this.takeEnds(shown)
      if (!isSender(shown, sight)) continue
      const trail = this.trails.find(sight)
      if (trail >= 0 && this.trails.direction === 0) strayDatagram(this.trails, this.cases, trail, sight)
    }
  }

  /** The link, TTL and frame of the error; the addresses of the datagram it quotes, turned. */
  private takeEnds(shown: Packet): void {
    const { sight, quoted } = this
    const source = sight.source.slice()
    sight.takeFrame(shown, sight.point)
    sight.source.set(source)
    sight.destination[0] = quoted.source0
    sight.destination[1] = quoted.family === 4 ? 0 : quoted.source1
    sight.destination[2] = quoted.family === 4 ? 0 : quoted.source2
    sight.destination[3] = quoted.family === 4 ? 0 : quoted.source3
    sight.sourcePort = quoted.destinationPort
    sight.destinationPort = quoted.sourcePort
  }
}

function isOfFragment(packet: Packet, sightings: Sightings): boolean {
  const { before } = sightings
  if (sightings.isRestored) return false
  return (
    sightings.sourcePort(before) !== packet.sourcePort ||
    sightings.destinationPort(before) !== packet.destinationPort
  )
}

function isSender(packet: Packet, sight: Sight): boolean {
  if (packet.source0 !== sight.source[0]) return false
  return packet.family === 4 || (packet.source1 === sight.source[1] && packet.source3 === sight.source[3])
}

function isPortUnreachable(packet: Packet): boolean {
  if (packet.fragmentOffset !== 0 || !packet.hasTuple) return false
  if (packet.protocol === IPPROTO_ICMP) return packet.destinationPort === PORT_UNREACHABLE
  return packet.protocol === IPPROTO_ICMPV6 && packet.destinationPort === PORT_UNREACHABLE_IPV6
}
