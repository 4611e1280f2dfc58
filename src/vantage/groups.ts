// Finds the sightings of one packet: equal fingerprints, close in time, at other places; which are copies, which a new packet.

import { IPPROTO_ICMP, IPPROTO_ICMPV6, PACKET_OUTGOING } from '../net/numbers.ts'
import { isIcmpError } from '../packet/icmp.ts'
import { hidesInterfaces } from './record/place.ts'
import {
  CHAIN_NEXT,
  DESTINATION,
  DESTINATION_MAC,
  FIRST_HASH,
  GROUP,
  HOP,
  KIND,
  LAST_SIGHTING,
  LINK_TYPE,
  MOST_RECORDS,
  NEXT_SIGHTING,
  ORIGINAL_LENGTH,
  PLACE,
  POINT,
  PORTS,
  RECORD_IDENTIFIED,
  RECORD_SHIFT,
  RECORD_WEAK,
  type RecordRing,
  SECOND_HASH,
  SIGHTINGS,
  SOURCE,
  SOURCE_MAC,
  STATE,
} from './record/record-ring.ts'
import type { Stations } from './record/stations.ts'

const HEADS = 1 << 14
const NONE = -1
const OUT = -2

/** How the sightings of a group and a new record go together. */
const STRANGERS = 0
/** Another tuple at another place that has neither end in common, by nothing but payload and its way. */
const TRANSLATED_TWICE = 1
/** Another tuple at another place. */
const TRANSLATED = 2
/** The same tuple at another place, or the frame twice. */
const COPY = 3
/** Added where the group's first sighting was a short time ago. */
const FRESH = 3

/** How far apart a mirror port's two copies of a frame are at most, in nanoseconds. */
export const TWICE_TIME = 1e6
/** How soon a packet that nothing but payload identifies must have been translated. */
const WEAK_TIME = 5e6

/** Equals that are looked at: a flood of them must not cost more with each. */
const MOST_STEPS = 64

export class Groups {
  private readonly ring: RecordRing
  private readonly heads = new Int32Array(HEADS).fill(NONE)
  /** The group before one in its chain, NONE for the first, OUT where it is in none: equal packets may be very many. */
  private readonly previous = new Int32Array(MOST_RECORDS).fill(OUT)
  private readonly stations: Stations
  private readonly joinTime: number
  private readonly lateTime: number

  /**
   * @param stations learn what sightings tell of them
   * @param joinTime how long after its first sighting a packet may be seen again, in nanoseconds
   * @param lateTime the same for a packet with an IP ID, which no other packet is taken for
   */
  constructor(ring: RecordRing, stations: Stations, joinTime: number, lateTime: number) {
    this.ring = ring
    this.stations = stations
    this.joinTime = joinTime
    this.lateTime = lateTime
  }

  /** The first record of the group that `slot` joins, or `slot` itself, which then is a group of its own. */
  join(slot: number): number {
    const group = this.find(slot)
    if (group < 0) {
      this.link(slot)
      return slot
    }
    this.append(slot, group)
    return group
  }

  /** Makes a record that is a group of its own a sighting of another, -1: of none that is still there; returns that. */
  adopt(slot: number, group: number): number {
    if (group === slot) return slot
    this.unlink(slot)
    if (group < 0) this.ring.words[(slot << RECORD_SHIFT) + GROUP] = -1
    else this.append(slot, group)
    return group
  }

  private append(slot: number, group: number): void {
    const { words } = this.ring
    const at = group << RECORD_SHIFT
    words[(slot << RECORD_SHIFT) + GROUP] = group
    this.stations.learn(this.ring, words[at + LAST_SIGHTING], slot)
    words[(words[at + LAST_SIGHTING] << RECORD_SHIFT) + NEXT_SIGHTING] = slot
    words[at + LAST_SIGHTING] = slot
    words[at + SIGHTINGS]++
  }

  /** Lets a group go before one of its records does: its packet finds no more sightings. */
  dissolve(group: number): void {
    this.unlink(group)
    const { words } = this.ring
    for (let slot = group; slot >= 0; slot = words[(slot << RECORD_SHIFT) + NEXT_SIGHTING]) {
      words[(slot << RECORD_SHIFT) + GROUP] = -1
    }
  }

  private unlink(slot: number): void {
    const { previous } = this
    const { words } = this.ring
    const next = words[(slot << RECORD_SHIFT) + CHAIN_NEXT]
    const before = previous[slot]
    if (before === OUT) return
    previous[slot] = OUT
    if (next >= 0) previous[next] = before
    if (before >= 0) words[(before << RECORD_SHIFT) + CHAIN_NEXT] = next
    else this.heads[words[(slot << RECORD_SHIFT) + FIRST_HASH] & (HEADS - 1)] = next
  }

