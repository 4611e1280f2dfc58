// The window that packets wait in: frames go in as captured, logical packets come out in the order of their first sighting.
import type { Frame } from '../capture/frame.ts'
import { IPPROTO_TCP } from '../net/numbers.ts'
import { Packet } from '../packet/packet.ts'
import { Bridging } from './bridging.ts'
import { Calm } from './calm.ts'
import { ForwardingTable } from './forwarding.ts'
import { Groups } from './groups.ts'
import { SuperPackets } from './offload/super-packets.ts'
import { OtherTables } from './other-tables.ts'
import { changesBetween, pair } from './pairing.ts'
import { areRivals, overtakes, RACE_TIME } from './race.ts'
import { Intake } from './record/intake.ts'
import { type PointSource, Points } from './record/points.ts'
import {
  GROUP,
  MOST_RECORDS,
  NEXT_SIGHTING,
  POINT,
  RECORD_LATE,
  RECORD_REWRITABLE,
  RECORD_SHIFT,
  RecordRing,
  SIGHTINGS,
  SLOT_GROUPED,
  SLOT_QUEUED,
  SLOT_RELEASED,
  SOURCE_MAC,
  STATE,
} from './record/record-ring.ts'
import { MET, ONE_SIDED, Sightings } from './record/sighting.ts'
import { Stations } from './record/stations.ts'
import { TimeOrder } from './record/time-order.ts'
import { Restorer } from './restore/restorer.ts'
import { SynProxies } from './restore/syn-proxies.ts'

const MILLISECOND = 1e6

/** How far back a frame may be stamped, or how many frames, and be put in its place; more once one went back further. */
const REORDER_TIME = 5 * MILLISECOND
const REORDER_FRAMES = 2048
/** dumpcap writes what several interfaces saw in turns of up to 250 ms. */
const MOST_REORDER_TIME = 500 * MILLISECOND
const MOST_REORDER_FRAMES = MOST_RECORDS / 2
/** How long a packet waits for further sightings before it is tracked. A host passes one on in less than one. */
const JOIN_TIME = 50 * MILLISECOND
/** How long an answer from elsewhere waits for the client's acknowledgment, and all behind it: a round trip at most. */
const ANSWER_TIME = 500 * MILLISECOND
/** Packets that wait so at most. */
const MOST_WAITING = 2048
/** How long a packet with an IP ID is known for one that was seen: a neighbour that must be asked for takes a second. */
const LATE_TIME = 3000 * MILLISECOND
/** Records kept for that, of packets that are out. */
const MOST_RELEASED = 2048
/** How long packets wait at the start of a capture of several points for those that tell about the host. */
const HOLD_TIME = 10_000 * MILLISECOND
const HOLD_RECORDS = MOST_RECORDS / 2
/** Packets behind one that are looked at for one that raced it. */
const RIVALS = 4

export interface WindowOptions {
  /** bridge-nf-call-iptables and -ip6tables of the host, null where nobody told. */
  bridgeCalls: { ipv4: number | null; ipv6: number | null }
  /** Whether checksums are looked at, or payload, for which packets are kept whole. */
  keepsPayload: boolean
  /** Ports of protocols whose payload helpers of conntrack rewrite, so that it differs on both sides of a translation. */
  rewrittenPorts?: readonly number[]
}

export class SightingWindow {
  private readonly source: PointSource
  readonly points: Points
  readonly bridging: Bridging
  /** The sightings of the packet that `next` gave last. */
  readonly sightings: Sightings
  /** Sightings of packets that had been seen before, and packets seen translated. */
  copies = 0
  translations = 0
  /** Packets of which the capture does not tell what conntrack made of them. */
  oneSided = 0
  /** What tells that captures are of several hosts or network namespaces. */
  readonly otherTables = new OtherTables()

