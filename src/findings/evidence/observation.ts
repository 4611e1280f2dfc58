// One packet as one observation point saw it (RFC 7011): the reused view that detectors get.
import { addressWord } from '../../net/address.ts'
import { IPPROTO_TCP, IPPROTO_UDP, PACKET_HOST, PACKET_OUTGOING, TCP_SYN } from '../../net/numbers.ts'
import { dnsId, hasDnsHead, isDnsQuery } from '../../packet/dns.ts'
import { destinationWord, type Packet, sourceWord } from '../../packet/packet.ts'
import { firstSackBlockAt, readSynOptions, type SynOptions, timestampValue } from '../../packet/tcp.ts'
import { isSumUnfinished } from '../../packet/unfinished-checksum.ts'
import {
  destinationMacAt,
  hidesInterfaces,
  macHash,
  sourceMacAt,
  vlanAt,
} from '../../vantage/record/place.ts'
import { sideOf } from '../../vantage/record/points.ts'
import type { Sightings } from '../../vantage/record/sighting.ts'

const UDP_HEADER = 8
/** SYNs whose checksum is looked at: what a host does to its packets it does to all of them. */
const MOST_SUMS = 4096

/** Whether the checksum of a SYN was captured as the sum of the pseudo header alone. */
export const SUM_UNKNOWN = 0
export const SUM_FINISHED = 1
export const SUM_UNFINISHED = 2

/** The id of what may be a DNS message; whether a datagram is long enough for one; whether it begins as a query does. */
export const DNS_ID = 0xffff
export const DNS_HEAD = 1 << 16
export const DNS_QUERY = 1 << 17

/** Times are nanoseconds since the first frame of the replay, addresses words as in Packet. */
export class Observation {
  // what differs from point to point
  time = 0
  point = 0
  capture = 0
  frame = 0
  ttl = 0
  sourcePort = 0
  destinationPort = 0
  /** Addresses in one word: IPv4 itself, IPv6 folded. */
  sourceWord = 0
  destinationWord = 0
  /** IPv6 alone. */
  readonly source = new Int32Array(4)
  readonly destination = new Int32Array(4)
  /** Hashes of the frame's hardware addresses, 0 where it has none. */
  sourceMac = 0
  destinationMac = 0
  /** The outermost VLAN of a SYN; -1 for none, and of other packets. */
  vlan = -1
  /** Whether the frame was addressed to the host that was captured, as cooked captures tell. */
  isToHost = false
  /** Whether the frame leaves that host, and none before it showed the packet. */
  isFromHost = false

  // what is the same at all points
  family = 0
  protocol = 0
  /** TCP alone; 0 for the others. */
  flags = 0
  sequence = 0
  acknowledgment = 0
  window = 0
  /** What a SYN offers, 0 without the option. */
  windowScale = 0
  /** The clock of who sent a SYN, 0 without the option. */
  timestamp = 0
  /** A SUM_*. */
  sum = 0
  /** UDP alone: DNS_* bits. */
  dns = 0
  /** Bytes behind the transport header. */
  payload = 0
  /** Number of the packet, 32 bits of it: its copies have the same. */
  number = 0
  /** Edges of the first SACK block, once readSack() has found one. */
  sackLeft = 0
  sackRight = 0

  private segment: Packet | null = null

  private readonly options: SynOptions = {
    present: false,
    windowScale: 0,
    windowScaling: false,
    sackPermitted: false,
  }
  /** Checksums of SYNs that were looked at. */
  private sums = 0

  /** The same, in a record of its own. */
  copy(): Observation {
    return Object.assign(new Observation(), this, {
      source: this.source.slice(),
      destination: this.destination.slice(),
    })
  }

  /** Takes what is the same at all points. @param number counts packets */
  takeTransport(packet: Packet, number: number): void {
    this.number = number
    this.family = packet.family
    this.protocol = packet.protocol
    if (packet.protocol === IPPROTO_TCP) this.takeSegment(packet)
    else if (packet.protocol === IPPROTO_UDP) this.takeDatagram(packet)
  }

  /** Takes where a frame shows its packet that is replayed as it came, or alone shows it. */
  takeFrame(packet: Packet, point: number): void {
    this.time = packet.time
    this.point = point
    this.capture = packet.capture
    this.frame = packet.frame
    this.ttl = packet.ttl
    this.takeTuple(packet)
    const { view, linkType, linkOffset } = packet
    // a reassembled datagram has left its link header behind
    const hasLink = linkOffset < packet.networkOffset
    this.sourceMac = hasLink ? macHash(view, sourceMacAt(linkType, linkOffset)) : 0
    this.destinationMac = hasLink ? macHash(view, destinationMacAt(linkType, linkOffset)) : 0
    this.vlan = hasLink && this.isSyn ? vlanAt(view, linkType, linkOffset) : -1
    this.isToHost = packet.packetType === PACKET_HOST
    this.isFromHost = packet.packetType === PACKET_OUTGOING
  }

