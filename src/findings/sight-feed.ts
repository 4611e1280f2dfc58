// What the NAT detectors are to know of each packet, written into a queue: they may listen on another thread.
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP, TCP_RST, TCP_SYN } from '../net/numbers.ts'
import { dnsId, hasDnsHead, isDnsQuery } from '../packet/dns.ts'
import { destinationWord, Packet, sourceWord } from '../packet/packet.ts'
import { decodeQuoted } from '../packet/quoted.ts'
import { readSynOptions, type SynOptions, TCP_MIN_LENGTH } from '../packet/tcp.ts'
import { isSumUnfinished } from '../packet/unfinished-checksum.ts'
import type { RecordQueue } from '../queue/record-queue.ts'
import {
  RECORD_LATE,
  RECORD_PASSED,
  RECORD_REPEATED,
  RECORD_SIGHT,
  RECORD_UNREACHABLE,
} from '../queue/record-type.ts'
import { destinationMacAt, hidesInterfaces, macHash, PACKET_OUTGOING, sourceMacAt } from '../vantage/place.ts'
import { type Points, sideOf } from '../vantage/points.ts'
import { type Sightings, TRANSLATED_SOURCE } from '../vantage/sighting.ts'
import {
  ACKNOWLEDGMENT,
  CAPTURE,
  DESTINATION,
  DESTINATION_MAC,
  DESTINATION_REST,
  DNS_HEAD,
  DNS_QUERY,
  FRAME,
  HOP,
  KIND,
  PACKET_NUMBER,
  PASSED_EXIT,
  PASSED_EXIT_CAPTURE,
  PASSED_SOURCE_TRANSLATED,
  PAYLOAD,
  POINT,
  PORTS,
  SEQUENCE,
  SIGHT_FIRST,
  SIGHT_MACS,
  SIGHT_SUM_SHIFT,
  SIGHT_TOLD,
  SOURCE,
  SOURCE_MAC,
  SOURCE_REST,
  SUM_FINISHED,
  SUM_UNFINISHED,
  TIME,
  TYPE,
  WINDOW,
} from './sight.ts'

const UDP_HEADER = 8
const ICMP_HEADER = 8
const PORT_UNREACHABLE = (3 << 8) | 3
const PORT_UNREACHABLE_IPV6 = (1 << 8) | 4
/** SYNs whose checksum is looked at: what a host does to its packets it does to all of them. */
const MOST_SUMS = 4096

export class SightFeed {
  private readonly queue: RecordQueue
  private readonly points: Points
  private readonly quoted = new Packet()
  private readonly error = new Packet()
  private readonly options: SynOptions = {
    present: false,
    windowScale: 0,
    windowScaling: false,
    sackPermitted: false,
  }
  /** Checksums of SYNs that were looked at. */
  private sums = 0
  /** Counts packets: the copies of one have the same number. */
  private number = 0

  /** @param points the window's; without a window points of one's own */
  constructor(queue: RecordQueue, points: Points) {
    this.queue = queue
    this.points = points
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
    this.number = (this.number + 1) | 0
    if (sightings === null || this.isAlone(sightings)) this.frame(packet)
    else this.sighted(packet, sightings)
  }

  /** Whether the only frame of the only point shows a packet, and shows it as it was tracked. */
  private isAlone(sightings: Sightings): boolean {
    if (sightings.count > 1 || sightings.isRestored || this.points.all.length > 1) return false
    return !hidesInterfaces(sightings.linkType(0))
  }

  /** A frame that is replayed as it came, or that alone shows its packet. */
  private frame(packet: Packet): void {
    const { words, doubles } = this.queue
    const at = this.queue.next()
    words[at + TYPE] = RECORD_SIGHT | SIGHT_FIRST
    words[at + KIND] = (packet.family << 8) | packet.protocol
    words[at + POINT] = this.pointOf(packet)
    words[at + PORTS] = (packet.sourcePort << 16) | packet.destinationPort
    words[at + SOURCE] = packet.source0
    words[at + DESTINATION] = packet.destination0
    words[at + CAPTURE] = packet.capture
    words[at + FRAME] = packet.frame
    words[at + PACKET_NUMBER] = this.number
    doubles[(at >> 1) + TIME] = packet.time
    this.writeTransport(at, packet, packet.ttl)
    if (packet.family === 6) this.writeWideAddresses(at, packet)
    // of a segment in the middle of a connection nobody asks
    const isPlain = packet.protocol === IPPROTO_TCP && (packet.tcpFlags & (TCP_SYN | TCP_RST)) === 0
    if (!isPlain) this.writeMacs(at, packet)
  }