  private readonly ring = new RecordRing()
  private readonly order = new TimeOrder(this.ring)
  private readonly stations = new Stations()
  private readonly groups = new Groups(this.ring, this.stations, JOIN_TIME, LATE_TIME)
  private readonly forwarding = new ForwardingTable()
  private readonly supers = new SuperPackets(this.ring)
  private readonly restorer: Restorer
  private readonly intake: Intake
  private readonly calm: Calm
  /** Slots that are to be released, in order: first records of groups, and late ones. */
  private readonly pending = new Int32Array(MOST_RECORDS)
  private pendingHead = 0
  private pendingSize = 0
  /** Records among those of the ring that belong to packets not yet released. */
  private waiting = 0
  /** How many of the pending groups have been looked at for what they tell of the host. */
  private learnt = 0
  private readonly preview: Sightings
  private readonly peeked = new Packet()
  private reorderTime = REORDER_TIME
  private reorderFrames = REORDER_FRAMES
  private knownInterfaces = 0
  private firstTime = Number.NaN
  /** Time of the frame that came last, and of the record that was grouped last. */
  private arrival = Number.NEGATIVE_INFINITY
  private now = Number.NEGATIVE_INFINITY
  private hasStarted = false
  private flushes = false
  private isOver = false

  constructor(source: PointSource, options: WindowOptions) {
    this.source = source
    this.points = new Points(source)
    this.bridging = new Bridging(options.bridgeCalls, this.stations)
    this.sightings = new Sightings(this.ring)
    this.preview = new Sightings(this.ring)
    const proxies = new SynProxies()
    this.intake = new Intake(this.ring, options.keepsPayload, options.rewrittenPorts ?? [], proxies)
    this.restorer = new Restorer(this.intake, this.stations, proxies)
    this.calm = new Calm(this.intake, JOIN_TIME)
  }

  /** Whether frames need not wait, but for those that do not pass. */
  get isCalm(): boolean {
    return this.calm.isCalm
  }

  /** Whether a frame that was decoded into `packet` may be tracked at once; else it is to be added. */
  passes(frame: Frame, packet: Packet): boolean {
    if (!this.calm.isCalm) return false
    const point = this.points.of(frame.interface, packet.interfaceIndex)
    if (point !== 0) this.calm.end()
    else if (this.calm.spares(packet) || this.isQuiet(frame, packet)) {
      this.points.count(point)
      return true
    }
    return false
  }

  /** In the calm: whether a packet is none that ends it. */
  private isQuiet(frame: Frame, packet: Packet): boolean {
    this.intake.read(frame, packet, 0)
    if (!this.restorer.learnInCalm(frame, packet)) return this.calm.passes(packet)
    this.calm.end()
    return false
  }

