// Lines of `conntrack -L`, `-L -o extended`, `-E` and /proc/net/nf_conntrack (libnetfilter_conntrack's snprintf_default.c; ct_seq_show()).
import { helperOf } from '../../conntrack/helper-assignment.ts'
import { DIRECTION_REPLY, IPS_ASSURED, IPS_SEEN_REPLY } from '../../conntrack/status.ts'
import type { Table } from '../../conntrack/table.ts'
import { IPPROTO_DCCP, IPPROTO_GRE, protocolName } from '../../net/numbers.ts'
import { type Ascii, flat } from '../text/ascii.ts'
import { commonZone, type EventName, ownZone, type Shown, stateName } from './entry.ts'
import { writeProcTuple, writeTuple } from './tuple.ts'

const FAMILY_IPV4 = 'ipv4     2 '
const FAMILY_IPV6 = 'ipv6     10 '

const protocolColumns = (name: string, protocol: number): string => flat(`${name.padEnd(8)} ${protocol} `)
/** `tcp      6 ` by protocol number. */
const PROTOCOLS = Array.from({ length: 256 }, (_, protocol) =>
  protocolColumns(protocolName(protocol), protocol),
)

/** Right-aligned in nine columns. */
const EVENT_TAGS = { NEW: '    [NEW] ', UPDATE: ' [UPDATE] ', DESTROY: '[DESTROY] ' }

// All parts end in a blank; the last one of a line goes again, as in the library.

/** Appends a line of `conntrack -L`; with `extended` that of `-o extended`. */
export function writeListLine(out: Ascii, table: Table, ct: number, shown: Shown, extended: boolean): void {
  if (extended) out.text(table.isIpv6(ct) ? FAMILY_IPV6 : FAMILY_IPV4)
  writeFlow(out, table, ct, shown)
  out.text('mark=0 ')
  writeZone(out, table, ct)
  writeAge(out, shown)
  writeHelper(out, table, ct)
  out.text('use=1')
}

/** Appends a line of `conntrack -E` without its time stamp. */
export function writeEventLine(out: Ascii, table: Table, ct: number, event: EventName, shown: Shown): void {
  out.text(EVENT_TAGS[event])
  writeFlow(out, table, ct, shown)
  writeZone(out, table, ct)
  writeAge(out, shown)
  writeHelper(out, table, ct)
  out.length--
}

/** Appends a line of /proc/net/nf_conntrack; it shows the GRE timeouts, in seconds, of each GRE entry. */
export function writeProcLine(
  out: Ascii,
  table: Table,
  ct: number,
  shown: Shown,
  greTimeouts: readonly [number, number],
): void {
  const protocol = table.protocol(ct)
  out.text(table.isIpv6(ct) ? FAMILY_IPV6 : FAMILY_IPV4)
  out.text(protocol === IPPROTO_DCCP ? protocolColumns('unknown', protocol) : (PROTOCOLS[protocol] ?? ''))
  writeSeconds(out, shown)
  writeState(out, table, ct)
  if (protocol === IPPROTO_GRE) out.text(`timeout=${greTimeouts[0]}, stream_timeout=${greTimeouts[1]} `)
  writeProcTuple(out, table, ct * 2)
  writeOwnZone(out, table, ct * 2)
  writeCounters(out, table, ct * 2, shown)
  writeUnreplied(out, table, ct)
  writeProcTuple(out, table, ct * 2 + 1)
  writeOwnZone(out, table, ct * 2 + 1)
  writeCounters(out, table, ct * 2 + 1, shown)
  writeAssured(out, table, ct)
  out.text('mark=0 ')
  if (table.zone(ct * 2) === table.zone(ct * 2 + 1)) out.text(`zone=${table.zone(ct * 2)} `)
  writeAge(out, shown)
  out.text('use=2')
}

function writeFlow(out: Ascii, table: Table, ct: number, shown: Shown): void {
  out.text(PROTOCOLS[table.protocol(ct)] ?? '')
  writeSeconds(out, shown)
  if (shown.state) writeState(out, table, ct)
  writeTuple(out, table, ct * 2)
  writeOwnZone(out, table, ct * 2)
  writeCounters(out, table, ct * 2, shown)
  writeUnreplied(out, table, ct)
  writeTuple(out, table, ct * 2 + 1)
  writeOwnZone(out, table, ct * 2 + 1)
  writeCounters(out, table, ct * 2 + 1, shown)
  writeAssured(out, table, ct)
}

function writeSeconds(out: Ascii, shown: Shown): void {
  if (shown.seconds === null) return
  out.decimal(shown.seconds)
  out.text(' ')
}

function writeState(out: Ascii, table: Table, ct: number): void {
  const state = stateName(table, ct)
  if (state === '') return
  out.text(state)
  out.text(' ')
}

function writeCounters(out: Ascii, table: Table, key: number, shown: Shown): void {
  if (!shown.counters) return
  out.text('packets=')
  out.decimal(table.packets(key))
  out.text(' bytes=')
  out.decimal(table.bytes(key))
  out.text(' ')
}

function writeUnreplied(out: Ascii, table: Table, ct: number): void {
  if ((table.status(ct) & IPS_SEEN_REPLY) === 0) out.text('[UNREPLIED] ')
}

function writeAssured(out: Ascii, table: Table, ct: number): void {
  if ((table.status(ct) & IPS_ASSURED) !== 0) out.text('[ASSURED] ')
}

/** The default zone goes without saying. */
function writeZone(out: Ascii, table: Table, ct: number): void {
  const zone = commonZone(table, ct)
  if (zone !== 0) out.text(`zone=${zone} `)
}

/** Behind the tuple that alone is in a zone. */
function writeOwnZone(out: Ascii, table: Table, key: number): void {
  const zone = ownZone(table, key)
  if (zone !== 0) out.text(`zone-${(key & 1) === DIRECTION_REPLY ? 'reply' : 'orig'}=${zone} `)
}

function writeHelper(out: Ascii, table: Table, ct: number): void {
  const helper = helperOf(table.status(ct))
  if (helper !== null) out.text(`helper=${helper} `)
}

function writeAge(out: Ascii, shown: Shown): void {
  if (shown.age !== null) out.text(`delta-time=${shown.age} `)
}
