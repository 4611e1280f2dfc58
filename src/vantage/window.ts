// The window that packets wait in: frames go in as captured, logical packets come out in the order of their first sighting.
import type { Frame } from '../capture/frame.ts'
import { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE } from '../net/numbers.ts'
import type { Packet } from '../packet/packet.ts'
import { TUNNEL_NONE, tunnelOf } from '../packet/tunnel.ts'
import { Bridging } from './bridging.ts'
import { Fingerprint } from './fingerprint.ts'
import { ForwardingTable } from './forwarding.ts'
import { Groups } from './groups.ts'
import { LocalOutput } from './local-output.ts'
import { changesBetween, pair } from './pairing.ts'
import { destinationMacAt, macHash, placeHash, sourceMacAt } from './place.ts'
import { type PointSource, Points } from './points.ts'
import { areRivals, overtakes, RACE_TIME } from './race.ts'
import {
  DESTINATION_MAC,
  FIRST_HASH,
  GROUP,
  MOST_RECORDS,
  NEXT_SIGHTING,
  PLACE,
  POINT,
  RECORD_IDENTIFIED,
  RECORD_LATE,
  RECORD_SHIFT,
  RECORD_WEAK,
  RecordRing,
  SECOND_HASH,
  SIGHTINGS,
  SLOT_GROUPED,
  SLOT_QUEUED,
  SLOT_RELEASED,
  SOURCE_MAC,
  STATE,
} from './record-ring.ts'
import { MET, Sightings, TRANSLATED_DESTINATION } from './sighting.ts'
import { TimeOrder } from './time-order.ts'

const MILLISECOND = 1e6

/**
 * How far back a frame may be stamped, and still be put in its place: dumpcap writes what several interfaces saw in
 * turns of up to 250 ms; a capture of `any` goes back by less than one.
 */
export const REORDER_TIME = 500 * MILLISECOND
/** How long a packet waits for further sightings of it before it is tracked. A host passes one on in less than one. */
export const JOIN_TIME = 50 * MILLISECOND
/** How long after that a late sighting is still known for one: a neighbour that has to be asked for takes a second. */
export const LATE_TIME = 3000 * MILLISECOND
/** How long packets wait at the start for what tells about bridge-nf, as long as nothing has. */
export const HOLD_TIME = 10_000 * MILLISECOND
const HOLD_RECORDS = MOST_RECORDS / 2

/** Packets behind one that are looked at for one that raced it. */
const RIVALS = 4

/** Bytes of payload that are kept behind the headers of TCP and UDP: enough for a DNS question's head. */
const KEPT_PAYLOAD = 64

export interface WindowOptions {
  /** bridge-nf-call-iptables and -ip6tables of the host, null where nobody told. */
  bridgeCalls: { ipv4: number | null; ipv6: number | null }
  /** Whether checksums are looked at, for which packets are kept whole. */
  keepsPayload: boolean
}

export class SightingWindow {
  readonly points: Points
  readonly bridging: Bridging
  /** The sightings of the packet that `next` gave last. */
  readonly sightings: Sightings
  /** Sightings of packets that had been seen before, and packets seen translated. */
  copies = 0
  translations = 0

  private readonly keepsPayload: boolean
  private readonly ring = new RecordRing()
  private readonly order = new TimeOrder(this.ring)
  private readonly groups = new Groups(this.ring, JOIN_TIME, LATE_TIME)
  private readonly forwarding = new ForwardingTable()
  private readonly localOutput = new LocalOutput()
  private readonly print = new Fingerprint()
  /** Slots that are to be released, in order: first records of groups, and late ones. */
  private readonly pending = new Int32Array(MOST_RECORDS)
  private pendingHead = 0
  private pendingSize = 0
  /** How many of the pending groups have been looked at for what they tell of the host. */
  private learnt = 0
  private readonly preview: Sightings
  private firstTime = 0
  /** Time of the frame that came last, and of the record that was grouped last. */
  private arrival = Number.NEGATIVE_INFINITY
  private now = Number.NEGATIVE_INFINITY
  private hasStarted = false
  private isOver = false

