// Packets that a later point shows cut up: segmentation offload, done in software when they leave (skb_gso_segment()).
import { IPPROTO_TCP, IPPROTO_UDP } from '../../net/numbers.ts'
import { Packet } from '../../packet/packet.ts'
import { GROUP, ORIGINAL_LENGTH, PLACE, type RecordRing } from '../record/record-ring.ts'
import { Sightings } from '../record/sighting.ts'
import { SuperDatagrams } from './super-datagrams.ts'
import { SuperSegments } from './super-segments.ts'
import { NO_PART, WHOLE_GONE } from './wholes.ts'

/** Larger than the usual MTU leaves room for, with the shortest link header. */
const LEAST_FRAME = 1501

export class SuperPackets {
  private readonly ring: RecordRing
  private readonly segments: SuperSegments
  private readonly datagrams: SuperDatagrams
  private readonly sightings: Sightings
  private readonly packet = new Packet()

  constructor(ring: RecordRing) {
    this.ring = ring
    this.segments = new SuperSegments(ring)
    this.datagrams = new SuperDatagrams(ring)
    this.sightings = new Sightings(ring)
  }

  /** The group of the packet that a record's was cut out of, -1 where that is gone; `slot` for a packet in one piece. */
  groupOf(slot: number): number {
    const { ring, sightings, packet } = this
    if (!this.isConcerned(slot)) return slot
    sightings.take(slot)
    if (!sightings.decode(0, packet)) return slot
    const place = ring.word(slot, PLACE)
    const whole = this.wholeOf(packet, place)
    if (whole === NO_PART) {
      this.note(packet, place, slot)
      return slot
    }
    return whole === WHOLE_GONE ? -1 : ring.word(whole, GROUP)
  }

  /** Whether a frame may hold a packet that will be cut, or a part of one. A time as argument would be allocated. */
  private isConcerned(slot: number): boolean {
    if (this.ring.word(slot, ORIGINAL_LENGTH) >= LEAST_FRAME) return true
    const time = this.ring.times[slot]
    return this.segments.awaits(time) || this.datagrams.awaits(time)
  }

  private wholeOf(packet: Packet, place: number): number {
    if (packet.protocol === IPPROTO_TCP) return this.segments.wholeOf(packet, place)
    return packet.protocol === IPPROTO_UDP ? this.datagrams.wholeOf(packet, place) : NO_PART
  }

  private note(packet: Packet, place: number, record: number): void {
    if (packet.protocol === IPPROTO_TCP) this.segments.note(packet, place, record)
    else if (packet.protocol === IPPROTO_UDP) this.datagrams.note(packet, place, record)
  }
}
