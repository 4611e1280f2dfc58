// What places showed of TCP handshakes: the views of each SYN and of its answer, as words.
import { PACKET_OUTGOING } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'
import type { Intake } from '../record/intake.ts'
import { isSameEnd, isSameTuple, TUPLE_WORDS, writeInverse, writeTuple } from '../record/seen-tuple.ts'
import { ANSWER, REQUEST } from './joined-connections.ts'

/** Handshakes that are remembered, a power of two; a newer one takes the place of an older one. */
export const MOST_BITS = 10
export const MOST = 1 << MOST_BITS
/** Words of a handshake. */
export const SHIFT = 8
export const FLAGS = 0
/** Initial sequence numbers of the client and of the server. */
export const SEQUENCE = 1
export const ANSWER_SEQUENCE = 2
/** Its record among the joined connections, or -1. */
export const RECORD = 3
/** What is asked of it, STATUS_*. */
export const STATUS = 4
/** How many different views of the SYN there are, and of its answer. */
export const REQUESTS = 5
export const ANSWERS = 6
/** The SYN in front of the first hook, and the answer: as they were tracked, or as they are concluded. */
export const ORIGINAL = 7
export const REPLY = ORIGINAL + TUPLE_WORDS
/** Views: six of the SYN, six of the answer. */
export const MOST_VIEWS = 6
export const VIEWS = 32
export const VIEW_WORDS = 16
export const ANSWER_VIEWS = VIEWS + MOST_VIEWS * VIEW_WORDS

/** Words of a view behind its tuple. */
export const PLACE = TUPLE_WORDS
export const TTL = 10
export const CAPTURE = 11
export const SOURCE_MAC = 12
export const DESTINATION_MAC = 13
/** Fingerprint of the packet that was seen last. */
export const PRINT = 14

export const KNOWN = 1
export const IPV6 = 2
/** The SYN has been tracked: its entry cannot be changed any more. */
export const TRACKED = 4
/** It is decided what the connection is. */
export const DECIDED = 8
/** Its views do not all have one tuple, and answers its inverse. */
export const MIXED = 16

/** How a SYN goes with a handshake that has its number: of another connection, of that one, of two that nothing tells apart. */
export const SYN_OTHER = 0
export const SYN_SAME = 1
export const SYN_CLASHES = 2

/** How long a SYN is sent again, in nanoseconds. */
export const LIFETIME = 130e9

/** Handshakes with their views. Those of a packet are found by the number that its connection began with. */
export class HandshakeViews {
  readonly words = new Int32Array(MOST << SHIFT)
  readonly times = new Float64Array(MOST * 2 * MOST_VIEWS)
  private readonly seen = new Int32Array(TUPLE_WORDS)
  private readonly inverse = new Int32Array(TUPLE_WORDS)
  /** Of the packet that is looked at, with its tuple in `seen`. */
  private place = 0

  /** The handshake that began with a sequence number, or -1. */
  known(sequence: number): number {
    const { words } = this
    const at = find(sequence)
    return (words[at + FLAGS] & KNOWN) !== 0 && words[at + SEQUENCE] === sequence ? at : -1
  }

  /** Looks at a packet that the intake has read: what is asked next is about it. */
  look(packet: Packet, intake: Intake): void {
    writeTuple(this.seen, 0, packet)
    this.place = placeOf(packet, intake.point, packet.packetType)
  }

  /** Adds a view of a packet, or takes in that one was seen again. */
  addView(at: number, role: number, packet: Packet, intake: Intake, capture: number): void {
    const { words, seen, times } = this
    const { place } = this
    const which = at + (role === REQUEST ? REQUESTS : ANSWERS)
    const count = words[which]
    for (let i = 0; i < count; i++) {
      const view = viewOf(at, role, i)
      if (words[view + PLACE] !== place || !isSameTuple(words, view, seen, 0)) continue
      words[view + PRINT] = intake.print.first
      // the host's own first frame to a station it has to ask for goes under another address
      if (words[view + TTL] === packet.ttl) {
        words[view + SOURCE_MAC] = intake.sourceMac
        words[view + DESTINATION_MAC] = intake.destinationMac
      }
      return
    }
    if (count === MOST_VIEWS) return
    const view = viewOf(at, role, count)
    for (let word = 0; word < TUPLE_WORDS; word++) words[view + word] = seen[word]
    words[view + PLACE] = place
    words[view + TTL] = packet.ttl
    words[view + CAPTURE] = capture
    words[view + SOURCE_MAC] = intake.sourceMac
    words[view + DESTINATION_MAC] = intake.destinationMac
    words[view + PRINT] = intake.print.first
    times[timeOf(at, role, count)] = packet.time
    words[which] = count + 1
    if (this.isOther(at, role)) words[at + FLAGS] |= MIXED
  }

