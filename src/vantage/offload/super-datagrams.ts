// Datagrams cut out of a larger one that was seen before: __udp_gso_segment().
import type { Packet } from '../../packet/packet.ts'
import type { RecordRing } from '../record/record-ring.ts'
import { NO_PART, OWN, WHOLE_SHIFT, Wholes } from './wholes.ts'

const HEADER = 8
/** Payload that no Ethernet frame of the usual MTU has room for. */
const LEAST_PAYLOAD = 1473
/** How long after it the parts of a datagram may come, in nanoseconds: a host passes them on in less. */
const PART_TIME = 5e6

/** Datagrams remembered, a power of two; a newer one takes the place of the oldest. */
const MOST = 16
/** Words of a datagram. */
const PORTS = OWN
const SOURCE = OWN + 1
const DESTINATION = OWN + 2
const IDENTIFICATION = OWN + 3
/** Bytes of its payload that have not been seen in parts at PARTS_PLACE. */
const LEFT = OWN + 4
const PARTS_PLACE = OWN + 5
const PAYLOAD = OWN + 6
const TTL = OWN + 7
const FAMILY = OWN + 8

/**
 * Nothing that is captured of a part stands in the whole, but IP IDs are counted on from the whole's. Without them one
 * end must be the same. In either case the packet came from another place, soon after, and all parts together have no
 * more payload than the whole.
 */
export class SuperDatagrams {
  private readonly wholes: Wholes
  private next = 0

  constructor(ring: RecordRing) {
    this.wholes = new Wholes(ring, MOST, PART_TIME)
  }

  /** Whether a part may come at `time`. */
  awaits(time: number): boolean {
    return this.wholes.awaits(time)
  }

  /** The record of the datagram that this one, first seen at `place`, was cut out of; NO_PART, WHOLE_GONE. */
  wholeOf(packet: Packet, place: number): number {
    const { wholes } = this
    if (!wholes.awaits(packet.time) || !isDatagram(packet)) return NO_PART
    for (let slot = 0; slot < MOST; slot++) {
      if (!wholes.mayBeCut(slot, packet.time, place)) continue
      const at = slot << WHOLE_SHIFT
      if (!this.isPartOf(at, packet, place)) continue
      wholes.words[at + LEFT] = this.leftAt(at, place) - payloadOf(packet)
      wholes.words[at + PARTS_PLACE] = place
      return wholes.recordOf(slot)
    }
    return NO_PART
  }

  /** Keeps a datagram that may be cut; `record` is that of its first sighting, at `place`. */
  note(packet: Packet, place: number, record: number): void {
    if (!isDatagram(packet) || payloadOf(packet) < LEAST_PAYLOAD) return
    const { words } = this.wholes
    const at = this.next << WHOLE_SHIFT
    words[at + PORTS] = portsOf(packet)
    words[at + SOURCE] = sourceOf(packet)
    words[at + DESTINATION] = destinationOf(packet)
    words[at + IDENTIFICATION] = packet.identification
    words[at + LEFT] = payloadOf(packet)
    words[at + PARTS_PLACE] = place
    words[at + PAYLOAD] = payloadOf(packet)
    words[at + TTL] = packet.ttl
    words[at + FAMILY] = packet.family
    this.wholes.keep(this.next, packet.time, place, record)
    this.next = (this.next + 1) & (MOST - 1)
  }

  /** Bytes of which no part has been seen at a place. */
  private leftAt(at: number, place: number): number {
    const { words } = this.wholes
    return words[at + (words[at + PARTS_PLACE] === place ? LEFT : PAYLOAD)]
  }

  private isPartOf(at: number, packet: Packet, place: number): boolean {
    const { words } = this.wholes
    const payload = payloadOf(packet)
    if (words[at + FAMILY] !== packet.family || words[at + TTL] < packet.ttl) return false
    if (payload > this.leftAt(at, place) || payload === words[at + PAYLOAD]) return false
    const ports = portsOf(packet) ^ words[at + PORTS]
    const isSource = words[at + SOURCE] === sourceOf(packet)
    const isDestination = words[at + DESTINATION] === destinationOf(packet)
    if (words[at + IDENTIFICATION] === 0 || packet.identification === 0) {
      return (isSource && ports >>> 16 === 0) || (isDestination && (ports & 0xffff) === 0)
    }
    const index = (packet.identification - words[at + IDENTIFICATION]) & 0xffff
    if (index * payload > words[at + PAYLOAD]) return false
    // NAT leaves something alone
    return isSource || isDestination || ports >>> 16 === 0 || (ports & 0xffff) === 0
  }
}

function isDatagram(packet: Packet): boolean {
  return packet.hasTuple && packet.fragmentOffset === 0 && !packet.moreFragments
}

const payloadOf = (packet: Packet): number => packet.transportLength - HEADER

const portsOf = (packet: Packet): number => (packet.sourcePort << 16) | packet.destinationPort

/** One word of the source address: of IPv6 the last. */
const sourceOf = (packet: Packet): number => (packet.family === 4 ? packet.source0 : packet.source3)

const destinationOf = (packet: Packet): number =>
  packet.family === 4 ? packet.destination0 : packet.destination3