  private sighted(packet: Packet, sightings: Sightings): void {
    const start = sightings.isLate ? 1 : 0
    const isHost = hidesInterfaces(sightings.linkType(0))
    const isTold = (this.points.all.length > 1 || isHost) && start === 0
    for (let i = start; i < sightings.count; i++) {
      if (isRepeated(sightings, start, i)) {
        this.writeSighting(RECORD_REPEATED, packet, sightings, i)
        continue
      }
      const type = RECORD_SIGHT | (i === start ? SIGHT_FIRST : 0) | (isTold ? SIGHT_TOLD : 0)
      this.writeSighting(type, packet, sightings, i)
    }
    if (isTold) this.passed(sightings)
    else if (start === 1 && sightings.ttl(1) < sightings.ttl(0)) {
      this.writeSighting(RECORD_LATE, packet, sightings, 0)
    }
  }

  private writeSighting(type: number, packet: Packet, sightings: Sightings, index: number): void {
    const { words, doubles } = this.queue
    const at = this.queue.next()
    words[at + TYPE] = type | SIGHT_MACS
    words[at + KIND] = (packet.family << 8) | packet.protocol
    words[at + POINT] = pointOfSighting(sightings, index)
    words[at + PORTS] = (sightings.sourcePort(index) << 16) | sightings.destinationPort(index)
    words[at + SOURCE] = sightings.sourceWord(index, 0)
    words[at + DESTINATION] = sightings.destinationWord(index, 0)
    words[at + CAPTURE] = sightings.capture(index)
    words[at + FRAME] = sightings.frame(index)
    words[at + PACKET_NUMBER] = this.number
    doubles[(at >> 1) + TIME] = sightings.time(index)
    this.writeTransport(at, packet, sightings.ttl(index))
    for (let i = 0; i < 3 && packet.family === 6; i++) {
      words[at + SOURCE_REST + i] = sightings.sourceWord(index, i + 1)
      words[at + DESTINATION_REST + i] = sightings.destinationWord(index, i + 1)
    }
    words[at + SOURCE_MAC] = sightings.sourceMacHash(index)
    words[at + DESTINATION_MAC] = sightings.destinationMacHash(index)
  }

  private pointOf(packet: Packet): number {
    const point = this.points.of(packet.interface, packet.interfaceIndex)
    if (!hidesInterfaces(packet.linkType)) return point
    return sideOf(point, packet.packetType === PACKET_OUTGOING ? destinationWord(packet) : sourceWord(packet))
  }

  /** What is the same wherever the packet is seen, but for the TTL. */
  private writeTransport(at: number, packet: Packet, ttl: number): void {
    const { words } = this.queue
    if (packet.protocol !== IPPROTO_TCP) {
      words[at + SEQUENCE] = dnsOf(packet)
      words[at + ACKNOWLEDGMENT] = 0
      words[at + WINDOW] = 0
      words[at + PAYLOAD] = packet.transportLength - UDP_HEADER
      words[at + HOP] = ttl << 8
      return
    }
    words[at + SEQUENCE] = packet.sequence
    words[at + ACKNOWLEDGMENT] = packet.acknowledgment
    words[at + WINDOW] = packet.window
    words[at + PAYLOAD] = packet.transportLength - packet.tcpHeaderLength
    words[at + HOP] = (ttl << 8) | packet.tcpFlags
    if ((packet.tcpFlags & TCP_SYN) === 0) return
    if (this.sums < MOST_SUMS) {
      this.sums++
      const sum = isSumUnfinished(packet) ? SUM_UNFINISHED : SUM_FINISHED
      words[at + TYPE] |= sum << SIGHT_SUM_SHIFT
    }
    readSynOptions(packet, this.options)
    if (this.options.windowScaling) words[at + WINDOW] |= this.options.windowScale << 16
  }

  private writeWideAddresses(at: number, packet: Packet): void {
    const { words } = this.queue
    words[at + SOURCE_REST] = packet.source1
    words[at + SOURCE_REST + 1] = packet.source2
    words[at + SOURCE_REST + 2] = packet.source3
    words[at + DESTINATION_REST] = packet.destination1
    words[at + DESTINATION_REST + 1] = packet.destination2
    words[at + DESTINATION_REST + 2] = packet.destination3
  }

  /** A reassembled datagram has left its link header behind. */
  private writeMacs(at: number, packet: Packet): void {
    if (packet.linkOffset >= packet.networkOffset) return
    const { words } = this.queue
    words[at + TYPE] |= SIGHT_MACS
    words[at + SOURCE_MAC] = macHash(packet.view, sourceMacAt(packet.linkType, packet.linkOffset))
    words[at + DESTINATION_MAC] = macHash(packet.view, destinationMacAt(packet.linkType, packet.linkOffset))
  }

