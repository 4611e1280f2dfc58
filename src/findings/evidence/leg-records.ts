// The words of legs (leg-layout.ts) behind names: what each observation point saw of a connection.

import type { Endpoint } from '../../host/knowledge.ts'
import { IPPROTO_TCP } from '../../net/numbers.ts'
import { RecordPool } from '../../net/record-pool.ts'
import type { Packet } from '../../packet/packet.ts'
import {
  COLD_WORDS,
  DESTINATION,
  ENTRY,
  FLAGS,
  KIND,
  LEG_DNS,
  LEG_FIN,
  LEG_FIN_BACK,
  LEG_OPEN,
  LEG_ORIGINAL_ENDS,
  LEG_SYN,
  LEG_SYN_ACK,
  LEG_TURNED,
  LEG_WORDS,
  OPENING_COUNTS,
  OPENING_TTLS,
  POINT,
  PORTS,
  RARE,
  RARE_WORDS,
  REPLY_SIDE,
  SCALES,
  SERIAL,
  SIDE,
  SOURCE,
  START,
  TIME,
  WIDE,
} from './leg-layout.ts'
import type { Observation } from './observation.ts'

const WIDE_WORDS = 8
const MOST_COUNTED = 0xffff

/** A leg is an integer; its memory grows where it stands, and a leg that is given back is used again. */
export class LegRecords {
  protected readonly pool = new RecordPool(LEG_WORDS)
  /** Allocated and freed with `pool`, so that the two records of a leg have one number. */
  protected readonly cold = new RecordPool(COLD_WORDS)
  protected readonly rarePool = new RecordPool(RARE_WORDS)
  protected readonly widePool = new RecordPool(WIDE_WORDS)

  /** Legs in use. */
  get count(): number {
    return this.pool.count
  }

  get(leg: number, word: number): number {
    return word < LEG_WORDS ? this.pool.get(leg, word) : this.cold.get(leg, word - LEG_WORDS)
  }

  set(leg: number, word: number, value: number): void {
    if (word < LEG_WORDS) this.pool.set(leg, word, value)
    else this.cold.set(leg, word - LEG_WORDS, value)
  }

  has(leg: number, flags: number): boolean {
    return (this.pool.get(leg, FLAGS) & flags) !== 0
  }

  /** Whether a connection was opened, of TCP to the end, without anything rare about it; one with DNS is never taken for one. */
  isSound(leg: number): boolean {
    const words = this.pool.memory
    const at = this.pool.at(leg)
    const flags = words[at + FLAGS]
    return (
      (flags & (LEG_SYN | LEG_SYN_ACK | LEG_DNS)) === (LEG_SYN | LEG_SYN_ACK) &&
      words[at + RARE] === 0 &&
      ((flags & LEG_OPEN) !== 0 || this.protocol(leg) !== IPPROTO_TCP)
    )
  }

  mark(leg: number, flags: number): void {
    this.pool.set(leg, FLAGS, this.pool.get(leg, FLAGS) | flags)
  }

  /** When the last packet was seen. */
  time(leg: number): number {
    return this.pool.getDouble(leg, TIME)
  }

  /** A packet of the leg was seen. It is handed over whole: a time as an argument would be boxed. */
  noteTime(leg: number, seen: Observation): void {
    this.pool.setDouble(leg, TIME, seen.time)
  }

  /** The same of a packet that nobody looks at more closely. */
  noteTimeOf(leg: number, packet: Packet): void {
    this.pool.setDouble(leg, TIME, packet.time)
  }

  /** When the first packet was seen. */
  start(leg: number): number {
    return this.pool.getDouble(leg, START)
  }

  setStart(leg: number, time: number): void {
    this.pool.setDouble(leg, START, time)
  }

  /** Word `word` of a side: 0 the initiator's, 1 the responder's. */
  side(leg: number, direction: number, word: number): number {
    return this.pool.get(leg, (direction === 0 ? SIDE : REPLY_SIDE) + word)
  }

  setSide(leg: number, direction: number, word: number, value: number): void {
    this.pool.set(leg, (direction === 0 ? SIDE : REPLY_SIDE) + word, value)
  }

  scale(leg: number, direction: number): number {
    return (this.pool.get(leg, SCALES) >> (direction << 3)) & 0xff
  }

  setScale(leg: number, direction: number, scale: number): void {
    this.setByte(leg, SCALES, direction, scale)
  }