  private link(slot: number): void {
    const { previous, heads } = this
    const { words } = this.ring
    const head = words[(slot << RECORD_SHIFT) + FIRST_HASH] & (HEADS - 1)
    const next = heads[head]
    words[(slot << RECORD_SHIFT) + CHAIN_NEXT] = next
    previous[slot] = NONE
    if (next >= 0) previous[next] = slot
    heads[head] = slot
  }

  /**
   * The group of the packet that `slot` shows, or -1: the oldest that has its tuple, else the oldest that may have been
   * translated into it; those that have not waited long before those that have.
   */
  private find(slot: number): number {
    const { words, times } = this.ring
    const own = slot << RECORD_SHIFT
    const first = words[own + FIRST_HASH]
    const second = words[own + SECOND_HASH]
    const mayBeLate = (words[own + STATE] & RECORD_IDENTIFIED) !== 0
    let found = -1
    let best = STRANGERS
    let group = this.heads[first & (HEADS - 1)]
    for (let steps = 0; group >= 0 && steps < MOST_STEPS; steps++) {
      const at = group << RECORD_SHIFT
      const age = times[slot] - times[group]
      const isFresh = age <= this.joinTime
      if (words[at + FIRST_HASH] === first && words[at + SECOND_HASH] === second) {
        if (isFresh || (mayBeLate && age <= this.lateTime)) {
          const relation = this.relate(group, slot)
          const rank = relation === STRANGERS ? STRANGERS : relation + (isFresh ? FRESH : 0)
          if (rank >= best && rank !== STRANGERS) {
            best = rank
            found = group
          }
        }
      }
      group = words[at + CHAIN_NEXT]
    }
    return found
  }

  private relate(group: number, slot: number): number {
    const { ring } = this
    const { words } = ring
    const own = slot << RECORD_SHIFT
    let relation = TRANSLATED
    for (let other = group; other >= 0; other = words[(other << RECORD_SHIFT) + NEXT_SIGHTING]) {
      const samePlace = words[(other << RECORD_SHIFT) + PLACE] === words[own + PLACE]
      const sameTuple = ring.sameTuple(other, slot)
      // a mirror port shows a frame twice at once; whatever comes later at the same place was sent again
      if (samePlace) return sameTuple && this.isTwice(other, slot) ? COPY : STRANGERS
      if (sameTuple) relation = COPY
    }
    if (relation === COPY) return COPY
    const translated = this.translated(group, slot)
    return translated !== STRANGERS && this.isOfThisHost(group, slot) ? translated : STRANGERS
  }

  /**
   * Whether a translation that a new record shows may be this host's. One that left by a point and comes in there again
   * was translated by the station it went to; one that two routers have passed on has been elsewhere; what goes the other
   * way at the same point, no farther from its sender, is another packet; and so is what leaves for another destination
   * than what has left, for that is decided before: two resets without numbers look alike.
   */
  private isOfThisHost(group: number, slot: number): boolean {
    const { words } = this.ring
    const own = slot << RECORD_SHIFT
    const ttl = words[own + HOP] & 0xff
    let hops = 0xff
    let isOnlyLeaving = leaves(words[own + HOP])
    for (let other = group; other >= 0; other = words[(other << RECORD_SHIFT) + NEXT_SIGHTING]) {
      const at = other << RECORD_SHIFT
      const itsTtl = words[at + HOP] & 0xff
      hops = Math.min(hops, Math.abs(itsTtl - ttl))
      isOnlyLeaving &&= leaves(words[at + HOP])
      if (words[at + POINT] === words[own + POINT] && itsTtl === ttl && !this.isElsewhere(at, own))
        return false
      if (ttl < itsTtl && this.cameBack(at, own)) return false
    }
    return hops <= 1 && (!isOnlyLeaving || this.isForSameEnd(group, slot))
  }

  /** Whether two records have one destination; the id of an echo is no part of it. */
  private isForSameEnd(a: number, b: number): boolean {
    const { ring } = this
    const { words } = ring
    const ports = words[(a << RECORD_SHIFT) + PORTS] ^ words[(b << RECORD_SHIFT) + PORTS]
    return (
      ring.sameAddress(a, b, DESTINATION) &&
      ((ports & 0xffff) === 0 || isIcmpKind(words[(b << RECORD_SHIFT) + KIND]))
    )
  }

