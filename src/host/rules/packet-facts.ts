// What only a packet that is under way has: flags, length, its entry with marks and tuples, bridge ports.
import type { Family } from '../files/network.ts'

/** Kinds of destination that the routing tables know. kernel: RTN_* */
export type AddressKind = 'unicast' | 'local' | 'broadcast' | 'multicast'

/** What routes say of a packet; null where nobody knows. */
export interface Routing {
  kindOf(family: Family, address: Int32Array): AddressKind | null
  /**
   * Whether packets to `source` are routed by `input`, by which one of it came in, or by any interface.
   * kernel: fib_validate_source(), xt_rpfilter, nft_fib
   */
  isRoutedBack(family: Family, source: Int32Array, input: string | null, byAny: boolean): boolean | null
}

/** Whose turn it is: `-m statistic --mode nth`, `numgen inc`. */
export interface Turns {
  /**
   * Turns wheel `id` of `size` positions on, from `first`; returns where it stood, or -1 where nobody knows.
   * @param isSure whether the packet gets there for certain
   */
  turn(id: number, size: number, first: number, isSure: boolean): number
  /** What the last turn of wheel `id` returned. */
  shown(id: number): number
}

/** One end of an entry's tuple. */
export class TupleEnd {
  readonly words = new Int32Array(4)
  port = -1
  /** Whether the address is known. */
  isKnown = false
}

/** The record is reused: it is of the packet under way. */
export class PacketFacts {
  /** Bits of ASKS_*, gathered of the conditions that were asked. */
  asked = 0
  /** As in byte 13 of the header; -1 for none, or where nobody knows. */
  tcpFlags = -1
  /** ICMP type and code, -1 for none. */
  icmpType = -1
  icmpCode = -1
  /** Bytes of the IP packet; TTL or hop limit. */
  length = 0
  ttl = 0
  /** The byte of TOS, or the traffic class. */
  tos = 0
  /** Whether it has an entry: INVALID and untracked packets have none. */
  hasEntry = false
  /** IPS_* of its entry. */
  status = 0
  /** 0 original, 1 reply. */
  direction = 0
  /** `ct mark`; null where nobody knows. */
  connMark: number | null = 0
  /** Ends of the tuples of the original direction and of the reply. */
  readonly original = { source: new TupleEnd(), destination: new TupleEnd() }
  readonly reply = { source: new TupleEnd(), destination: new TupleEnd() }
  /** Bridge ports, `''` where it crosses none, and whether it is switched; null where nobody knows. */
  physicalInput: string | null = ''
  physicalOutput: string | null = ''
  isBridged = false
  /** Whether the frame was for a group, or this host; null where nobody knows. */
  frameKind: 'unicast' | 'broadcast' | 'multicast' | null = null
  routing: Routing | null = null
  turns: Turns | null = null
  /** Whether the packet comes to the rule at hand for certain. */
  isSure = true
}
