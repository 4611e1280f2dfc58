// Lines of `conntrack -L`, `-L -o extended`, `-E` and /proc/net/nf_conntrack (libnetfilter_conntrack's snprintf_default.c; ct_seq_show()).
import { IPS_ASSURED, IPS_SEEN_REPLY } from '../conntrack/status.ts'
import type { Table } from '../conntrack/table.ts'
import { IPPROTO_DCCP, IPPROTO_GRE, protocolName } from '../net/numbers.ts'
import { type EventName, type Shown, stateName } from './conntrack-entry.ts'
import { formatProcTuple, formatTuple } from './conntrack-tuple.ts'

const FAMILY_IPV4 = 'ipv4     2 '
const FAMILY_IPV6 = 'ipv6     10 '

const protocolColumns = (name: string, protocol: number): string => `${name.padEnd(8)} ${protocol} `
/** `tcp      6 ` by protocol number. */
const PROTOCOLS = Array.from({ length: 256 }, (_, protocol) =>
  protocolColumns(protocolName(protocol), protocol),
)

/** Right-aligned in nine columns. */
const EVENT_TAGS = { NEW: '    [NEW] ', UPDATE: ' [UPDATE] ', DESTROY: '[DESTROY] ' }

/** A line of `conntrack -L`; with `extended` that of `-o extended`. */
export function formatListLine(table: Table, ct: number, shown: Shown, extended: boolean): string {
  const family = extended ? familyColumns(table, ct) : ''
  const age = shown.age === null ? '' : ` delta-time=${shown.age}`
  return `${family}${formatFlow(table, ct, shown)} mark=0${age} use=1`
}

/** A line of `conntrack -E` without its time stamp. */
export function formatEventLine(table: Table, ct: number, event: EventName, shown: Shown): string {
  const age = shown.age === null ? '' : ` delta-time=${shown.age}`
  return `${EVENT_TAGS[event]}${formatFlow(table, ct, shown)}${age}`
}

/** A line of /proc/net/nf_conntrack; `greTimeouts` are the GRE timeouts in seconds, which it shows of each GRE entry. */
export function formatProcLine(
  table: Table,
  ct: number,
  shown: Shown,
  greTimeouts: readonly [number, number],
): string {
  const protocol = table.protocol(ct)
  const name = protocol === IPPROTO_DCCP ? protocolColumns('unknown', protocol) : PROTOCOLS[protocol]
  const state = stateName(table, ct)
  const timeouts =
    protocol === IPPROTO_GRE ? `timeout=${greTimeouts[0]}, stream_timeout=${greTimeouts[1]} ` : ''
  const age = shown.age === null ? '' : ` delta-time=${shown.age}`
  return (
    `${familyColumns(table, ct)}${name}${shown.seconds} ${state === '' ? '' : `${state} `}${timeouts}` +
    `${formatProcTuple(table, ct * 2)}${counters(table, ct * 2, shown)}${unreplied(table, ct)} ` +
    `${formatProcTuple(table, ct * 2 + 1)}${counters(table, ct * 2 + 1, shown)}${assured(table, ct)} mark=0 zone=0${age} use=2`
  )
}

function formatFlow(table: Table, ct: number, shown: Shown): string {
  const state = shown.state ? stateName(table, ct) : ''
  const seconds = shown.seconds === null ? '' : `${shown.seconds} `
  const original = ct * 2
  const reply = original + 1
  return (
    `${PROTOCOLS[table.protocol(ct)]}${seconds}${state === '' ? '' : `${state} `}` +
    `${formatTuple(table, original)}${counters(table, original, shown)}${unreplied(table, ct)} ` +
    `${formatTuple(table, reply)}${counters(table, reply, shown)}${assured(table, ct)}`
  )
}

function familyColumns(table: Table, ct: number): string {
  return table.isIpv6(ct) ? FAMILY_IPV6 : FAMILY_IPV4
}

function counters(table: Table, key: number, shown: Shown): string {
  return shown.counters ? ` packets=${table.packets(key)} bytes=${table.bytes(key)}` : ''
}

function unreplied(table: Table, ct: number): string {
  return (table.status(ct) & IPS_SEEN_REPLY) === 0 ? ' [UNREPLIED]' : ''
}

function assured(table: Table, ct: number): string {
  return (table.status(ct) & IPS_ASSURED) === 0 ? '' : ' [ASSURED]'
}
