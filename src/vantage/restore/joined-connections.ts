// Connections whose handshake was seen on several stretches of its way: what their packets were in front of conntrack's first hook.
import { TCP_ACK, TCP_RST, TCP_SYN } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'
import {
  hashOfTuple,
  isSameEnd,
  isSameTuple,
  readTuple,
  TUPLE_WORDS,
  writeInverse,
  writeTuple,
} from '../record/seen-tuple.ts'

/** Connections that are remembered; a newer one takes the place of the oldest. */
const MOST = 1 << 13
const SHIFT = 5
/** The tuple that requests have in front of the first hook, and the one that answers have there. */
const ORIGINAL = 0
const REPLY = TUPLE_WORDS
/** FLAG_*, and the client's initial sequence number. */
const FLAGS = 18
const SEQUENCE = 19
/** What the backend's last untranslated segment acknowledged. */
const BARE_ACKNOWLEDGMENT = 20
/** Counts the connections that had this record: views of another are none of this one. */
const GENERATION = 21

const FLAG_LIVE = 1
/** Only half of the handshake is known, and that too late: what its packets were cannot be told. */
const FLAG_ONE_SIDED = 2
const FLAG_SAW_BARE = 4

/** Views of connections: tuples that places show their packets with. Each has one of a few neighbouring records. */
const MOST_VIEWS = 1 << 15
const VIEW_SHIFT = 4
const ROOM = 4
const PLACE = TUPLE_WORDS
const OWNER = 10
const OWNER_GENERATION = 11
const ROLE = 12

/** What a view shows. */
export const REQUEST = 0
export const ANSWER = 1
/** An answer as the backend sent it, where answers are otherwise seen translated. */
export const BARE_ANSWER = 2

/** What `restore` says of a packet. */
export const NOT_JOINED = 0
export const RESTORED_REQUEST = 1
export const RESTORED_ANSWER = 2
export const ONE_SIDED_PACKET = 3

export class JoinedConnections {
  /** Connections that were put in, and those among them whose packets are given their addresses. */
  count = 0
  joined = 0
  /** Made when there is a connection to put in. */
  private records = new Int32Array(0)
  private views = new Int32Array(0)
  private next = 0
  private oldestOf = 0
  /** The tuple that is looked for. */
  private readonly seen = new Int32Array(TUPLE_WORDS)

  /**
   * Takes a connection in, or what is known of it by now.
   * @param known its record if it was put in before, -1: it was not
   * @param words has both tuples, of packets in front of the first hook, at `original` and `reply`
   * @returns its record
   */
  put(
    known: number,
    words: Int32Array,
    original: number,
    reply: number,
    sequence: number,
    isOneSided: boolean,
  ): number {
    if (this.records.length === 0) {
      this.records = new Int32Array(MOST << SHIFT)
      this.views = new Int32Array(MOST_VIEWS << VIEW_SHIFT)
    }
    const { records } = this
    const at = known >= 0 ? known : this.next << SHIFT
    if (known < 0) {
      this.next = (this.next + 1) & (MOST - 1)
      this.count++
      if (!isOneSided) this.joined++
      records[at + GENERATION] = (records[at + GENERATION] + 1) | 0
      records[at + FLAGS] = 0
    }
    for (let word = 0; word < TUPLE_WORDS; word++) {
      records[at + ORIGINAL + word] = words[original + word]
      records[at + REPLY + word] = words[reply + word]
    }
    records[at + SEQUENCE] = sequence
    records[at + FLAGS] |= FLAG_LIVE | (isOneSided ? FLAG_ONE_SIDED : 0)
    return at
  }

  /** Whether `put` would still find at `record` the connection that began with this sequence number. */
  holds(record: number, sequence: number): boolean {
    const { records } = this
    return (records[record + FLAGS] & FLAG_LIVE) !== 0 && records[record + SEQUENCE] === sequence
  }

  /** Adds a view: the tuple at `at` of `words`, seen at `place`, belongs to the connection of `record`. */
  addView(record: number, role: number, place: number, words: Int32Array, at: number): void {
    const { views, records } = this
    const first = this.placeOf(words, at, place)
    let free = -1
    for (let i = 0; i < ROOM; i++) {
      const view = first + (i << VIEW_SHIFT)
      if (views[view + PLACE] === place && isSameTuple(views, view, words, at)) {
        free = view
        break
      }
      if (free < 0 && !this.isLive(view)) free = view
    }
    if (free < 0) {
      this.oldestOf = (this.oldestOf + 1) & (ROOM - 1)
      free = first + (this.oldestOf << VIEW_SHIFT)
    }
    for (let word = 0; word < TUPLE_WORDS; word++) views[free + word] = words[at + word]
    views[free + PLACE] = place
    views[free + OWNER] = record
    views[free + OWNER_GENERATION] = records[record + GENERATION]
    views[free + ROLE] = role
  }

