// One packet and everybody who saw it: the view on a group of sightings that the replay and its witness get.
import { addressWord } from '../../net/address.ts'
import type { Packet } from '../../packet/packet.ts'
import { destinationMacAt, sourceMacAt, vlanAt } from './place.ts'
import {
  BYTES_AT,
  CAPTURE,
  DESTINATION,
  DESTINATION_MAC,
  FRAME,
  HOP,
  KIND,
  LINK_TYPE,
  NEXT_SIGHTING,
  POINT,
  PORTS,
  RECORD_PROXIED_SHIFT,
  RECORD_SHIFT,
  type RecordRing,
  SIGHTINGS,
  SOURCE,
  SOURCE_MAC,
  STATE,
} from './record-ring.ts'
import { readTuple, TUPLE_WORDS } from './seen-tuple.ts'

/** Sightings of one packet that can be looked at; a packet flooded to more ports has more, which are only counted. */
export const MOST_SIGHTINGS = 64

/** What happened to a packet between its first sighting and a later one. */
export const TRANSLATED_SOURCE = 1
export const TRANSLATED_DESTINATION = 2

/** Whether conntrack met a packet. */
export const MET = 0
/** It was switched inside a bridge, where IP hooks are not called. */
export const SWITCHED = 1
/** The host was not to receive it: a router's IGMP report, say. */
export const NOT_FOR_US = 2
/** Half of its connection was seen, or it went between other stations than the rest: the capture does not tell. */
export const ONE_SIDED = 3

/**
 * Sightings of one packet in the order of their times, 0 the first. The record is reused: it holds until the witness
 * returns. Times are nanoseconds since the first frame of the replay, addresses words as in Packet.
 */
export class Sightings {
  /** How often the packet was seen. */
  total = 0
  /** How many of those can be asked for: at most MOST_SIGHTINGS. */
  count = 0
  /** The sighting that conntrack's first hook comes after, and the one that shows every translation. */
  before = 0
  after = 0
  /** TRANSLATED_* bits: what `after` shows changed. */
  translated = 0
  /** Whether the translation was not seen but concluded: the packet's destination is the one it had before. */
  isRestored = false
  /** Whether it was concluded from the connection's handshake: `behind` has the tuple that the packet left with. */
  isJoined = false
  readonly behind = new Int32Array(TUPLE_WORDS)
  /** MET, or why conntrack did not meet the packet. */
  meeting = MET
  /** Whether this is a sighting that came when its packet had been tracked already; `before` is of then. */
  isLate = false

  private readonly ring: RecordRing
  private readonly slots = new Int32Array(MOST_SIGHTINGS)

  constructor(ring: RecordRing) {
    this.ring = ring
  }

  /** Takes up the group whose first record is `slot`. */
  take(slot: number): void {
    const { words } = this.ring
    this.total = words[(slot << RECORD_SHIFT) + SIGHTINGS]
    this.count = 0
    for (
      let at = slot;
      at >= 0 && this.count < MOST_SIGHTINGS;
      at = words[(at << RECORD_SHIFT) + NEXT_SIGHTING]
    ) {
      this.slots[this.count++] = at
    }
    this.before = 0
    this.after = 0
    this.translated = 0
    this.isRestored = false
    this.isJoined = false
    this.isLate = false
  }

  /** Takes up a late sighting, and the first one of its packet in front of it. */
  takeLate(first: number, late: number): void {
    this.total = 1
    this.count = 2
    this.slots[0] = first
    this.slots[1] = late
    this.before = 0
    this.after = 1
    this.translated = 0
    this.isRestored = false
    this.isJoined = false
    this.isLate = true
  }

  slot(index: number): number {
    return this.slots[index]
  }

  /** Frame number within its capture. */
  frame(index: number): number {
    return this.word(index, FRAME)
  }

  capture(index: number): number {
    return this.word(index, CAPTURE)
  }

  /** Index of its point in `Points.all`. */
  point(index: number): number {
    return this.word(index, POINT)
  }

  time(index: number): number {
    return this.ring.times[this.slots[index]]
  }

  ttl(index: number): number {
    return this.word(index, HOP) & 0xff
  }

  /** Cooked packet type, -1 where the capture does not tell. */
  packetType(index: number): number {
    return ((this.word(index, HOP) >> 8) & 0xff) - 1
  }

  /** DIRECTION_* of the frame. */
  direction(index: number): number {
    return this.word(index, HOP) >> 16
  }

  /** 4 or 6, the same for all. */
  get family(): number {
    return this.word(0, KIND) >> 8
  }

  get protocol(): number {
    return this.word(0, KIND) & 0xff
  }

  sourceWord(index: number, word: number): number {
    return this.word(index, SOURCE + word)
  }

