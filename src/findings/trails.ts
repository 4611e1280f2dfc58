// What each observation point saw of a flow, addresses as they were there: the memory of the detectors, in typed arrays.
import { formatIpv4, formatIpv6 } from '../net/address.ts'
import { alignedInt32, doublesOf } from '../net/cache-line.ts'
import type { Sight } from './sight.ts'
import { endHash, pairHash } from './trail-hash.ts'

// A flow that is translated between two points has a trail at each, with other addresses. A trail that is not used is
// given up for a new one when there are too many: the window of the detectors, whatever the capture.

/** Trails remembered: 18 MB when all are in use. */
export const MOST_TRAILS = 1 << 16
const SHIFT = 6

// words of a trail; what a packet touches stands in the first two cache lines
const TUPLE_NEXT = 0
const SENDER_NEXT = 44
const KIND = 1
const POINT = 2
const PORTS = 3
const SOURCE = 4
const DESTINATION = 8
/** Counts the trails ever opened: who remembers a slot can tell whether it is still the same trail. */
const SERIAL = 45
/** TRAIL_* bits. */
export const FLAGS = 12
export const CAPTURE = 30
/** The SYN, and the SYN-ACK: sequence number (what the SYN-ACK acknowledges), frame, TTL, hardware addresses. */
export const SYN = 32
export const SYN_ACK = 38
export const OPENING_SEQUENCE = 0
export const OPENING_ACKNOWLEDGMENT = 1
export const OPENING_FRAME = 2
export const OPENING_TTL = 3
export const OPENING_SOURCE_MAC = 4
export const OPENING_DESTINATION_MAC = 5
/** SYNs seen. */
export const SYN_COUNT = 31
/** What a direction has shown, the first sender's at SIDE: see SIDE_*. */
export const SIDE = 16
export const SIDE_WORDS = 7
/** Sequence number behind the last byte. */
export const SIDE_END = 0
export const SIDE_ACK = 1
/** Highest sequence number that this side lets the other send: acknowledgment and window. */
export const SIDE_LIMIT = 2
export const SIDE_SCALE = 3
export const SIDE_FRAME = 4
export const SIDE_TTL = 5
export const SIDE_PACKETS = 6
/** Data that came after a pause, exactly where the flow had stopped: frame, side; how long it was, in milliseconds. */
export const GAP_FRAME = 13
export const GAP_SIDE = 46
export const GAP_LENGTH = 47
/** The frame before that pause. */
export const GAP_BEFORE = 48
/** What is suspected of a trail's first packet (leaks.ts), the trail it belongs to with its serial, and its frame. */
export const SUSPICION = 49
export const RELATED = 50
export const RELATED_SERIAL = 51
export const SUSPICION_FRAME = 52
/** What the suspicious packet acknowledged: the sequence number of a RST that answers it. */
export const SUSPICION_ACK = 53

const SENDER_PREVIOUS = 54
/** The side that the suspicious packet came from. */
export const SUSPICION_SIDE = 55
/** Number of the packet whose SYN was counted last: its copies are not counted. */
export const SYN_PACKET = 56
/** SYN-ACKs seen. */
export const SYN_ACK_COUNT = 57

/** Packets of the side that a pause ended with, before those that followed it. */
export const GAP_PACKETS = 58
/** What the first sender acknowledged with its first segment; of UDP, what became of its last DNS query (twin-queries.ts). */
export const FIRST_ACK = 59
/** REUSE_* bits of the port that was used again, the last frame before, how long ago that was in ms, the answer's frame. */
export const REUSE = 60
export const REUSE_BEFORE = 61
export const REUSE_PAUSE = 62
export const REUSE_ANSWER = 63
/** Milliseconds from the flow's start to the end of its pause: of a flow that is open, and so was not refused its port. */
export const GAP_TIME = REUSE_PAUSE

