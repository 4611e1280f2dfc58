// The window's memory: copies of frames, first come first gone, with a record of words for each.
import { Frame } from '../../capture/frame.ts'
import { decode } from '../../packet/encapsulation/decode.ts'
import type { Packet } from '../../packet/packet.ts'

/** Frames held at most; with bytes and words of each, 17 MiB: what the window costs, whatever the capture. */
export const MOST_RECORDS = 1 << 15
/** Bytes of a frame that have their place beside its record: enough for the headers of TCP and UDP. */
const NEAR_SHIFT = 7
const NEAR_BYTES = 1 << NEAR_SHIFT
/** Longer copies lie in a ring behind all of those. */
const FAR_START = MOST_RECORDS << NEAR_SHIFT
const FAR_BYTES = 1 << 23
/** The longest frame that is kept whole: longer ones (BIG TCP) are cut, far behind every header. */
const LONGEST_COPY = 1 << 17

/** Words of a record, which starts at `slot << RECORD_SHIFT` in `words`. */
export const RECORD_SHIFT = 5
/** Fingerprint. */
export const FIRST_HASH = 0
export const SECOND_HASH = 1
/** Next group's first record in the same chain, -1 at the end. */
export const CHAIN_NEXT = 2
/** SLOT_* and the flags below. */
export const STATE = 3
/** Next sighting of the same packet, -1 at the last. */
export const NEXT_SIGHTING = 4
/** Of a group's first record: its last sighting, and their number. */
export const LAST_SIGHTING = 5
export const SIGHTINGS = 6
/** The group's first record. */
export const GROUP = 7
export const FRAME = 8
export const CAPTURE = 9
export const INTERFACE = 10
export const POINT = 11
/** Hash of where on its way the packet was: point, direction, TTL and hardware addresses. */
export const PLACE = 12
/** TTL | (cooked packet type + 1) << 8 | direction of the frame << 16. */
export const HOP = 13
/** IP version << 8 | protocol. */
export const KIND = 14
/** Source port << 16 | destination port, as in a tuple. */
export const PORTS = 15
/** Four words each; IPv4 has the first alone. */
export const SOURCE = 16
export const DESTINATION = 20
/** The last four bytes of the hardware addresses, 0 where the frame has none. */
export const SOURCE_MAC = 24
export const DESTINATION_MAC = 25
export const BYTES_AT = 26
export const BYTES_LENGTH = 27
const BYTES_RESERVED = 28
export const ORIGINAL_LENGTH = 29
export const LINK_TYPE = 30
/** Counts the records, and wraps. */
export const ARRIVAL = 31

/** Waits for its turn in the order of time. */
export const SLOT_QUEUED = 1
/** Belongs to a group that has not been released. */
export const SLOT_GROUPED = 2
/** Its packet is out; a late sighting may still find it. */
export const SLOT_RELEASED = 3
export const SLOT_STATE = 3
/** The packet had an IP identification. */
export const RECORD_IDENTIFIED = 4
export const RECORD_WEAK = 8
/** The packet has a tuple. */
export const RECORD_TUPLE = 16
/** Came when its packet was out already. */
export const RECORD_LATE = 32
/** A helper may have rewritten its payload. */
export const RECORD_REWRITABLE = 64
/** The bits above are what is known of a connection that SYNPROXY opened: `Proxies.mark`. */
export const RECORD_PROXIED_SHIFT = 10

export class RecordRing {
  readonly words = new Int32Array(MOST_RECORDS << RECORD_SHIFT)
  readonly times = new Float64Array(MOST_RECORDS)
  readonly bytes = new Uint8Array(FAR_START + FAR_BYTES)
  readonly view = new DataView(this.bytes.buffer)
  used = 0
  /** Slots in use in the order they came. */
  private readonly queue = new Int32Array(MOST_RECORDS)
  private queueHead = 0
  /** Slots not in use: the one that was given up last is used next, for it is still in the cache. */
  private readonly free = new Int32Array(MOST_RECORDS)
  private arrivals = 0
  private farAt = FAR_START
  private farFree = FAR_BYTES
  private readonly copy = new Frame()