  /** TTL of a side's opening, or of the segment it was picked up with; 0 before. */
  ttl(leg: number, direction: number): number {
    return (this.pool.get(leg, SCALES) >>> (16 + (direction << 3))) & 0xff
  }

  setTtl(leg: number, direction: number, ttl: number): void {
    this.setByte(leg, SCALES, 2 + direction, ttl)
  }

  /** TTL of the SYN (direction 0) or the SYN-ACK (1); of UDP of a side's first datagram. */
  openingTtl(leg: number, direction: number): number {
    return (this.pool.get(leg, OPENING_TTLS) >> (direction << 3)) & 0xff
  }

  setOpeningTtl(leg: number, direction: number, ttl: number): void {
    this.setByte(leg, OPENING_TTLS, direction, ttl)
  }

  /** VLAN that the first packet came in, -1 for none. */
  openingVlan(leg: number): number {
    return (this.pool.get(leg, OPENING_TTLS) >>> 16) - 1
  }

  setOpeningVlan(leg: number, vlan: number): void {
    const { pool } = this
    pool.set(leg, OPENING_TTLS, (pool.get(leg, OPENING_TTLS) & 0xffff) | ((vlan + 1) << 16))
  }

  /** SYNs (direction 0) or SYN-ACKs (1) seen. */
  openings(leg: number, direction: number): number {
    return (this.pool.get(leg, OPENING_COUNTS) >>> (direction << 4)) & MOST_COUNTED
  }

  countOpening(leg: number, direction: number): void {
    if (this.openings(leg, direction) === MOST_COUNTED) return
    this.pool.set(leg, OPENING_COUNTS, (this.pool.get(leg, OPENING_COUNTS) + (1 << (direction << 4))) | 0)
  }

  /** A word of what few legs have; 0 where it was never set. */
  rare(leg: number, word: number): number {
    const record = this.pool.get(leg, RARE)
    return record === 0 ? 0 : this.rarePool.get(record - 1, word)
  }

  setRare(leg: number, word: number, value: number): void {
    let record = this.pool.get(leg, RARE)
    if (record === 0) {
      if (value === 0) return
      record = this.rarePool.allocate() + 1
      this.pool.set(leg, RARE, record)
    }
    this.rarePool.set(record - 1, word, value)
  }

  serial(leg: number): number {
    return this.get(leg, SERIAL)
  }

  point(leg: number): number {
    return this.pool.get(leg, POINT)
  }

  capture(leg: number): number {
    return this.pool.get(leg, KIND) >>> 16
  }

  family(leg: number): number {
    return (this.pool.get(leg, KIND) >> 8) & 0xff
  }

  protocol(leg: number): number {
    return this.pool.get(leg, KIND) & 0xff
  }

  /** The entry that a leg belongs to; -1 for a stray. */
  entry(leg: number): number {
    return this.pool.get(leg, ENTRY)
  }

  /** The memory of legs, and where in it one stands: for what is done to every packet. open() may replace it. */
  get memory(): Int32Array {
    return this.pool.memory
  }

  at(leg: number): number {
    return this.pool.at(leg)
  }

  /** Whether two legs have the same responder, address and port. */
  sameResponder(a: number, b: number): boolean {
    const { pool } = this
    if (this.family(a) !== this.family(b)) return false
    if ((pool.get(a, PORTS) & 0xffff) !== (pool.get(b, PORTS) & 0xffff)) return false
    return this.sameEnd(a, DESTINATION, b, DESTINATION)
  }

  /** Whether two legs have the same initiator, address and port. */
  sameInitiator(a: number, b: number): boolean {
    return this.isPortShared(a, b) && this.sameInitiatorAddress(a, b)
  }

  /** Whether the initiators of two legs have one address. */
  sameInitiatorAddress(a: number, b: number): boolean {
    return this.family(a) === this.family(b) && this.sameEnd(a, SOURCE, b, SOURCE)
  }

  /** Whether two legs have the same port at their initiators. */
  isPortShared(a: number, b: number): boolean {
    return this.pool.get(a, PORTS) >>> 16 === this.pool.get(b, PORTS) >>> 16
  }

  /** Whether the initiator's port is the lower one, as a server's is that answers what was not seen. */
  hasLowerPort(leg: number): boolean {
    const ports = this.pool.get(leg, PORTS)
    return ports >>> 16 < (ports & 0xffff)
  }

  /** Whether a flow goes from an address to itself. */
  isToItself(leg: number): boolean {
    return this.sameEnd(leg, SOURCE, leg, DESTINATION)
  }