  /** Whether the packet that is looked at has another tuple than the first SYN, or as an answer not its inverse. */
  private isOther(at: number, role: number): boolean {
    const { words, seen } = this
    const first = at + VIEWS
    if (role === REQUEST) return !isSameTuple(words, first, seen, 0)
    return !isSameEnd(words, first, false, seen, 0, true) || !isSameEnd(words, first, true, seen, 0, false)
  }

  /** Whether a SYN is the one of a handshake, seen elsewhere or sent again: SYN_*. */
  relate(at: number, packet: Packet, intake: Intake): number {
    const { words, seen, times } = this
    if (this.known(packet.sequence) < 0) return SYN_OTHER
    if (((words[at + FLAGS] & IPV6) !== 0) !== (packet.family === 6)) return SYN_OTHER
    if (packet.time - times[timeOf(at, REQUEST, 0)] > LIFETIME) return SYN_OTHER
    if (this.clashes(at, REQUEST, packet, intake) || this.cameBack(at, packet, intake)) return SYN_CLASHES
    for (let i = 0; i < words[at + REQUESTS]; i++) {
      const view = viewOf(at, REQUEST, i)
      if (isSameTuple(words, view, seen, 0) || words[view + PRINT] === intake.print.first) return SYN_SAME
    }
    return SYN_OTHER
  }

  /** Whether a packet was seen where another one of its handshake was, at the same distance, and has another tuple. */
  clashes(at: number, role: number, packet: Packet, intake: Intake): boolean {
    if (intake.hidesInterfaces) return false
    const { words, seen } = this
    const { place } = this
    const count = words[at + (role === REQUEST ? REQUESTS : ANSWERS)]
    for (let i = 0; i < count; i++) {
      const view = viewOf(at, role, i)
      if (words[view + PLACE] !== place || words[view + TTL] !== packet.ttl) continue
      if (!isSameTuple(words, view, seen, 0)) return true
    }
    return false
  }

  /** Whether a SYN that the host had passed on comes back to it, from another host that translated it: a connection anew. */
  cameBack(at: number, packet: Packet, intake: Intake): boolean {
    const { words } = this
    const host = intake.destinationMac
    if (host === 0) return false
    for (let i = 0; i < words[at + REQUESTS]; i++) {
      const view = viewOf(at, REQUEST, i)
      if (words[view + TTL] <= packet.ttl || words[view + SOURCE_MAC] !== host) continue
      for (let j = 0; j < words[at + REQUESTS]; j++)
        if (words[viewOf(at, REQUEST, j) + TTL] === words[view + TTL] + 1) return true
    }
    return false
  }

  /** Whether an answer that acknowledges the SYN may be one to it: it comes from its destination or goes to its source. */
  answers(at: number): boolean {
    const { words, seen } = this
    for (let i = 0; i < words[at + REQUESTS]; i++) {
      const view = viewOf(at, REQUEST, i)
      if (isSameEnd(words, view, false, seen, 0, true) || isSameEnd(words, view, true, seen, 0, false))
        return true
    }
    return false
  }

  isAmong(at: number, role: number, packet: Packet): boolean {
    const { words, seen } = this
    writeTuple(seen, 0, packet)
    const count = words[at + (role === REQUEST ? REQUESTS : ANSWERS)]
    for (let i = 0; i < count; i++) if (isSameTuple(words, viewOf(at, role, i), seen, 0)) return true
    return false
  }

  /** Whether a packet goes back the way that an answer came. */
  isInverseAmong(at: number, packet: Packet): boolean {
    const { words, seen, inverse } = this
    writeTuple(seen, 0, packet)
    writeInverse(inverse, 0, seen, 0)
    for (let i = 0; i < words[at + ANSWERS]; i++)
      if (isSameTuple(words, viewOf(at, ANSWER, i), inverse, 0)) return true
    return false
  }

  isFromClient(at: number, packet: Packet): boolean {
    const { words, seen } = this
    writeTuple(seen, 0, packet)
    for (let i = 0; i < words[at + REQUESTS]; i++)
      if (isSameEnd(words, viewOf(at, REQUEST, i), false, seen, 0, false)) return true
    return false
  }
}

/** Where the handshake that began with a sequence number would be. */
export function find(sequence: number): number {
  return (Math.imul(sequence, 0x9e3779b1) >>> (32 - MOST_BITS)) << SHIFT
}

export function viewOf(at: number, role: number, index: number): number {
  return at + (role === REQUEST ? VIEWS : ANSWER_VIEWS) + index * VIEW_WORDS
}

export function timeOf(at: number, role: number, index: number): number {
  return (at >> SHIFT) * 2 * MOST_VIEWS + (role === REQUEST ? 0 : MOST_VIEWS) + index
}

/** One number for where a tuple was seen: the point, whether it left there, and its IP version. */
export function placeOf(packet: Packet, point: number, packetType: number): number {
  return (point << 2) | (packetType === PACKET_OUTGOING ? 2 : 0) | (packet.family === 6 ? 1 : 0)
}
