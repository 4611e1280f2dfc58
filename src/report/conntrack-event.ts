// Events as tab-separated columns and as JSON lines; the lines of `conntrack -E` itself are in conntrack-line.ts.
import {
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_DST_NAT,
  IPS_DYING,
  IPS_SEEN_REPLY,
  IPS_SRC_NAT,
} from '../conntrack/status.ts'
import type { Table } from '../conntrack/table.ts'
import { type EventName, type Shown, stateName } from './conntrack-entry.ts'
import { formatEntryFields } from './conntrack-json.ts'
import { formatDestination, formatSource, PORTS_ICMP, PORTS_NONE, portsOf } from './conntrack-tuple.ts'

export const EVENT_COLUMNS =
  'capture_time\tframe\tevent\tid\tproto\torig\treply\tstate\tstatus\ttimeout\torig_packets\torig_bytes\treply_packets\treply_bytes'

/** When, and by which frame, an event came about. */
export interface EventOrigin {
  event: EventName
  /** Seconds since 1970 with nine digits of fraction. */
  time: string
  /** The frame, or `''` where time alone did it (the collector). */
  frame: string
  /** Why an entry was destroyed; `''` for the other events. */
  cause: string
}

/** A line of EVENT_COLUMNS; `-` where conntrack says nothing. The id is the number of the frame that made the entry. */
export function formatEventRow(table: Table, ct: number, origin: EventOrigin, shown: Shown): string {
  const state = shown.state ? stateName(table, ct) : ''
  const original = ct * 2
  const reply = original + 1
  const counters = shown.counters
    ? `${table.packets(original)}\t${table.bytes(original)}\t${table.packets(reply)}\t${table.bytes(reply)}`
    : '-\t-\t-\t-'
  return (
    `${origin.time}\t${origin.frame || 'timer'}\t${origin.event}\t${table.firstFrame(ct)}\t${table.protocol(ct)}\t` +
    `${formatTuple(table, original)}\t${formatTuple(table, reply)}\t${state || '-'}\t${formatStatus(table.status(ct), origin.event)}\t` +
    `${shown.seconds ?? '-'}\t${counters}`
  )
}

/** An event as a JSON object on one line. */
export function formatEventJson(table: Table, ct: number, origin: EventOrigin, shown: Shown): string {
  const cause = origin.cause === '' ? '' : `,"cause":"${origin.cause}"`
  return (
    `{"event":"${origin.event}","event_timestamp":${origin.time},"frame":${formatFrame(origin.frame)}${cause},` +
    `"id":${table.firstFrame(ct)},${formatEntryFields(table, ct, shown)}}`
  )
}

function formatFrame(frame: string): string {
  if (frame === '') return 'null'
  return frame.includes(':') ? `"${frame}"` : frame
}

function formatTuple(table: Table, key: number): string {
  const source = formatSource(table, key)
  const destination = formatDestination(table, key)
  const ports = table.ports(key)
  switch (portsOf(table.protocol(key >> 1))) {
    case PORTS_NONE:
      return `${source},-,${destination},-`
    case PORTS_ICMP:
      return `${source},id${ports >>> 16},${destination},type${(ports >>> 8) & 0xff}/code${ports & 0xff}`
    default:
      return `${source},${ports >>> 16},${destination},${ports & 0xffff}`
  }
}

/** Bits that a kernel's message carries, in the order of their numbers; the entry of a DESTROY is dying. */
const STATUS_NAMES: readonly (readonly [number, string])[] = [
  [IPS_SEEN_REPLY, 'SEEN_REPLY'],
  [IPS_ASSURED, 'ASSURED'],
  [IPS_CONFIRMED, 'CONFIRMED'],
  [IPS_SRC_NAT, 'SRC_NAT'],
  [IPS_DST_NAT, 'DST_NAT'],
  [IPS_DYING, 'DYING'],
]

function formatStatus(status: number, event: EventName): string {
  const bits = event === 'DESTROY' ? status | IPS_DYING : status
  let text = ''
  for (const [bit, name] of STATUS_NAMES) if ((bits & bit) !== 0) text += text === '' ? name : `,${name}`
  return text
}