  /** Whether the packet was seen to leave again, as routed packets do: with a lower TTL. */
  private passed(sightings: Sightings): void {
    let exit = -1
    for (let i = 0; i < sightings.count; i++) if (sightings.ttl(i) < sightings.ttl(0)) exit = i
    const { words, doubles } = this.queue
    const at = this.queue.next()
    words[at + TYPE] = RECORD_PASSED
    words[at + PASSED_EXIT] = exit < 0 ? -1 : sightings.point(exit)
    words[at + PASSED_EXIT_CAPTURE] = exit < 0 ? -1 : sightings.capture(exit)
    words[at + PASSED_SOURCE_TRANSLATED] = sightings.translated & TRANSLATED_SOURCE
    doubles[(at >> 1) + TIME] = sightings.time(0)
  }

  /** An ICMP error that says that nobody listens at the port a datagram went to. */
  private unreachable(packet: Packet, sightings: Sightings | null): void {
    const { quoted, error } = this
    const count = sightings === null ? 1 : sightings.count
    const start = sightings?.isLate ? 1 : 0
    for (let i = start; i < count; i++) {
      let shown = packet
      if (sightings !== null && isRepeated(sightings, start, i)) continue
      if (sightings !== null) {
        if (!sightings.decode(i, error)) continue
        shown = error
      }
      if (!decodeQuoted(shown, shown.transportOffset + ICMP_HEADER, shown.family, quoted)) continue
      if (quoted.protocol !== IPPROTO_UDP || !isReceiver(shown, quoted)) continue
      this.writeUnreachable(shown, sightings === null ? this.pointOf(shown) : pointOfSighting(sightings, i))
    }
  }

  /** The link, TTL and frame of the error; the ends of the datagram it quotes, turned. */
  private writeUnreachable(shown: Packet, point: number): void {
    const { quoted } = this
    const { words, doubles } = this.queue
    const at = this.queue.next()
    words[at + TYPE] = RECORD_UNREACHABLE
    words[at + KIND] = (quoted.family << 8) | quoted.protocol
    words[at + POINT] = point
    words[at + PORTS] = (quoted.destinationPort << 16) | quoted.sourcePort
    words[at + SOURCE] = quoted.destination0
    words[at + DESTINATION] = quoted.source0
    words[at + SOURCE_REST] = quoted.destination1
    words[at + SOURCE_REST + 1] = quoted.destination2
    words[at + SOURCE_REST + 2] = quoted.destination3
    words[at + DESTINATION_REST] = quoted.source1
    words[at + DESTINATION_REST + 1] = quoted.source2
    words[at + DESTINATION_REST + 2] = quoted.source3
    words[at + CAPTURE] = shown.capture
    words[at + FRAME] = shown.frame
    words[at + PACKET_NUMBER] = this.number
    doubles[(at >> 1) + TIME] = shown.time
    words[at + SEQUENCE] = 0
    words[at + ACKNOWLEDGMENT] = 0
    words[at + WINDOW] = 0
    words[at + PAYLOAD] = quoted.transportLength - UDP_HEADER
    words[at + HOP] = shown.ttl << 8
    this.writeMacs(at, shown)
  }
}

/** The point of a sighting, on cooked v1 one side of the host. */
function pointOfSighting(sightings: Sightings, index: number): number {
  const point = sightings.point(index)
  if (!hidesInterfaces(sightings.linkType(index))) return point
  const leaves = sightings.packetType(index) === PACKET_OUTGOING
  return sideOf(point, leaves ? sightings.destinationFold(index) : sightings.sourceFold(index))
}

/** Whether a sighting says no more than an earlier one: cooked v1 shows a packet at a bridge and at its port alike. */
function isRepeated(sightings: Sightings, start: number, index: number): boolean {
  if (!hidesInterfaces(sightings.linkType(index))) return false
  for (let i = start; i < index; i++) {
    if (!sightings.isSameTuple(i, sightings, index)) continue
    if (pointOfSighting(sightings, i) === pointOfSighting(sightings, index)) return true
  }
  return false
}

/** What a datagram would be as a DNS message. */
function dnsOf(packet: Packet): number {
  if (!hasDnsHead(packet)) return 0
  return dnsId(packet) | DNS_HEAD | (isDnsQuery(packet) ? DNS_QUERY : 0)
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
  if (shown.source0 !== quoted.destination0) return false
  return (
    shown.family === 4 || (shown.source1 === quoted.destination1 && shown.source3 === quoted.destination3)
  )
}

function isPortUnreachable(packet: Packet): boolean {
  if (packet.fragmentOffset !== 0 || !packet.hasTuple) return false
  if (packet.protocol === IPPROTO_ICMP) return packet.destinationPort === PORT_UNREACHABLE
  return packet.protocol === IPPROTO_ICMPV6 && packet.destinationPort === PORT_UNREACHABLE_IPV6
}