  /** Takes in a frame that did not pass. Call `next` until it is false before the next frame. */
  add(frame: Frame, packet: Packet): void {
    if (this.source.interfaces.length !== this.knownInterfaces) this.meetInterfaces()
    if (Number.isNaN(this.firstTime)) this.firstTime = frame.time
    this.arrival = frame.time
    this.intake.read(frame, packet, this.points.seen(frame.interface, packet.interfaceIndex))
    this.restorer.learn(frame, packet)
    if (this.calm.isCopy(packet)) {
      this.addCopy(frame, packet)
      return
    }
    this.order.add(this.intake.store(frame, packet))
    if (this.calm.isDue && this.mayBeCalm()) this.flushes = true
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
      else if (!this.makeRoom()) break
    }
    if (this.flushes) this.calm.begin()
    this.flushes = false
    return false
  }

  /** Writes the first sightings' tuples of packets that will be released soon, in their order; returns how many. */
  foresee(packets: readonly Packet[]): number {
    const { pending, ring } = this
    const count = Math.min(packets.length, this.pendingSize)
    for (let i = 0; i < count; i++) {
      ring.readTuple(pending[(this.pendingHead + i) & (MOST_RECORDS - 1)], packets[i])
    }
    return count
  }

  /** Takes in a copy of a packet that passed during a calm, behind a record of that packet. */
  private addCopy(frame: Frame, packet: Packet): void {
    const { ring } = this
    const passed = this.intake.store(frame, packet)
    this.calm.recall(ring, passed)
    ring.setState(passed, SLOT_RELEASED)
    const copy = this.intake.store(frame, packet)
    ring.words[(copy << RECORD_SHIFT) + GROUP] = passed
    ring.words[(copy << RECORD_SHIFT) + STATE] |= RECORD_LATE
    ring.words[(passed << RECORD_SHIFT) + NEXT_SIGHTING] = copy
    this.append(copy)
  }

  private mayBeCalm(): boolean {
    return this.points.all.length === 1 && !this.restorer.isActive
  }

  private append(slot: number): void {
    this.ring.setState(slot, SLOT_GROUPED)
    this.pending[(this.pendingHead + this.pendingSize++) & (MOST_RECORDS - 1)] = slot
    this.waiting++
  }

  /** Looks whether a capture has several interfaces, whose frames do not come in order. */
  private meetInterfaces(): void {
    const { interfaces } = this.source
    this.knownInterfaces = interfaces.length
    const captures = new Set(interfaces.map(({ capture }) => capture))
    if (captures.size < interfaces.length) this.reorderMore(MOST_REORDER_TIME)
  }

  private reorderMore(time: number): void {
    this.reorderTime = Math.min(Math.max(time, this.reorderTime), MOST_REORDER_TIME)
    this.reorderFrames = MOST_REORDER_FRAMES
  }

  private get empties(): boolean {
    return this.isOver || this.flushes
  }

  /** Whether the earliest record can have no predecessor any more, or has to go for want of room. */
  private groupsNext(): boolean {
    const { order, ring } = this
    if (order.size === 0) return false
    if (this.empties || order.size > this.reorderFrames) return true
    if (ring.times[order.peek()] <= this.arrival - this.reorderTime) return true
    return ring.crowded && (order.size > ring.used >> 1 || ring.state(ring.tail) === SLOT_QUEUED)
  }

  private groupNext(): void {
    const { order, ring } = this
    const slot = order.pop()
    const lag = this.now - ring.times[slot]
    if (lag <= 0) this.now = ring.times[slot]
    else this.reorderMore(2 * lag)
    const joined = this.groups.join(slot)
    const group = joined === slot ? this.groups.adopt(slot, this.supers.groupOf(slot)) : joined
    if (group === slot) {
      this.calm.goOn()
      this.append(slot)
      return
    }
    this.calm.disturb()
    if (group < 0 || ring.state(group) === SLOT_RELEASED) {
      ring.words[(slot << RECORD_SHIFT) + STATE] |= RECORD_LATE
      this.append(slot)
      return
    }
    ring.setState(slot, SLOT_GROUPED)
    this.waiting++
    if (ring.word(group, SIGHTINGS) === 2 && ring.times[slot] > ring.times[group]) {
      this.forwarding.learn(ring.word(group, SOURCE_MAC), ring.word(group, POINT))
    }
  }

  /** Whether the first packet has waited long enough, or has to go for want of room. */
  private releases(): boolean {
    const { ring } = this
    if (this.pendingSize === 0) return false
    if (this.empties && this.order.size === 0) return true
    const first = this.pending[this.pendingHead]
    const isDue = this.pendingSize > MOST_WAITING || ring.times[first] <= this.now - this.patienceWith(first)
    if (isDue && (this.hasStarted || !this.holds())) return true
    if (this.calm.isCalm) return true
    return ring.crowded && this.order.size <= ring.used >> 1 && ring.state(ring.tail) === SLOT_GROUPED
  }

  /** How long a packet waits: an answer that may be a stranger's, for what the client makes of it. */
  private patienceWith(slot: number): number {
    const { restorer, ring, preview } = this
    if (!restorer.isAwaiting || (ring.word(slot, STATE) & RECORD_LATE) !== 0) return JOIN_TIME
    preview.take(slot)
    preview.decode(0, this.peeked)
    return restorer.awaits(this.peeked) ? ANSWER_TIME : JOIN_TIME
  }

  private release(packet: Packet): void {
    const { sightings, bridging } = this
    const slot = this.takePending()
    if ((this.ring.word(slot, STATE) & RECORD_LATE) !== 0) {
      this.releaseLate(slot, packet)
      return
    }
    if (!this.hasStarted || !bridging.knowsHost) this.lookAhead()
    this.hasStarted = true
    this.take(slot, sightings)
    if (sightings.translated !== 0 && sightings.protocol !== IPPROTO_TCP) this.letRivalPass()
    bridging.learn(sightings)
    sightings.meeting = bridging.judge(sightings)
    this.markReleased(sightings.slot(0))
    sightings.decode(sightings.before, packet)
    packet.time = sightings.time(0)
    if ((this.ring.word(slot, STATE) & RECORD_REWRITABLE) !== 0) this.readShift(packet)
    this.copies += sightings.total - 1
    if (sightings.count > 1 && this.source.captures.length > 1) this.otherTables.take(sightings)
    this.restorer.restore(packet, sightings)
    if (sightings.meeting === ONE_SIDED) {
      this.oneSided++
      this.calm.startOver()
    }
    if (sightings.translated !== 0 && sightings.count > 1) this.translations++
  }

  /** A segment that was seen on both sides of a translation shows how far its acknowledgment is shifted between them. */
  private readShift(packet: Packet): void {
    const { sightings, peeked } = this
    if (sightings.translated === 0 || packet.protocol !== IPPROTO_TCP) return
    sightings.decode(sightings.after, peeked)
    packet.acknowledgmentShift = (packet.acknowledgment - peeked.acknowledgment) | 0
  }

  private releaseLate(slot: number, packet: Packet): void {
    const { ring, sightings } = this
    const group = ring.word(slot, GROUP)
    ring.setState(slot, SLOT_RELEASED)
    this.waiting--
    sightings.takeLate(group < 0 ? slot : group, slot)
    sightings.translated = changesBetween(sightings, 0, 1)
    sightings.meeting = MET
    this.copies++
    this.calm.disturb()
    sightings.decodeAs(1, 0, packet)
  }

  private takePending(): number {
    const slot = this.pending[this.pendingHead]
    this.pendingHead = (this.pendingHead + 1) & (MOST_RECORDS - 1)
    this.pendingSize--
    if (this.learnt > 0) this.learnt--
    return slot
  }

  private take(slot: number, sightings: Sightings): void {
    sightings.take(slot)
    pair(sightings, this.forwarding)
  }

  private markReleased(group: number): void {
    const { ring } = this
    for (let slot = group; slot >= 0; slot = ring.word(slot, NEXT_SIGHTING)) {
      ring.setState(slot, SLOT_RELEASED)
      this.waiting--
    }
  }

  /** Lets a packet that raced the one in `sightings` for their entry, and won, go first. */
  private letRivalPass(): void {
    const { ring, sightings, preview, pending } = this
    for (let i = 0; i < Math.min(RIVALS, this.pendingSize); i++) {
      const at = (this.pendingHead + i) & (MOST_RECORDS - 1)
      const slot = pending[at]
      if (ring.times[slot] - sightings.time(0) > RACE_TIME) return
      if ((ring.word(slot, STATE) & RECORD_LATE) !== 0 || !ring.sameTuple(slot, sightings.slot(0))) continue
      this.take(slot, preview)
      if (!areRivals(sightings, preview) || !overtakes(preview, sightings)) continue
      pending[at] = sightings.slot(0)
      this.take(slot, sightings)
      return
    }
  }

  /** Gives up the oldest record where nobody needs it, or the next frame its room; false where all may stay. */
  private makeRoom(): boolean {
    const { ring } = this
    if (ring.used === 0 || ring.state(ring.tail) !== SLOT_RELEASED) return false
    if (!ring.crowded && ring.used - this.order.size - this.waiting <= MOST_RELEASED) return false
    const group = ring.word(ring.tail, GROUP)
    if (group >= 0) this.groups.dissolve(group)
    ring.dropTail()
    return true
  }

  /** At the start of a capture of several points packets wait until some tell about the host. */
  private holds(): boolean {
    if (this.points.all.length === 1 || this.ring.used > HOLD_RECORDS) return false
    if (this.now - this.firstTime > HOLD_TIME) return false
    this.lookAhead()
    return !this.bridging.knowsHost
  }

  /** Lets packets that wait tell about the host, once they have all their sightings. */
  private lookAhead(): void {
    const { ring, preview, pending } = this
    const isLast = this.empties && this.order.size === 0
    for (; this.learnt < this.pendingSize; this.learnt++) {
      const slot = pending[(this.pendingHead + this.learnt) & (MOST_RECORDS - 1)]
      if (!isLast && ring.times[slot] > this.now - JOIN_TIME) return
      if ((ring.word(slot, STATE) & RECORD_LATE) !== 0) continue
      this.take(slot, preview)
      this.bridging.learn(preview)
    }
  }
}