export const TRAIL_SYN = 1
export const TRAIL_SYN_ACK = 2
/** The initiator has acknowledged the SYN-ACK. */
export const TRAIL_OPEN = 4
export const TRAIL_RST = 8
/** A finding speaks of it already. */
export const TRAIL_EXPLAINED = 16
/** A SYN of it was seen further on its way, too. */
export const TRAIL_FORWARDED = 32
export const TRAIL_RECENT = 64
/** It begins with a DNS query. */
export const TRAIL_DNS = 128
/** The first sender's FIN was seen, the other's. */
export const TRAIL_FIN = 256
export const TRAIL_FIN_BACK = 512
/** A packet of it was seen twice on one side of the host: at a bridge, and at a port of it. */
export const TRAIL_REPEATED = 1024

/** As a double. */
const TIME = 7
const HEADS = 1 << 16

export class Trails {
  readonly words = alignedInt32(MOST_TRAILS << SHIFT)
  /** Of the last packet, in each record's words 14 and 15. */
  private readonly times = doublesOf(this.words)
  readonly startTimes = new Float64Array(MOST_TRAILS)
  /** Trails in use. */
  count = 0
  /** Of the packet that was looked up last: 0 as the trail's first packet, 1 the other way. */
  direction = 0
  private hand = 0
  private serials = 0
  private readonly tupleHeads = new Int32Array(HEADS).fill(-1)
  private readonly senderHeads = new Int32Array(HEADS).fill(-1)

  /** When the last packet was seen. */
  time(trail: number): number {
    return this.times[(trail << (SHIFT - 1)) + TIME]
  }

  setTime(trail: number, time: number): void {
    this.times[(trail << (SHIFT - 1)) + TIME] = time
  }

  get(trail: number, word: number): number {
    return this.words[(trail << SHIFT) + word]
  }

  set(trail: number, word: number, value: number): void {
    this.words[(trail << SHIFT) + word] = value
  }

  has(trail: number, flag: number): boolean {
    return (this.words[(trail << SHIFT) + FLAGS] & flag) !== 0
  }

  mark(trail: number, flag: number): void {
    this.words[(trail << SHIFT) + FLAGS] |= flag
  }

  /** Word `word` of a side. */
  side(trail: number, direction: number, word: number): number {
    return this.words[(trail << SHIFT) + SIDE + direction * SIDE_WORDS + word]
  }

  setSide(trail: number, direction: number, word: number, value: number): void {
    this.words[(trail << SHIFT) + SIDE + direction * SIDE_WORDS + word] = value
  }

  serial(trail: number): number {
    return this.get(trail, SERIAL)
  }

  point(trail: number): number {
    return this.get(trail, POINT)
  }

  protocol(trail: number): number {
    return this.get(trail, KIND) & 0xff
  }

  /** The first trail in the chain where that of a record (sight.ts) would be, or -1. */
  firstOf(hash: number): number {
    return this.tupleHeads[hash]
  }

  /** Reads the cache lines that the next packet of a trail is going to need; the value means nothing. */
  touch(trail: number): number {
    const at = trail << SHIFT
    return this.words[at] ^ this.words[at + SIDE]
  }

  /** The trail of a packet at its point, or -1; `direction` tells which way it goes. */
  find(sight: Sight): number {
    const { words } = this
    const kind = kindOf(sight)
    const ports = (sight.sourcePort << 16) | sight.destinationPort
    const turned = (sight.destinationPort << 16) | sight.sourcePort
    let trail = this.tupleHeads[tupleHash(sight)]
    for (; trail >= 0; trail = words[(trail << SHIFT) + TUPLE_NEXT]) {
      const at = trail << SHIFT
      if (words[at + KIND] !== kind || words[at + POINT] !== sight.point) continue
      if (words[at + PORTS] === ports && this.isTuple(at, sight.source, sight.destination)) {
        this.direction = 0
        break
      }
      if (words[at + PORTS] === turned && this.isTuple(at, sight.destination, sight.source)) {
        this.direction = 1
        break
      }
    }
    return trail
  }

