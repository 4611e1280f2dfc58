// Datagrams cut out of a larger one that was seen before: __udp_gso_segment().
import type { Packet } from '../packet/packet.ts'
import { ARRIVAL, type RecordRing } from './record-ring.ts'
import { NO_PART, wholeAt } from './whole-packet.ts'

const HEADER = 8
/** Payload that no Ethernet frame of the usual MTU has room for. */
const LEAST_PAYLOAD = 1473
/** How long after it the parts of a datagram may come, in nanoseconds: a host passes them on in less. */
const PART_TIME = 5e6

/** Datagrams remembered, a power of two; a newer one takes the place of the oldest. */
const MOST = 16
/** Words of a datagram. */
const SHIFT = 4
const PORTS = 0
const SOURCE = 1
const DESTINATION = 2
const IDENTIFICATION = 3
/** Bytes of its payload that have not been seen in parts at PARTS_PLACE. */
const LEFT = 4
const TTL = 5
const PLACE = 6
const RECORD = 7
const FAMILY = 8
const PAYLOAD = 9
const RECORD_ARRIVAL = 10
const PARTS_PLACE = 11

/**
 * Nothing that is captured of a part stands in the whole, but IP IDs are counted on from the whole's. Without them one
 * end must be the same. In either case the packet came from another place, soon after, and all parts together have no
 * more payload than the whole.
 */
export class SuperDatagrams {
  private readonly ring: RecordRing
  private readonly words = new Int32Array(MOST << SHIFT)
  private readonly times = new Float64Array(MOST).fill(Number.NEGATIVE_INFINITY)
  private next = 0
  private lastTime = Number.NEGATIVE_INFINITY

  constructor(ring: RecordRing) {
    this.ring = ring
  }

  /** Whether a part may come at `time`. */
  awaits(time: number): boolean {
    return time - this.lastTime <= PART_TIME
  }

  /** The record of the datagram that this one, first seen at `place`, was cut out of; NO_PART, WHOLE_GONE. */
  wholeOf(packet: Packet, place: number): number {
    if (!this.awaits(packet.time) || !isDatagram(packet)) return NO_PART
    const { words } = this
    for (let i = 0; i < MOST; i++) {
      const at = i << SHIFT
      if (packet.time - this.times[i] > PART_TIME || words[at + PLACE] === place) continue
      if (!this.isPartOf(at, packet, place)) continue
      words[at + LEFT] = this.leftAt(at, place) - payloadOf(packet)
      words[at + PARTS_PLACE] = place
      return wholeAt(this.ring, words[at + RECORD], words[at + RECORD_ARRIVAL])
    }
    return NO_PART
  }

  /** Keeps a datagram that may be cut; `record` is that of its first sighting, at `place`. */
  note(packet: Packet, place: number, record: number): void {
    if (!isDatagram(packet) || payloadOf(packet) < LEAST_PAYLOAD) return
    const { words } = this
    const at = this.next << SHIFT
    words[at + PORTS] = (packet.sourcePort << 16) | packet.destinationPort
    words[at + SOURCE] = packet.family === 4 ? packet.source0 : packet.source3
    words[at + DESTINATION] = packet.family === 4 ? packet.destination0 : packet.destination3
    words[at + IDENTIFICATION] = packet.identification
    words[at + LEFT] = payloadOf(packet)
    words[at + PAYLOAD] = payloadOf(packet)
    words[at + TTL] = packet.ttl
    words[at + PLACE] = place
    words[at + PARTS_PLACE] = place
    words[at + RECORD] = record
    words[at + RECORD_ARRIVAL] = this.ring.word(record, ARRIVAL)
    words[at + FAMILY] = packet.family
    this.times[this.next] = packet.time
    this.lastTime = packet.time
    this.next = (this.next + 1) & (MOST - 1)
  }

  /** Bytes of which no part has been seen at a place. */
  private leftAt(at: number, place: number): number {
    return this.words[at + (this.words[at + PARTS_PLACE] === place ? LEFT : PAYLOAD)]
  }

  private isPartOf(at: number, packet: Packet, place: number): boolean {
    const { words } = this
    const payload = payloadOf(packet)
    if (words[at + FAMILY] !== packet.family || words[at + TTL] < packet.ttl) return false
    if (payload > this.leftAt(at, place) || payload === words[at + PAYLOAD]) return false
    const ports = ((packet.sourcePort << 16) | packet.destinationPort) ^ words[at + PORTS]
    const source = packet.family === 4 ? packet.source0 : packet.source3
    const destination = packet.family === 4 ? packet.destination0 : packet.destination3
    const isSource = words[at + SOURCE] === source
    const isDestination = words[at + DESTINATION] === destination
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