  /** Adds the answer of the backend itself, at a place that shows it translated. */
  addBareAnswer(record: number, place: number): void {
    this.addView(record, BARE_ANSWER, place, this.records, record + REPLY)
  }

  /** The view of the packet's tuple at `place`, or -1; a connection ends where another begins with the same tuple. */
  find(packet: Packet, place: number): number {
    const { views, seen } = this
    writeTuple(seen, 0, packet)
    const first = this.placeOf(seen, 0, place)
    for (let i = 0; i < ROOM; i++) {
      const view = first + (i << VIEW_SHIFT)
      if (views[view + PLACE] !== place || !isSameTuple(views, view, seen, 0)) continue
      return this.isLive(view) ? view : -1
    }
    return -1
  }

  /** Whether two views are of packets of one direction of one connection. */
  isSameWay(a: number, b: number): boolean {
    const { views } = this
    return views[a + OWNER] === views[b + OWNER] && views[a + ROLE] === views[b + ROLE]
  }

  /**
   * Gives a packet that was seen with a view's tuple the one it had in front of the first hook; NOT_JOINED: it stays.
   * @param behind gets the tuple that it left with
   */
  restore(view: number, packet: Packet, behind: Int32Array): number {
    const { records, views } = this
    const at = views[view + OWNER]
    const isSyn = (packet.tcpFlags & TCP_SYN) !== 0
    const begins = isSyn && (packet.tcpFlags & TCP_ACK) === 0
    if (begins && packet.sequence !== records[at + SEQUENCE]) {
      records[at + FLAGS] &= ~FLAG_LIVE
      return NOT_JOINED
    }
    if ((records[at + FLAGS] & FLAG_ONE_SIDED) !== 0) return ONE_SIDED_PACKET
    switch (views[view + ROLE]) {
      case REQUEST:
        if (this.resetsBare(at, packet)) return NOT_JOINED
        readTuple(records, at + ORIGINAL, packet)
        writeInverse(behind, 0, records, at + REPLY)
        return RESTORED_REQUEST
      case ANSWER:
        if (isSyn && packet.acknowledgment !== ((records[at + SEQUENCE] + 1) | 0)) return NOT_JOINED
        readTuple(records, at + REPLY, packet)
        writeInverse(behind, 0, records, at + ORIGINAL)
        return RESTORED_ANSWER
      default:
        return NOT_JOINED
    }
  }

  /** Takes in a packet that has a view's tuple, for a reset that may follow if it is an answer as the backend sent it. */
  noteBare(view: number, packet: Packet): void {
    const { records, views } = this
    if (views[view + ROLE] !== BARE_ANSWER) return
    const at = views[view + OWNER]
    records[at + FLAGS] |= FLAG_SAW_BARE
    records[at + BARE_ACKNOWLEDGMENT] = packet.acknowledgment
  }

  /** Whether the source, or else the destination, of the last restored packet changes on its way. */
  changes(view: number, isDestination: boolean): boolean {
    const { records, views } = this
    const at = views[view + OWNER]
    // a request's source is what its answers go to
    const isClient = (views[view + ROLE] === REQUEST) !== isDestination
    return !isSameEnd(records, at + ORIGINAL, !isClient, records, at + REPLY, isClient)
  }

  /** Whether the client resets what came untranslated: that it sends to the backend itself, past the translation. */
  private resetsBare(at: number, packet: Packet): boolean {
    const { records } = this
    if ((packet.tcpFlags & (TCP_RST | TCP_ACK)) !== TCP_RST) return false
    return (
      (records[at + FLAGS] & FLAG_SAW_BARE) !== 0 && records[at + BARE_ACKNOWLEDGMENT] === packet.sequence
    )
  }

  private isLive(view: number): boolean {
    const { views, records } = this
    const at = views[view + OWNER]
    return (
      views[view + OWNER_GENERATION] === records[at + GENERATION] && (records[at + FLAGS] & FLAG_LIVE) !== 0
    )
  }

  private placeOf(words: Int32Array, at: number, place: number): number {
    const hash = hashOfTuple(words, at, place)
    return ((hash & (MOST_VIEWS / ROOM - 1)) * ROOM) << VIEW_SHIFT
  }
}