  /** Opens a trail for a packet, as its first sender's or, `turned`, as the answer to one that was not seen. */
  open(sight: Sight, turned: boolean): number {
    const trail = this.takeSlot()
    const at = trail << SHIFT
    const { words } = this
    words.fill(0, at, at + (1 << SHIFT))
    words[at + KIND] = kindOf(sight)
    words[at + POINT] = sight.point
    words[at + CAPTURE] = sight.capture
    words[at + PORTS] = turned
      ? (sight.destinationPort << 16) | sight.sourcePort
      : (sight.sourcePort << 16) | sight.destinationPort
    words.set(turned ? sight.destination : sight.source, at + SOURCE)
    words.set(turned ? sight.source : sight.destination, at + DESTINATION)
    words[at + SERIAL] = this.serials = (this.serials + 1) | 0
    words[at + RELATED] = -1
    this.startTimes[trail] = sight.time
    this.setTime(trail, sight.time)
    const tuple = tupleHash(sight)
    words[at + TUPLE_NEXT] = this.tupleHeads[tuple]
    this.tupleHeads[tuple] = trail
    const sender = senderHash(words, at + SOURCE, words[at + PORTS] >>> 16)
    const next = this.senderHeads[sender]
    words[at + SENDER_NEXT] = next
    words[at + SENDER_PREVIOUS] = -1
    if (next >= 0) words[(next << SHIFT) + SENDER_PREVIOUS] = trail
    this.senderHeads[sender] = trail
    this.direction = turned ? 1 : 0
    return trail
  }

  /** The next trail after `trail` (-1: the first) that `address` and `port` opened, at any point; -1: none. */
  nextOf(trail: number, sight: Sight, ofDestination: boolean): number {
    const address = ofDestination ? sight.destination : sight.source
    const port = ofDestination ? sight.destinationPort : sight.sourcePort
    let next = trail < 0 ? this.senderHeads[senderHash(address, 0, port)] : this.get(trail, SENDER_NEXT)
    for (; next >= 0; next = this.get(next, SENDER_NEXT)) {
      const at = next << SHIFT
      if (this.words[at + KIND] !== kindOf(sight) || this.words[at + PORTS] >>> 16 !== port) continue
      if (this.isAddress(at + SOURCE, address)) return next
    }
    return -1
  }

  /** The next trail of the same initiator as `of`, at any point, itself excepted. */
  nextSibling(trail: number, of: number): number {
    const at = of << SHIFT
    const { words } = this
    let next =
      trail < 0
        ? this.senderHeads[senderHash(words, at + SOURCE, words[at + PORTS] >>> 16)]
        : this.get(trail, SENDER_NEXT)
    for (; next >= 0; next = this.get(next, SENDER_NEXT)) {
      const other = next << SHIFT
      if (next === of || words[other + KIND] !== words[at + KIND]) continue
      if (words[other + PORTS] >>> 16 !== words[at + PORTS] >>> 16) continue
      if (sameWords(words, other + SOURCE, at + SOURCE)) return next
    }
    return -1
  }

  /** Whether the trail's responder is the packet's destination. */
  isAnsweredBy(trail: number, sight: Sight): boolean {
    const at = trail << SHIFT
    return (
      this.words[at + KIND] === kindOf(sight) &&
      (this.words[at + PORTS] & 0xffff) === sight.destinationPort &&
      this.isAddress(at + DESTINATION, sight.destination)
    )
  }

  /** Whether the trail's initiator has the address of the packet's source. */
  isFrom(trail: number, sight: Sight): boolean {
    return this.isAddress((trail << SHIFT) + SOURCE, sight.source)
  }

  /** Whether two trails have the same responder, address and port. */
  sameResponder(a: number, b: number): boolean {
    const one = a << SHIFT
    const other = b << SHIFT
    return (
      (this.words[one + PORTS] & 0xffff) === (this.words[other + PORTS] & 0xffff) &&
      sameWords(this.words, one + DESTINATION, other + DESTINATION)
    )
  }

  /** Whether two trails have the same port at their initiators. */
  isPortShared(a: number, b: number): boolean {
    return this.get(a, PORTS) >>> 16 === this.get(b, PORTS) >>> 16
  }