  constructor() {
    this.copy.bytes = this.bytes
    this.copy.view = this.view
    for (let slot = 0; slot < MOST_RECORDS; slot++) this.free[slot] = MOST_RECORDS - 1 - slot
  }

  /** Whether another frame may not fit. */
  get crowded(): boolean {
    return this.used === MOST_RECORDS || this.farFree < 2 * LONGEST_COPY
  }

  /** The record that came first; there is one as long as `used` is not 0. */
  get tail(): number {
    return this.queue[this.queueHead]
  }

  word(slot: number, index: number): number {
    return this.words[(slot << RECORD_SHIFT) + index]
  }

  state(slot: number): number {
    return this.words[(slot << RECORD_SHIFT) + STATE] & SLOT_STATE
  }

  setState(slot: number, state: number): void {
    const at = (slot << RECORD_SHIFT) + STATE
    this.words[at] = (this.words[at] & ~SLOT_STATE) | state
  }

  /** Copies the first `length` bytes of a frame in, with what was decoded of it; returns the slot. */
  add(frame: Frame, packet: Packet, length: number): number {
    const slot = this.free[MOST_RECORDS - 1 - this.used]
    this.queue[(this.queueHead + this.used) & (MOST_RECORDS - 1)] = slot
    this.used++
    const { words } = this
    const at = slot << RECORD_SHIFT
    words[at + BYTES_AT] = this.copyIn(frame, Math.min(length, frame.length, LONGEST_COPY), slot)
    this.times[slot] = frame.time
    words[at + STATE] = SLOT_QUEUED | (packet.hasTuple ? RECORD_TUPLE : 0)
    words[at + CHAIN_NEXT] = -1
    words[at + NEXT_SIGHTING] = -1
    words[at + LAST_SIGHTING] = slot
    words[at + SIGHTINGS] = 1
    words[at + GROUP] = slot
    words[at + FRAME] = frame.number
    words[at + CAPTURE] = frame.capture
    words[at + INTERFACE] = frame.interface
    words[at + ORIGINAL_LENGTH] = Math.min(frame.originalLength, 0x0fffffff)
    words[at + LINK_TYPE] = frame.linkType
    words[at + ARRIVAL] = this.arrivals = (this.arrivals + 1) | 0
    words[at + HOP] = packet.ttl | ((packet.packetType + 1) << 8) | (frame.direction << 16)
    words[at + KIND] = (packet.family << 8) | packet.protocol
    words[at + PORTS] = (packet.sourcePort << 16) | packet.destinationPort
    words[at + SOURCE] = packet.source0
    words[at + DESTINATION] = packet.destination0
    if (packet.family === 6) {
      words[at + SOURCE + 1] = packet.source1
      words[at + SOURCE + 2] = packet.source2
      words[at + SOURCE + 3] = packet.source3
      words[at + DESTINATION + 1] = packet.destination1
      words[at + DESTINATION + 2] = packet.destination2
      words[at + DESTINATION + 3] = packet.destination3
    }
    return slot
  }

  /** Gives the oldest record up. */
  dropTail(): void {
    const slot = this.tail
    this.farFree += this.words[(slot << RECORD_SHIFT) + BYTES_RESERVED]
    this.queueHead = (this.queueHead + 1) & (MOST_RECORDS - 1)
    this.used--
    this.free[MOST_RECORDS - 1 - this.used] = slot
  }

  /** Whether the tuples of two records are the same. */
  sameTuple(a: number, b: number): boolean {
    const { words } = this
    return (
      words[(a << RECORD_SHIFT) + PORTS] === words[(b << RECORD_SHIFT) + PORTS] &&
      this.sameAddress(a, b, SOURCE) &&
      this.sameAddress(a, b, DESTINATION)
    )
  }