  constructor(source: PointSource, options: WindowOptions) {
    this.points = new Points(source)
    this.bridging = new Bridging(options.bridgeCalls)
    this.keepsPayload = options.keepsPayload
    this.sightings = new Sightings(this.ring)
    this.preview = new Sightings(this.ring)
  }

  /** Takes a frame in that was decoded into `packet`. Call `next` until it is false before the next one. */
  add(frame: Frame, packet: Packet): void {
    if (this.arrival === Number.NEGATIVE_INFINITY) this.firstTime = frame.time
    this.arrival = frame.time
    const { ring, print } = this
    const slot = ring.add(frame, packet, this.lengthToKeep(frame, packet))
    const { words } = ring
    const at = slot << RECORD_SHIFT
    const sourceMac = macHash(frame.view, sourceMacAt(frame.linkType, frame.offset))
    const destinationMac = macHash(frame.view, destinationMacAt(frame.linkType, frame.offset))
    const point = this.points.seen(frame.interface, packet.interfaceIndex)
    print.read(packet)
    words[at + FIRST_HASH] = print.first
    words[at + SECOND_HASH] = print.second
    words[at + STATE] |= (print.identified ? RECORD_IDENTIFIED : 0) | (print.weak ? RECORD_WEAK : 0)
    words[at + POINT] = point
    words[at + SOURCE_MAC] = sourceMac
    words[at + DESTINATION_MAC] = destinationMac
    words[at + PLACE] = placeHash(packet, point, frame.direction, sourceMac, destinationMac)
    this.order.add(slot)
  }

  /** No frame comes any more: whatever waits may go. */
  finish(): void {
    this.isOver = true
  }

  /** Decodes the next packet that is due into `packet`, with everything about it in `sightings`; false: none is. */
  next(packet: Packet): boolean {
    for (;;) {
      if (this.releases()) {
        this.release(packet)
        return true
      }
      if (this.groupsNext()) this.groupNext()
      else if (!this.makeRoom()) return false
    }
  }

  /** Bytes of a frame that anybody may still want to read. */
  private lengthToKeep(frame: Frame, packet: Packet): number {
    if (this.keepsPayload || tunnelOf(packet) !== TUNNEL_NONE) return frame.length
    switch (packet.protocol) {
      case IPPROTO_TCP:
      case IPPROTO_UDP:
      case IPPROTO_UDPLITE:
        return packet.transportOffset - frame.offset + KEPT_PAYLOAD
      default:
        return frame.length
    }
  }

  /** Whether the earliest record can have no predecessor any more, or has to go for want of room. */
  private groupsNext(): boolean {
    const { order, ring } = this
    if (order.size === 0) return false
    if (this.isOver || ring.times[order.peek()] <= this.arrival - REORDER_TIME) return true
    return ring.crowded && (order.size > ring.used >> 1 || ring.state(ring.tail) === SLOT_QUEUED)
  }

  private groupNext(): void {
    const { order, ring, groups } = this
    const slot = order.pop()
    if (ring.times[slot] > this.now) this.now = ring.times[slot]
    const group = groups.join(slot)
    if (group !== slot && ring.state(group) === SLOT_RELEASED)
      ring.words[(slot << RECORD_SHIFT) + STATE] |= RECORD_LATE
    else if (group !== slot) {
      ring.setState(slot, SLOT_GROUPED)
      if (ring.word(group, SIGHTINGS) === 2 && ring.times[slot] > ring.times[group])
        this.forwarding.learn(ring.word(group, SOURCE_MAC), ring.word(group, POINT))
      return
    }
    ring.setState(slot, SLOT_GROUPED)
    this.pending[(this.pendingHead + this.pendingSize++) & (MOST_RECORDS - 1)] = slot
  }

  /** Whether the first packet has waited long enough, or has to go for want of room. */
  private releases(): boolean {
    const { ring } = this
    if (this.pendingSize === 0) return false
    if (this.isOver && this.order.size === 0) return true
    const first = this.pending[this.pendingHead]
    if (ring.times[first] <= this.now - JOIN_TIME && !this.holds()) return true
    return ring.crowded && this.order.size <= ring.used >> 1 && ring.state(ring.tail) === SLOT_GROUPED
  }

