// An engine whose table is known to have held entries when the capture began.

import { IPPROTO_SCTP, IPPROTO_TCP, TCP_RST } from '../net/numbers.ts'
import type { Packet } from '../packet/packet.ts'
import { SCTP_HEADER_LENGTH, verificationTag } from '../packet/sctp.ts'
import { Engine } from './engine.ts'
import { BEFORE_CAPTURE, describeKnown, isKnown, jiffiesLeft, type KnownEntry } from './known-entry.ts'
import type { Translation } from './nat.ts'
import { occupancyClass } from './occupancy-class.ts'
import { CHUNK_ABORT, CHUNK_INIT, CHUNK_SHUTDOWN_COMPLETE } from './proto/sctp-table.ts'
import { IPS_DST_NAT, IPS_SRC_NAT } from './status.ts'
import { ENTRY_SHIFT, LAST_TIME, PROTO, STATE, STATUS, TIMEOUT } from './table-layout.ts'
import { hashTuple, invertTuple, Tuple, ZONE_SHIFT } from './tuple.ts'

/** Sides of a translation that packets are seen on. */
const FRONT = 1
const BEHIND = 4

/** By how many seconds an entry of an occupancy class would have had more left with these sysctls than with the node's. */
export type TimeoutShift = (occupancy: number) => number

/** Pairs of zones in which a packet is looked for, at most. */
const MOST_ZONE_FLIPS = 16

/**
 * Packets find a known entry also by the tuple they have behind its translation: a capture of the outer side alone shows
 * nothing else. A RST only where that direction of the flow is seen behind the translation and not in front of it: an
 * answer that went astray untranslated is reset by the client, with an address that only looks translated.
 */
export class KnownEngine extends Engine {
  /** Key of the known entry that the packet tracked last has met, or -1, and the TCP or SCTP state it was in before. */
  met = -1
  metState = 0
  /** Known entries in the table at the start, and how many were left out because their tuples were there already. */
  known = 0
  duplicates = 0

  private readonly inverse = new Tuple()
  private packet: Packet | null = null
  private translation: Translation | null = null
  /** Bits of each known entry: which of its directions were seen in front of the translation (1, 2), and behind (4, 8). */
  private sides = new Uint8Array(0)
  /** Bits by which the kinds of both keys differ, of known entries whose directions are of two zones. */
  private readonly zoneFlips: number[] = []

  /** To be called before the first packet. */
  load(entries: readonly KnownEntry[], shift: TimeoutShift | null = null): void {
    this.sides = new Uint8Array(this.table.top + entries.length)
    for (const entry of entries) this.insert(entry, shift)
  }

  override track(packet: Packet, translation: Translation | null = null): number {
    this.met = -1
    this.packet = packet
    this.translation = translation
    this.context.behind = false
    return super.track(packet, translation)
  }

  protected override find(tuple: Tuple): number {
    let key = super.find(tuple)
    // whether an entry is one of them stands in a cache line that no packet needs otherwise
    if (this.known === 0) return key
    if (key < 0) key = this.findBehind(tuple)
    if (key < 0 || this.met >= 0 || !isKnown(this.table, key >> 1)) return key
    this.sides[key >> 1] |= (this.context.behind ? BEHIND : FRONT) << (key & 1)
    this.met = key
    this.metState = this.table.state(key >> 1)
    if (this.packet?.protocol === IPPROTO_SCTP) this.learnTag(key, this.packet)
    return key
  }

  /** The key whose packets have `tuple` when they are translated, wholly or in part: the other key's inverse. */
  private findBehind(tuple: Tuple): number {
    const { inverse, translation } = this
    if (!invertTuple(tuple, inverse)) return -1
    translation?.apply(inverse)
    // what was seen behind a translation says nothing of the zone
    inverse.kind = tuple.kind
    let key = this.translatedKey(0)
    if (key < 0) key = this.translatedInTwoZones()
    if (key < 0 || (translation === null && !this.mayBeBehind(key))) return -1
    this.context.behind = true
    return key
  }