  /** Whether the port of the first sender is the lower one, as a server's is that answers what was not seen. */
  hasLowerPort(trail: number): boolean {
    const ports = this.get(trail, PORTS)
    return ports >>> 16 < (ports & 0xffff)
  }

  /** Whether a flow goes from an address to itself. */
  isToItself(trail: number): boolean {
    return sameWords(this.words, (trail << SHIFT) + SOURCE, (trail << SHIFT) + DESTINATION)
  }

  initiator(trail: number): string {
    return this.endpoint(trail, SOURCE, this.get(trail, PORTS) >>> 16)
  }

  responder(trail: number): string {
    return this.endpoint(trail, DESTINATION, this.get(trail, PORTS) & 0xffff)
  }

  private endpoint(trail: number, which: number, port: number): string {
    const at = (trail << SHIFT) + which
    const { words } = this
    if (words[(trail << SHIFT) + KIND] >> 8 === 4) return `${formatIpv4(words[at])}:${port}`
    return `[${formatIpv6(words[at], words[at + 1], words[at + 2], words[at + 3])}]:${port}`
  }

  private isTuple(at: number, source: Int32Array, destination: Int32Array): boolean {
    return this.isAddress(at + SOURCE, source) && this.isAddress(at + DESTINATION, destination)
  }

  private isAddress(at: number, address: Int32Array): boolean {
    const { words } = this
    return (
      words[at] === address[0] &&
      words[at + 1] === address[1] &&
      words[at + 2] === address[2] &&
      words[at + 3] === address[3]
    )
  }

  /** A free slot; when there is none, one that has not been used lately (a clock with one hand). */
  private takeSlot(): number {
    if (this.count < MOST_TRAILS) return this.count++
    for (let i = 0; i < 64 && this.has(this.hand, TRAIL_RECENT); i++) {
      this.words[(this.hand << SHIFT) + FLAGS] &= ~TRAIL_RECENT
      this.hand = (this.hand + 1) & (MOST_TRAILS - 1)
    }
    const slot = this.hand
    this.hand = (this.hand + 1) & (MOST_TRAILS - 1)
    this.unlink(slot)
    return slot
  }

  private unlink(slot: number): void {
    const at = slot << SHIFT
    const { words } = this
    const tuple = pairHash(words, at + SOURCE, words, at + DESTINATION, words[at + PORTS], words[at + POINT])
    cut(words, this.tupleHeads, tuple, slot)
    // one sender may have opened very many: a scan from a fixed port
    const next = words[at + SENDER_NEXT]
    const previous = words[at + SENDER_PREVIOUS]
    if (next >= 0) words[(next << SHIFT) + SENDER_PREVIOUS] = previous
    if (previous >= 0) words[(previous << SHIFT) + SENDER_NEXT] = next
    else this.senderHeads[senderHash(words, at + SOURCE, words[at + PORTS] >>> 16)] = next
  }
}

function cut(words: Int32Array, heads: Int32Array, head: number, slot: number): void {
  const after = words[(slot << SHIFT) + TUPLE_NEXT]
  let at = heads[head]
  if (at === slot) {
    heads[head] = after
    return
  }
  while (at >= 0 && words[(at << SHIFT) + TUPLE_NEXT] !== slot) at = words[(at << SHIFT) + TUPLE_NEXT]
  if (at >= 0) words[(at << SHIFT) + TUPLE_NEXT] = after
}

const kindOf = (sight: Sight): number => (sight.family << 8) | sight.protocol

function tupleHash(sight: Sight): number {
  const ports = (sight.sourcePort << 16) | sight.destinationPort
  return pairHash(sight.source, 0, sight.destination, 0, ports, sight.point)
}

const senderHash = (words: Int32Array, at: number, port: number): number => endHash(words, at, port) >>> 16

function sameWords(words: Int32Array, a: number, b: number): boolean {
  return (
    words[a] === words[b] &&
    words[a + 1] === words[b + 1] &&
    words[a + 2] === words[b + 2] &&
    words[a + 3] === words[b + 3]
  )
}
