// Events as tab-separated columns and as JSON lines; the lines of `conntrack -E` itself are in conntrack-line.ts.
import {
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_DST_NAT,
  IPS_DYING,
  IPS_EXPECTED,
  IPS_HELPER,
  IPS_SEEN_REPLY,
  IPS_SRC_NAT,
} from '../../conntrack/status.ts'
import type { Table } from '../../conntrack/table.ts'
import type { Ascii } from '../text/ascii.ts'
import type { CaptureClock } from '../text/capture-clock.ts'
import { type EventName, type Shown, stateName } from './entry.ts'
import { openObject, openRow } from './host.ts'
import { writeEntryFields } from './json.ts'
import { PORTS_ICMP, PORTS_NONE, portsOf, writeDestination, writeSource } from './tuple.ts'

export const EVENT_COLUMNS =
  'capture_time\tframe\tevent\tid\tproto\torig\treply\tstate\tstatus\ttimeout\torig_packets\torig_bytes\treply_packets\treply_bytes'

const TAB = 0x09
const COMMA = 0x2c

/** When, and by which frame, an event came about. */
export interface EventOrigin {
  event: EventName
  /** Nanoseconds since the first frame. */
  time: number
  /** The frame, or 0 where time alone did it (the collector). */
  frame: number
  /** Why an entry was destroyed; `''` for the other events. */
  cause: string
  /** The host it happened on, `''` where none was named. */
  host: string
}

/** Appends a line of EVENT_COLUMNS, behind the host where one was named; `-` where conntrack says nothing. The id is the number of the frame that made the entry. */
export function writeEventRow(
  out: Ascii,
  table: Table,
  ct: number,
  origin: EventOrigin,
  clock: CaptureClock,
  shown: Shown,
): void {
  openRow(out, origin.host)
  clock.writeStamp(out, origin.time)
  out.byte(TAB)
  if (origin.frame === 0) out.text('timer')
  else out.decimal(origin.frame)
  out.byte(TAB)
  out.text(origin.event)
  out.byte(TAB)
  out.decimal(table.firstFrame(ct))
  out.byte(TAB)
  out.decimal(table.protocol(ct))
  out.byte(TAB)
  writeTuple(out, table, ct * 2)
  out.byte(TAB)
  writeTuple(out, table, ct * 2 + 1)
  out.byte(TAB)
  const state = shown.state ? stateName(table, ct) : ''
  out.text(state === '' ? '-' : state)
  out.byte(TAB)
  writeStatus(out, origin.event === 'DESTROY' ? table.status(ct) | IPS_DYING : table.status(ct))
  out.byte(TAB)
  if (shown.seconds === null) out.text('-')
  else out.decimal(shown.seconds)
  out.text(shown.counters ? counterColumns(table, ct) : '\t-\t-\t-\t-')
}

/** Appends an event as a JSON object. */
export function writeEventJson(
  out: Ascii,
  table: Table,
  ct: number,
  origin: EventOrigin,
  clock: CaptureClock,
  shown: Shown,
): void {
  openObject(out, origin.host)
  out.text('"event":"')
  out.text(origin.event)
  out.text('","event_timestamp":')
  clock.writeStamp(out, origin.time)
  out.text(',"frame":')
  if (origin.frame === 0) out.text('null')
  else out.decimal(origin.frame)
  if (origin.cause !== '') out.text(`,"cause":"${origin.cause}"`)
  out.text(',"id":')
  out.decimal(table.firstFrame(ct))
  out.text(',')
  writeEntryFields(out, table, ct, shown)
  out.text('}')
}

/** `10.0.0.1,1234,10.0.0.2,80`, `10.0.0.1,id7,10.0.0.2,type8/code0` or `10.0.0.1,-,10.0.0.2,-`. */
function writeTuple(out: Ascii, table: Table, key: number): void {
  const ports = table.ports(key)
  const kind = portsOf(table.protocol(key >> 1))
  writeSource(out, table, key)
  out.text(kind === PORTS_ICMP ? ',id' : kind === PORTS_NONE ? ',-' : ',')
  if (kind !== PORTS_NONE) out.decimal(ports >>> 16)
  out.byte(COMMA)
  writeDestination(out, table, key)
  if (kind === PORTS_NONE) out.text(',-')
  else if (kind === PORTS_ICMP) out.text(`,type${(ports >>> 8) & 0xff}/code${ports & 0xff}`)
  else {
    out.byte(COMMA)
    out.decimal(ports & 0xffff)
  }
}

/** Bits that a kernel's message carries, in the order of their numbers. */
const STATUS_NAMES: readonly (readonly [number, string])[] = [
  [IPS_EXPECTED, 'EXPECTED,'],
  [IPS_SEEN_REPLY, 'SEEN_REPLY,'],
  [IPS_ASSURED, 'ASSURED,'],
  [IPS_CONFIRMED, 'CONFIRMED,'],
  [IPS_SRC_NAT, 'SRC_NAT,'],
  [IPS_DST_NAT, 'DST_NAT,'],
  [IPS_DYING, 'DYING,'],
  [IPS_HELPER, 'HELPER,'],
]

function writeStatus(out: Ascii, status: number): void {
  for (const [bit, name] of STATUS_NAMES) if ((status & bit) !== 0) out.text(name)
  // every entry that there is an event of is confirmed, so there is a comma too many
  out.length--
}

function counterColumns(table: Table, ct: number): string {
  const original = ct * 2
  const reply = original + 1
  return `\t${table.packets(original)}\t${table.bytes(original)}\t${table.packets(reply)}\t${table.bytes(reply)}`
}