  destinationWord(index: number, word: number): number {
    return this.word(index, DESTINATION + word)
  }

  /** As Packet has it: for ICMP the id. */
  sourcePort(index: number): number {
    return this.word(index, PORTS) >>> 16
  }

  /** As Packet has it: for ICMP type << 8 | code. */
  destinationPort(index: number): number {
    return this.word(index, PORTS) & 0xffff
  }

  /** The frame's source hardware address as a number of 48 bits, -1 where it has none. */
  sourceMac(index: number): number {
    return this.macAt(sourceMacAt(this.word(index, LINK_TYPE), this.word(index, BYTES_AT)))
  }

  /** The frame's destination hardware address as a number of 48 bits, -1 where it has none (cooked captures). */
  destinationMac(index: number): number {
    return this.macAt(destinationMacAt(this.word(index, LINK_TYPE), this.word(index, BYTES_AT)))
  }

  /** What SYNPROXY made of the frame: `Proxies.mark`. */
  proxied(index: number): number {
    return this.word(index, STATE) >>> RECORD_PROXIED_SHIFT
  }

  linkType(index: number): number {
    return this.word(index, LINK_TYPE)
  }

  /** A hash of the source hardware address, enough to compare; 0 where there is none. */
  sourceMacHash(index: number): number {
    return this.word(index, SOURCE_MAC)
  }

  destinationMacHash(index: number): number {
    return this.word(index, DESTINATION_MAC)
  }

  /** The frame's outermost VLAN id, -1 for none, and where only the outer frame of a tunnel or a cooked header is there. */
  vlan(index: number): number {
    return vlanAt(this.ring.view, this.word(index, LINK_TYPE), this.word(index, BYTES_AT))
  }

  /** Whether the frame went to a group of stations, by the bit of its Ethernet destination. */
  isGroupFrame(index: number): boolean {
    const at = destinationMacAt(this.word(index, LINK_TYPE), this.word(index, BYTES_AT))
    return at >= 0 && (this.ring.bytes[at] & 1) !== 0
  }

  /** The last sighting of the packet behind the host, as a routed one has: with a lower TTL than the first; -1 for none. */
  exit(): number {
    let exit = -1
    const ttl = this.ttl(0)
    for (let i = 1; i < this.count; i++) if (this.ttl(i) < ttl) exit = i
    return exit
  }

  /** Whether both sightings have the same source address and port. */
  sameSource(a: number, b: number): boolean {
    return (
      this.sourcePort(a) === this.sourcePort(b) && this.ring.sameAddress(this.slots[a], this.slots[b], SOURCE)
    )
  }

  /** Whether both sightings have the same destination address and port. */
  sameDestination(a: number, b: number): boolean {
    return (
      this.destinationPort(a) === this.destinationPort(b) &&
      this.ring.sameAddress(this.slots[a], this.slots[b], DESTINATION)
    )
  }

  /** Whether sighting `a` of this packet and sighting `b` of another have the same tuple. */
  isSameTuple(a: number, other: Sightings, b: number): boolean {
    return this.ring.sameTuple(this.slots[a], other.slots[b])
  }

  /** The source address in one word: IPv4 itself, IPv6 folded. */
  sourceFold(index: number): number {
    return this.fold(index, SOURCE)
  }

  destinationFold(index: number): number {
    return this.fold(index, DESTINATION)
  }

  /** Decodes a sighting again, as far as its copy goes: to the end of the headers of TCP and UDP, else of the packet. */
  decode(index: number, packet: Packet): boolean {
    return this.ring.decode(this.slots[index], packet)
  }

  /** As decode() of one sighting, with the tuple of another. */
  decodeAs(index: number, tuple: number, packet: Packet): boolean {
    const isDecoded = this.decode(index, packet)
    this.readTuple(tuple, packet)
    return isDecoded
  }

  /** Writes IP version, protocol, addresses and ports of a sighting into `packet`, and nothing else. */
  readTuple(tuple: number, packet: Packet): void {
    this.ring.readTuple(this.slots[tuple], packet)
  }

  /** Writes the tuple that the packet left with into `packet`, and nothing else. */
  readBehind(packet: Packet): void {
    this.readTuple(this.after, packet)
    if (this.isJoined) readTuple(this.behind, 0, packet)
  }

  private word(index: number, word: number): number {
    return this.ring.words[(this.slots[index] << RECORD_SHIFT) + word]
  }

  private fold(index: number, which: number): number {
    return addressWord(
      this.family,
      this.word(index, which),
      this.word(index, which + 1),
      this.word(index, which + 2),
      this.word(index, which + 3),
    )
  }

  private macAt(at: number): number {
    if (at < 0) return -1
    return this.ring.view.getUint32(at) * 0x10000 + this.ring.view.getUint16(at + 4)
  }
}