  /** Address and port of who opened the leg. */
  initiatorEnd(leg: number): Endpoint {
    return this.endpoint(leg, SOURCE, this.pool.get(leg, PORTS) >>> 16)
  }

  /** Address and port of whom the leg was opened to. */
  responderEnd(leg: number): Endpoint {
    return this.endpoint(leg, DESTINATION, this.pool.get(leg, PORTS) & 0xffff)
  }

  private endpoint(leg: number, which: number, port: number): Endpoint {
    const wide = this.wideOf(leg)
    if (wide < 0) return { family: 4, words: Int32Array.of(this.pool.get(leg, which), 0, 0, 0), port }
    const from = which === SOURCE ? 0 : 4
    return {
      family: 6,
      words: Int32Array.from({ length: 4 }, (_, i) => this.widePool.get(wide, from + i)),
      port,
    }
  }

  /** Makes the responder the initiator and the initiator the responder, of a leg without SYN and SYN-ACK. */
  protected swapSides(leg: number): void {
    const { pool } = this
    const words = pool.memory
    const at = pool.at(leg)
    for (let word = 0; word < REPLY_SIDE - SIDE; word++)
      this.swap(words, at + SIDE + word, at + REPLY_SIDE + word)
    this.swap(words, at + SOURCE, at + DESTINATION)
    const ports = words[at + PORTS]
    words[at + PORTS] = (ports << 16) | (ports >>> 16)
    const scales = words[at + SCALES]
    words[at + SCALES] = ((scales & 0x00ff00ff) << 8) | ((scales >>> 8) & 0x00ff00ff)
    const flags = words[at + FLAGS]
    const fins = ((flags & LEG_FIN) === 0 ? 0 : LEG_FIN_BACK) | ((flags & LEG_FIN_BACK) === 0 ? 0 : LEG_FIN)
    const ends = (flags & LEG_ORIGINAL_ENDS) === 0 ? 0 : LEG_TURNED
    words[at + FLAGS] = ((flags & ~(LEG_FIN | LEG_FIN_BACK)) | fins) ^ ends
    const wide = this.wideOf(leg)
    if (wide < 0) return
    const addresses = this.widePool.memory
    const from = this.widePool.at(wide)
    for (let i = 0; i < 4; i++) this.swap(addresses, from + i, from + 4 + i)
  }

  private swap(words: Int32Array, a: number, b: number): void {
    const word = words[a]
    words[a] = words[b]
    words[b] = word
  }

  private setByte(leg: number, word: number, index: number, value: number): void {
    const shift = index << 3
    this.pool.set(leg, word, (this.pool.get(leg, word) & ~(0xff << shift)) | (value << shift))
  }

  /** The record of a leg's IPv6 addresses, -1 for IPv4. */
  protected wideOf(leg: number): number {
    return this.family(leg) === 6 ? this.get(leg, WIDE) : -1
  }

  protected setWide(leg: number, source: Int32Array, destination: Int32Array): void {
    const wide = this.widePool.allocate()
    this.set(leg, WIDE, wide)
    for (let i = 0; i < 4; i++) {
      this.widePool.set(wide, i, source[i])
      this.widePool.set(wide, 4 + i, destination[i])
    }
  }

  protected isWide(leg: number, source: Int32Array, destination: Int32Array): boolean {
    const wide = this.wideOf(leg)
    return wide < 0 || (this.isWideEnd(wide, 0, source) && this.isWideEnd(wide, 4, destination))
  }

  protected isWideEnd(wide: number, from: number, address: Int32Array): boolean {
    for (let i = 0; i < 4; i++) if (this.widePool.get(wide, from + i) !== address[i]) return false
    return true
  }

  protected isAddress(leg: number, which: number, word: number, address: Int32Array): boolean {
    if (this.pool.get(leg, which) !== word) return false
    const wide = this.wideOf(leg)
    return wide < 0 || this.isWideEnd(wide, which === SOURCE ? 0 : 4, address)
  }

  protected sameEnd(a: number, ofA: number, b: number, ofB: number): boolean {
    if (this.pool.get(a, ofA) !== this.pool.get(b, ofB)) return false
    const wide = this.wideOf(a)
    const other = this.wideOf(b)
    if (wide < 0 || other < 0) return wide === other
    for (let i = 0; i < 4; i++) {
      const word = this.widePool.get(wide, (ofA === SOURCE ? 0 : 4) + i)
      if (word !== this.widePool.get(other, (ofB === SOURCE ? 0 : 4) + i)) return false
    }
    return true
  }
}