  /** Takes one of several sightings. */
  takeSighting(sightings: Sightings, index: number, point: number): void {
    this.time = sightings.time(index)
    this.point = point
    this.capture = sightings.capture(index)
    this.frame = sightings.frame(index)
    this.ttl = sightings.ttl(index)
    this.sourcePort = sightings.sourcePort(index)
    this.destinationPort = sightings.destinationPort(index)
    this.sourceMac = sightings.sourceMacHash(index)
    this.destinationMac = sightings.destinationMacHash(index)
    this.vlan = this.isSyn ? sightings.vlan(index) : -1
    const packetType = sightings.packetType(index)
    this.isToHost = packetType === PACKET_HOST
    this.isFromHost = index === 0 && !sightings.isLate && packetType === PACKET_OUTGOING
    if (sightings.family === 4) {
      this.sourceWord = sightings.sourceWord(index, 0)
      this.destinationWord = sightings.destinationWord(index, 0)
      return
    }
    for (let i = 0; i < 4; i++) {
      this.source[i] = sightings.sourceWord(index, i)
      this.destination[i] = sightings.destinationWord(index, i)
    }
    this.foldAddresses()
  }

  /** Takes the ends of a datagram that `error` quotes, turned; the link, TTL and frame are those of the error. */
  takeQuoted(error: Packet, quoted: Packet, point: number, number: number): void {
    this.takeFrame(error, point)
    this.number = number
    this.family = quoted.family
    this.protocol = quoted.protocol
    this.clearSegment()
    this.dns = 0
    this.payload = quoted.transportLength - UDP_HEADER
    this.takeTuple(quoted)
    this.turn()
  }

  private takeTuple(packet: Packet): void {
    this.sourcePort = packet.sourcePort
    this.destinationPort = packet.destinationPort
    if (packet.family === 4) {
      this.sourceWord = packet.source0
      this.destinationWord = packet.destination0
      return
    }
    this.source[0] = packet.source0
    this.source[1] = packet.source1
    this.source[2] = packet.source2
    this.source[3] = packet.source3
    this.destination[0] = packet.destination0
    this.destination[1] = packet.destination1
    this.destination[2] = packet.destination2
    this.destination[3] = packet.destination3
    this.foldAddresses()
  }

  private get isSyn(): boolean {
    return (this.flags & TCP_SYN) !== 0
  }

  /** Changes the ends. */
  private turn(): void {
    const { sourcePort, sourceWord, source, destination } = this
    this.sourcePort = this.destinationPort
    this.destinationPort = sourcePort
    this.sourceWord = this.destinationWord
    this.destinationWord = sourceWord
    for (let i = 0; i < 4; i++) {
      const word = source[i]
      source[i] = destination[i]
      destination[i] = word
    }
  }

  private foldAddresses(): void {
    const { source, destination } = this
    this.sourceWord = addressWord(6, source[0], source[1], source[2], source[3])
    this.destinationWord = addressWord(6, destination[0], destination[1], destination[2], destination[3])
  }

  /** Reads the first SACK block of the segment that was taken last. @returns whether it has one */
  readSack(): boolean {
    const { segment } = this
    const at = segment === null ? -1 : firstSackBlockAt(segment)
    if (segment === null || at < 0) return false
    this.sackLeft = segment.view.getInt32(at)
    this.sackRight = segment.view.getInt32(at + 4)
    return true
  }

  private takeSegment(packet: Packet): void {
    this.segment = packet
    this.flags = packet.tcpFlags
    this.sequence = packet.sequence
    this.acknowledgment = packet.acknowledgment
    this.window = packet.window
    this.payload = packet.transportLength - packet.tcpHeaderLength
    this.dns = 0
    this.windowScale = 0
    this.timestamp = 0
    this.sum = SUM_UNKNOWN
    if ((packet.tcpFlags & TCP_SYN) === 0) return
    if (this.sums < MOST_SUMS) {
      this.sums++
      this.sum = isSumUnfinished(packet) ? SUM_UNFINISHED : SUM_FINISHED
    }
    this.timestamp = timestampValue(packet)
    readSynOptions(packet, this.options)
    if (this.options.windowScaling) this.windowScale = this.options.windowScale
  }

  /** What TCP alone has. */
  private clearSegment(): void {
    this.flags = 0
    this.sequence = 0
    this.acknowledgment = 0
    this.window = 0
    this.windowScale = 0
    this.timestamp = 0
    this.sum = SUM_UNKNOWN
  }

  private takeDatagram(packet: Packet): void {
    this.clearSegment()
    this.payload = packet.transportLength - UDP_HEADER
    this.dns = hasDnsHead(packet) ? dnsId(packet) | DNS_HEAD | (isDnsQuery(packet) ? DNS_QUERY : 0) : 0
  }
}

/** The point of a sighting, on cooked v1 one side of the host. */
export function pointOfSighting(sightings: Sightings, index: number): number {
  const point = sightings.point(index)
  if (!hidesInterfaces(sightings.linkType(index))) return point
  const leaves = sightings.packetType(index) === PACKET_OUTGOING
  return sideOf(point, leaves ? sightings.destinationFold(index) : sightings.sourceFold(index))
}

/** The point of a frame that is replayed as it came, on cooked v1 one side of the host. */
export function pointOfFrame(packet: Packet, point: number): number {
  if (!hidesInterfaces(packet.linkType)) return point
  return sideOf(point, packet.packetType === PACKET_OUTGOING ? destinationWord(packet) : sourceWord(packet))
}

/** Whether a sighting says no more than an earlier one: cooked v1 shows a packet at a bridge and at its port alike. */
export function isRepeated(sightings: Sightings, start: number, index: number): boolean {
  if (!hidesInterfaces(sightings.linkType(index))) return false
  for (let i = start; i < index; i++) {
    if (!sightings.isSameTuple(i, sightings, index)) continue
    if (pointOfSighting(sightings, i) === pointOfSighting(sightings, index)) return true
  }
  return false
}
