// An entry that was in the table before the first packet: what a listing tells of it, and what it leaves open.
import { IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP } from '../net/numbers.ts'
import type { Context } from './context.ts'
import { INDEX_NONE, TCP_FIN_WAIT, TCP_TIME_WAIT } from './proto/tcp-table.ts'
import {
  FLAG_BE_LIBERAL,
  FLAG_CLOSE_INIT,
  FLAG_SACK_PERM,
  LAST_INDEX,
  seenAt,
  TD_FLAGS,
} from './proto/tcp-window.ts'
import { IPS_ASSURED } from './status.ts'
import type { Table } from './table.ts'
import { ENTRY_SHIFT, KEY_BYTES, KEY_PACKETS, KEY_SHIFT, PROTO } from './table-layout.ts'
import type { Tuple } from './tuple.ts'

export interface KnownEntry {
  original: Tuple
  reply: Tuple
  /** IPS_* bits: SEEN_REPLY, ASSURED, and of NAT what the tuples tell. */
  status: number
  /** TCP or SCTP state; 0 for the other trackers. */
  state: number
  /** Whole seconds it has left. */
  seconds: number
  /** Seconds since it was made; null where the listing does not say. */
  age: number | null
  packets: readonly [number, number]
  bytes: readonly [number, number]
  /** Verification tags of SCTP, 0 where the listing does not say. */
  tags: readonly [number, number]
  /** Whether the form of the listing leaves out a part of the tuples: such entries count, and no packet finds them. */
  isPartial: boolean
  /** Whether a flow table forwards its packets past conntrack. */
  isOffloaded: boolean
}

/** A listing of a table and the name it goes by. */
export interface KnownTable {
  path: string
  entries: readonly KnownEntry[]
}

/** The last packet of an entry that no packet of the capture has met: before time 0. */
export const BEFORE_CAPTURE = -1

/** Whether an entry was in the table before the first packet: frames are numbered from 1. */
export function isKnown(table: Table, ct: number): boolean {
  return table.firstFrame(ct) === 0
}

/** Whether no packet was counted in an entry since the capture began. */
export function isUntouched(table: Table, ct: number): boolean {
  return table.last(ct) < 0
}

/** The jiffies, `hz` a second, that an entry has left; of a second that a listing has rounded off, half. */
export function jiffiesLeft({ seconds }: KnownEntry, hz: number): number {
  return Math.min(seconds, LONGEST) * hz + (hz >> 1)
}

/** Longest timeout in seconds that jiffies have room for. */
const LONGEST = 2_000_000

/** Sets the counters of an entry, and the words of its tracker as far as they follow from what is listed. */
export function describeKnown(context: Context, ct: number, entry: KnownEntry): void {
  const { table } = context
  for (let direction = 0; direction < 2; direction++) {
    const key = ct * 2 + direction
    table.keys[(key << KEY_SHIFT) + KEY_PACKETS] = Math.min(entry.packets[direction], 0xffffffff)
    table.keyBytes[(key << (KEY_SHIFT - 1)) + KEY_BYTES] = entry.bytes[direction]
  }
  switch (entry.original.kind & 0xff) {
    case IPPROTO_TCP:
      describeTcp(table, ct, entry)
      return
    case IPPROTO_UDP:
      table.entries[(ct << ENTRY_SHIFT) + PROTO] = streamSince(context, entry)
      return
    case IPPROTO_SCTP:
      table.entries[(ct << ENTRY_SHIFT) + PROTO] = entry.tags[0]
      table.entries[(ct << ENTRY_SHIFT) + PROTO + 1] = entry.tags[1]
  }
}

/**
 * Windows stay zero, and take what the first segment of each side says (tcp_in_window()). Their scaling is unknown: as
 * with a flow picked up in mid-stream, nothing is held against a segment outside of them. From FIN_WAIT on somebody has
 * closed, so that a SYN may open the connection anew.
 */
function describeTcp(table: Table, ct: number, { state }: KnownEntry): void {
  const closing = state >= TCP_FIN_WAIT && state <= TCP_TIME_WAIT ? FLAG_CLOSE_INIT : 0
  table.entries[seenAt(ct, 0) + TD_FLAGS] = FLAG_SACK_PERM | FLAG_BE_LIBERAL | closing
  table.entries[seenAt(ct, 1) + TD_FLAGS] = FLAG_SACK_PERM | FLAG_BE_LIBERAL | closing
  table.entries[(ct << ENTRY_SHIFT) + LAST_INDEX] = INDEX_NONE
}

/**
 * The jiffy from which on a UDP flow that is answered is a stream: two seconds after its first packet. Where its age is
 * not listed, the flow is as old as its last packet, at the least.
 */
function streamSince({ table, timeouts, jiffies }: Context, entry: KnownEntry): number {
  const { hz } = table
  if ((entry.status & IPS_ASSURED) !== 0) return (jiffies - 1) | 0
  const age = entry.age === null ? Math.max(timeouts.udp - jiffiesLeft(entry, hz), 0) : entry.age * hz
  return (jiffies + 2 * hz - Math.min(age, LONGEST * hz)) | 0
}