  private release(packet: Packet): void {
    const { ring, sightings, bridging } = this
    const slot = this.takePending()
    if ((ring.word(slot, STATE) & RECORD_LATE) !== 0) {
      this.releaseLate(slot, packet)
      return
    }
    if (!this.hasStarted || !bridging.knowsHost) this.lookAhead()
    this.hasStarted = true
    sightings.take(slot)
    pair(sightings, this.forwarding)
    if (sightings.translated !== 0 && sightings.protocol !== IPPROTO_TCP) this.letRivalPass()
    bridging.learn(sightings)
    sightings.meeting = bridging.judge(sightings)
    this.copies += sightings.total - 1
    if (sightings.translated !== 0) this.translations++
    for (let at = sightings.slot(0); at >= 0; at = ring.word(at, NEXT_SIGHTING))
      ring.setState(at, SLOT_RELEASED)
    sightings.decode(sightings.before, packet)
    packet.time = sightings.time(0)
    if (sightings.translated !== 0) this.localOutput.learn(sightings)
    else if (this.localOutput.restore(packet, sightings)) {
      sightings.isRestored = true
      sightings.translated = TRANSLATED_DESTINATION
    }
  }

  private takePending(): number {
    const slot = this.pending[this.pendingHead]
    this.pendingHead = (this.pendingHead + 1) & (MOST_RECORDS - 1)
    this.pendingSize--
    if (this.learnt > 0) this.learnt--
    return slot
  }

  /** Lets a packet that raced the one in `sightings` for their entry, and won, go first. */
  private letRivalPass(): void {
    const { ring, sightings, preview, pending } = this
    for (let i = 0; i < Math.min(RIVALS, this.pendingSize); i++) {
      const at = (this.pendingHead + i) & (MOST_RECORDS - 1)
      const slot = pending[at]
      if (ring.times[slot] - sightings.time(0) > RACE_TIME) return
      if ((ring.word(slot, STATE) & RECORD_LATE) !== 0 || !ring.sameTuple(slot, sightings.slot(0))) continue
      preview.take(slot)
      pair(preview, this.forwarding)
      if (!areRivals(sightings, preview) || !overtakes(preview, sightings)) continue
      pending[at] = sightings.slot(0)
      sightings.take(slot)
      pair(sightings, this.forwarding)
      return
    }
  }

  private releaseLate(slot: number, packet: Packet): void {
    const { ring, sightings } = this
    const group = ring.word(slot, GROUP)
    sightings.takeLate(group < 0 ? slot : group, slot)
    sightings.translated = changesBetween(sightings, 0, 1)
    ring.setState(slot, SLOT_RELEASED)
    sightings.meeting = MET
    this.copies++
    sightings.decode(0, packet)
  }

  /** Gives up the oldest record where the next frame may need its room; false where there is room. */
  private makeRoom(): boolean {
    const { ring } = this
    if (!ring.crowded || ring.state(ring.tail) !== SLOT_RELEASED) return false
    const group = ring.word(ring.tail, GROUP)
    if (group >= 0) this.groups.dissolve(group)
    ring.dropTail()
    return true
  }

  /** At the start of a capture of several points packets wait until some tell about the host. */
  private holds(): boolean {
    if (this.hasStarted || this.points.all.length === 1) return false
    if (this.now - this.firstTime > HOLD_TIME || this.ring.used > HOLD_RECORDS) return false
    this.lookAhead()
    return !this.bridging.knowsHost
  }

  /** Lets packets that wait tell about the host, once they have all their sightings. */
  private lookAhead(): void {
    const { ring, preview, pending } = this
    const isLast = this.isOver && this.order.size === 0
    for (; this.learnt < this.pendingSize; this.learnt++) {
      const slot = pending[(this.pendingHead + this.learnt) & (MOST_RECORDS - 1)]
      if (!isLast && ring.times[slot] > this.now - JOIN_TIME) return
      if ((ring.word(slot, STATE) & RECORD_LATE) !== 0) continue
      preview.take(slot)
      pair(preview, this.forwarding)
      this.bridging.learn(preview)
    }
  }
}