  /** Whether two records have the same ends, the other way round. */
  isAnswer(a: number, b: number): boolean {
    const { words } = this
    const at = a << RECORD_SHIFT
    const bt = b << RECORD_SHIFT
    if (words[at + KIND] !== words[bt + KIND]) return false
    if (words[at + PORTS] !== ((words[bt + PORTS] << 16) | (words[bt + PORTS] >>> 16))) return false
    const most = words[at + KIND] >> 8 === 4 ? 1 : 4
    for (let i = 0; i < most; i++) {
      if (words[at + SOURCE + i] !== words[bt + DESTINATION + i]) return false
      if (words[at + DESTINATION + i] !== words[bt + SOURCE + i]) return false
    }
    return true
  }

  /** Decodes the frame of a record, as far as its copy goes: to the end of the headers of TCP and UDP, else of the packet. */
  decode(slot: number, packet: Packet): boolean {
    const { copy } = this
    copy.number = this.word(slot, FRAME)
    copy.time = this.times[slot]
    copy.offset = this.word(slot, BYTES_AT)
    copy.length = this.word(slot, BYTES_LENGTH)
    copy.originalLength = this.word(slot, ORIGINAL_LENGTH)
    copy.capture = this.word(slot, CAPTURE)
    copy.interface = this.word(slot, INTERFACE)
    copy.linkType = this.word(slot, LINK_TYPE)
    copy.direction = this.word(slot, HOP) >> 16
    return decode(copy, packet)
  }

  /** Whether two records of one IP version have the same address; `which` is SOURCE or DESTINATION. */
  sameAddress(a: number, b: number, which: number): boolean {
    const { words } = this
    const left = (a << RECORD_SHIFT) + which
    const right = (b << RECORD_SHIFT) + which
    if (words[left] !== words[right]) return false
    if (words[(a << RECORD_SHIFT) + KIND] >> 8 === 4) return true
    return (
      words[left + 1] === words[right + 1] &&
      words[left + 2] === words[right + 2] &&
      words[left + 3] === words[right + 3]
    )
  }

  /** Writes IP version, protocol, addresses and ports of a record into `packet`, and nothing else. */
  readTuple(slot: number, packet: Packet): void {
    const { words } = this
    const at = slot << RECORD_SHIFT
    packet.family = words[at + KIND] >> 8
    packet.protocol = words[at + KIND] & 0xff
    packet.hasTuple = (words[at + STATE] & RECORD_TUPLE) !== 0
    packet.source0 = words[at + SOURCE]
    packet.destination0 = words[at + DESTINATION]
    if (packet.family === 6) {
      packet.source1 = words[at + SOURCE + 1]
      packet.source2 = words[at + SOURCE + 2]
      packet.source3 = words[at + SOURCE + 3]
      packet.destination1 = words[at + DESTINATION + 1]
      packet.destination2 = words[at + DESTINATION + 2]
      packet.destination3 = words[at + DESTINATION + 3]
    }
    packet.sourcePort = words[at + PORTS] >>> 16
    packet.destinationPort = words[at + PORTS] & 0xffff
  }

  private copyIn(frame: Frame, length: number, slot: number): number {
    const record = slot << RECORD_SHIFT
    const isNear = length <= NEAR_BYTES
    const to = isNear ? slot << NEAR_SHIFT : this.reserve((length + 3) & ~3, record)
    if (isNear) this.words[record + BYTES_RESERVED] = 0
    this.words[record + BYTES_LENGTH] = length
    const { bytes, view } = this
    const source = frame.view
    const from = frame.offset
    const whole = length & ~3
    for (let i = 0; i < whole; i += 4) view.setInt32(to + i, source.getInt32(from + i))
    for (let i = whole; i < length; i++) bytes[to + i] = frame.bytes[from + i]
    return to
  }

  private reserve(need: number, record: number): number {
    // a frame lies in one piece: what is left at the end of the ring counts as its own
    const wraps = this.farAt + need > FAR_START + FAR_BYTES
    const waste = wraps ? FAR_START + FAR_BYTES - this.farAt : 0
    const to = wraps ? FAR_START : this.farAt
    this.farAt = to + need
    this.farFree -= need + waste
    this.words[record + BYTES_RESERVED] = need + waste
    return to
  }
}