  /** Of two records of one point and one TTL: whether the host may have passed the packet on, back to its sender. */
  private isElsewhere(at: number, own: number): boolean {
    const { words } = this.ring
    if (hidesInterfaces(words[own + LINK_TYPE])) return true
    if (((words[at + HOP] ^ words[own + HOP]) & ~0xff) !== 0) return true
    const sender = words[at + SOURCE_MAC]
    return sender !== 0 && words[own + SOURCE_MAC] === sender && words[own + DESTINATION_MAC] === sender
  }

  /** Whether the station that a packet was sent to sent it back to the host. */
  private cameBack(at: number, own: number): boolean {
    const { words } = this.ring
    const packetType = ((words[own + HOP] >> 8) & 0xff) - 1
    if (packetType >= 0)
      return packetType !== PACKET_OUTGOING && ((words[at + HOP] >> 8) & 0xff) - 1 === PACKET_OUTGOING
    const host = words[at + SOURCE_MAC]
    if (words[at + POINT] !== words[own + POINT] || words[own + DESTINATION_MAC] !== host) return false
    return this.stations.isHost(host)
  }

  /** Where interfaces are not told apart a packet is seen twice at one place without a mirror port, too. */
  private isTwice(earlier: number, slot: number): boolean {
    const { words, times } = this.ring
    const at = slot << RECORD_SHIFT
    const mayBe = (words[at + STATE] & RECORD_IDENTIFIED) !== 0 || hidesInterfaces(words[at + LINK_TYPE])
    // what may be rewritten is told apart by less
    const isAsLong = words[at + ORIGINAL_LENGTH] === words[(earlier << RECORD_SHIFT) + ORIGINAL_LENGTH]
    return mayBe && isAsLong && times[slot] - times[earlier] <= TWICE_TIME
  }

  /**
   * One query to two servers looks like one that was translated, where nothing but payload tells packets apart. Those
   * must have one end in common, and the later one has been routed at once, or bridged on under the sender's address; by
   * a bridge that asks for the address of its new destination under the host's, where the sender is the same. Without an
   * end in common a packet must be seen to come in and leave one hop older: a proxy sends with a fresh TTL.
   * Errors of routers in a row, about probes alike, never count.
   * @returns TRANSLATED, TRANSLATED_TWICE or STRANGERS
   */
  private translated(group: number, slot: number): number {
    const { ring } = this
    const { words } = ring
    const at = group << RECORD_SHIFT
    const own = slot << RECORD_SHIFT
    if ((words[own + STATE] & RECORD_WEAK) === 0) return TRANSLATED
    const { times } = ring
    if (times[slot] - times[group] > WEAK_TIME || isIcmpError(words[own + KIND] & 0xff, words[own + PORTS])) {
      return STRANGERS
    }
    // the id of an echo may be translated at either end
    const ports = isIcmpKind(words[own + KIND]) ? 0 : words[at + PORTS] ^ words[own + PORTS]
    const sameSource = ports >>> 16 === 0 && ring.sameAddress(group, slot, SOURCE)
    const sameDestination = (ports & 0xffff) === 0 && ring.sameAddress(group, slot, DESTINATION)
    const ttl = words[own + HOP] & 0xff
    const itsTtl = words[at + HOP] & 0xff
    const wasBridged = words[own + SOURCE_MAC] !== 0 && words[own + SOURCE_MAC] === words[at + SOURCE_MAC]
    if ((ttl < itsTtl || wasBridged) && (sameSource || sameDestination)) return TRANSLATED
    if (!leaves(words[own + HOP]) || !comesIn(words[at + HOP])) return STRANGERS
    if (sameSource) return TRANSLATED
    return ttl === itsTtl - 1 && !isFirstTtl(ttl) ? TRANSLATED_TWICE : STRANGERS
  }
}

/** By the packet type of a cooked capture, which stands behind the TTL, one more than it is. */
function leaves(hop: number): boolean {
  return ((hop >> 8) & 0xff) - 1 === PACKET_OUTGOING
}

function comesIn(hop: number): boolean {
  return ((hop >> 8) & 0xff) !== 0 && !leaves(hop)
}

/** Whether hosts send with that TTL, or hop limit. */
function isFirstTtl(ttl: number): boolean {
  return ttl === 32 || ttl === 64 || ttl === 128 || ttl === 255
}

function isIcmpKind(kind: number): boolean {
  const protocol = kind & 0xff
  return protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6
}
