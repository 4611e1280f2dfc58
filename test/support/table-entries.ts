// Entries put into a connection table by hand, for tests of what works on a table without an engine around it.
import { IPS_CONFIRMED, STATUS_EXPIRED } from '../../src/conntrack/status.ts'
import type { Table } from '../../src/conntrack/table.ts'
import { ENTRY_SHIFT, STATE, STATUS, TIMEOUT } from '../../src/conntrack/table-layout.ts'
import { invertTuple, Tuple } from '../../src/conntrack/tuple.ts'
import { IPPROTO_UDP } from '../../src/net/numbers.ts'

export interface MadeEntry {
  protocol?: number
  /** IPS_* beside IPS_CONFIRMED. */
  status?: number
  state?: number
  /** The jiffy at which it ends. */
  timeout?: number
  /** Capture time of its first packet. */
  start?: number
  /** Tells entries apart: the source port, and what lies above it in the address. */
  number: number
}

/** A tuple that differs from those of all other numbers. */
export function numberedTuple(number: number, protocol = IPPROTO_UDP): Tuple {
  const tuple = new Tuple()
  tuple.kind = protocol
  tuple.source = 0x0a000000 + (number >>> 16)
  tuple.destination = 0x0a800001
  tuple.ports = ((number & 0xffff) << 16) | 53
  return tuple
}

/** Adds a confirmed entry, and returns it. */
export function addEntry(table: Table, entry: MadeEntry): number {
  const { protocol, status = 0, state = 0, timeout = 1000, start = 0, number } = entry
  const tuple = numberedTuple(number, protocol)
  const reply = new Tuple()
  invertTuple(tuple, reply)
  const ct = table.allocate(tuple, reply, start, 1)
  const at = ct << ENTRY_SHIFT
  table.entries[at + TIMEOUT] = timeout
  table.entries[at + STATE] = state
  table.link(ct)
  table.entries[at + STATUS] = IPS_CONFIRMED | status
  return ct
}

/** Takes an entry out, live or expired. */
export function removeEntry(table: Table, ct: number): void {
  if ((table.status(ct) & STATUS_EXPIRED) !== 0) table.unlinkExpired(ct)
  else table.unlink(ct)
  table.free(ct)
}

/** Takes all entries out. */
export function emptyTable(table: Table): void {
  for (let ct = 0; ct < table.top; ct++) if (table.status(ct) !== 0) removeEntry(table, ct)
}