  /**
   * Of an entry whose directions are of two zones: the packet's zone is that of its direction. Networks may have the same
   * addresses: then it is the one of which the other side was seen in front of the translation, or none.
   */
  private translatedInTwoZones(): number {
    let found = -1
    let count = 0
    let seen = -1
    let seenCount = 0
    for (const flip of this.zoneFlips) {
      const key = this.translatedKey(flip)
      if (key < 0) continue
      found = key
      count++
      if (((this.sides[key >> 1] >> ((key & 1) ^ 1)) & FRONT) === 0) continue
      seen = key
      seenCount++
    }
    if (seenCount > 0) return seenCount === 1 ? seen : -1
    return count === 1 ? found : -1
  }

  /** The key whose other key is `inverse`, in a zone that differs by the bits `flip` as those of the entry do; -1: none. */
  private translatedKey(flip: number): number {
    const { inverse, table } = this
    inverse.kind ^= flip
    const other = table.find(inverse, hashTuple(inverse))
    inverse.kind ^= flip
    if (other < 0 || !isKnown(table, other >> 1)) return -1
    if ((table.status(other >> 1) & (IPS_SRC_NAT | IPS_DST_NAT)) === 0) return -1
    const own = (table.zone(other) ^ table.zone(other ^ 1)) << ZONE_SHIFT
    const isOfZones = flip === 0 || own === flip
    return isOfZones ? other ^ 1 : -1
  }

  private mayBeBehind(key: number): boolean {
    const { packet } = this
    if (packet?.protocol !== IPPROTO_TCP || (packet.tcpFlags & TCP_RST) === 0) return true
    return ((this.sides[key >> 1] >> (key & 1)) & (FRONT | BEHIND)) === BEHIND
  }

  private insert(entry: KnownEntry, shift: TimeoutShift | null): void {
    const { table, context } = this
    const { original, reply } = entry
    if (!entry.isPartial) {
      const isThere =
        table.find(original, hashTuple(original)) >= 0 || table.find(reply, hashTuple(reply)) >= 0
      if (isThere) {
        this.duplicates++
        return
      }
    }
    const start = entry.age === null ? 0 : -entry.age * 1e9
    const ct = table.allocate(original, reply, start, 0)
    const at = ct << ENTRY_SHIFT
    table.entries[at + STATUS] = entry.status
    table.entries[at + STATE] = entry.state
    table.entryTimes[(at >> 1) + LAST_TIME] = BEFORE_CAPTURE
    describeKnown(context, ct, entry)
    const left =
      jiffiesLeft(entry, table.hz) + (shift === null ? 0 : shift(occupancyClass(table, ct)) * table.hz)
    if (left <= 0) {
      // gone by now, had the node had these sysctls
      table.free(ct)
      return
    }
    table.entries[at + TIMEOUT] = left
    this.confirm(ct)
    this.known++
    const flip = original.kind ^ reply.kind
    if (flip !== 0 && !this.zoneFlips.includes(flip) && this.zoneFlips.length < MOST_ZONE_FLIPS)
      this.zoneFlips.push(flip)
  }

  /** No listing but that of `-o save` has the tags of an association: each direction's next packet tells its own. */
  private learnTag(key: number, packet: Packet): void {
    const at = ((key >> 1) << ENTRY_SHIFT) + PROTO + (key & 1)
    if (this.table.entries[at] !== 0 || packet.transportCaptured <= SCTP_HEADER_LENGTH) return
    const chunk = packet.bytes[packet.transportOffset + SCTP_HEADER_LENGTH]
    // a tag of zero, and one that may be the peer's
    if (chunk === CHUNK_INIT || chunk === CHUNK_ABORT || chunk === CHUNK_SHUTDOWN_COMPLETE) return
    this.table.entries[at] = verificationTag(packet)
  }
}
