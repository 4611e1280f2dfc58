// TCP segments cut out of a larger one that was seen before: tcp_gso_segment().
import { TCP_RST, TCP_SYN } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'
import { stampAt } from '../record/fingerprint.ts'
import type { RecordRing } from '../record/record-ring.ts'
import { NO_PART, OWN, PLACE, WHOLE_SHIFT, Wholes } from './wholes.ts'

/** Payload that no Ethernet frame of the usual MTU has room for. */
const LEAST_PAYLOAD = 1461
/** How long after it the parts of a packet may come, in nanoseconds. */
const PART_TIME = 50e6

/** Packets remembered, a power of two; a newer one takes the place of an older one. */
const MOST = 256
/** Words of a packet: what all its segments have alike, where its payload starts and ends. */
const ACKNOWLEDGMENT = OWN
const WINDOW = OWN + 1
const STAMP = OWN + 2
const ECHO = OWN + 3
const START = OWN + 4
const END = OWN + 5

/**
 * All segments that are cut out of one have its acknowledgment, window and timestamp. A sender that sends a part of it
 * again does so with another timestamp, or from the place where the whole was seen.
 */
export class SuperSegments {
  private readonly wholes: Wholes
  /** Of the segment that `slotOf` was asked for last, 0 without the option. */
  private stamp = 0
  private echo = 0

  constructor(ring: RecordRing) {
    this.wholes = new Wholes(ring, MOST, PART_TIME)
  }

  /** Whether a part may come at `time`. */
  awaits(time: number): boolean {
    return this.wholes.awaits(time)
  }

  /** The record of the segment that this one, first seen at `place`, was cut out of; NO_PART, WHOLE_GONE. */
  wholeOf(packet: Packet, place: number): number {
    const { wholes } = this
    if (!wholes.awaits(packet.time) || !isSegment(packet)) return NO_PART
    const slot = this.slotOf(packet)
    const at = slot << WHOLE_SHIFT
    if (!wholes.mayBeCut(slot, packet.time, place) || !this.isAlike(at, packet)) return NO_PART
    const { words } = wholes
    const start = packet.sequence
    const end = (start + payloadOf(packet)) | 0
    if (((start - words[at + START]) | 0) < 0 || ((words[at + END] - end) | 0) < 0) return NO_PART
    return wholes.recordOf(slot)
  }

  /** Keeps a segment that may be cut; `record` is that of its first sighting, at `place`. */
  note(packet: Packet, place: number, record: number): void {
    if (!isSegment(packet) || payloadOf(packet) < LEAST_PAYLOAD) return
    const slot = this.slotOf(packet)
    const at = slot << WHOLE_SHIFT
    const { words } = this.wholes
    const follows =
      words[at + PLACE] === place && words[at + END] === packet.sequence && this.isAlike(at, packet)
    // a burst is one packet: its segments may come when the last of it has been seen
    if (!follows) words[at + START] = packet.sequence
    words[at + END] = (packet.sequence + payloadOf(packet)) | 0
    words[at + ACKNOWLEDGMENT] = packet.acknowledgment
    words[at + WINDOW] = packet.window
    words[at + STAMP] = this.stamp
    words[at + ECHO] = this.echo
    this.wholes.keep(slot, packet.time, place, record)
  }

  /** Of what NAT leaves alone; reads the timestamp. */
  private slotOf(packet: Packet): number {
    const stamp = stampAt(packet)
    this.stamp = stamp === 0 ? 0 : packet.view.getInt32(stamp)
    this.echo = stamp === 0 ? 0 : packet.view.getInt32(stamp + 4)
    return Math.imul(packet.acknowledgment ^ Math.imul(this.echo, 0x85ebca77), 0x9e3779b1) >>> 24
  }

  private isAlike(at: number, packet: Packet): boolean {
    const { words } = this.wholes
    return (
      words[at + ACKNOWLEDGMENT] === packet.acknowledgment &&
      words[at + WINDOW] === packet.window &&
      words[at + STAMP] === this.stamp &&
      words[at + ECHO] === this.echo
    )
  }
}

function isSegment(packet: Packet): boolean {
  return (
    packet.hasTuple &&
    packet.fragmentOffset === 0 &&
    (packet.tcpFlags & (TCP_SYN | TCP_RST)) === 0 &&
    payloadOf(packet) > 0
  )
}

const payloadOf = (packet: Packet): number => packet.transportLength - packet.tcpHeaderLength
