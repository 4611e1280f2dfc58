// A finished flow as plain data: both tuples, what went each way, its state and how its entry ended.
import { CAUSE_NAMES } from '../conntrack/events.ts'
import { SCTP_STATE_NAMES } from '../conntrack/proto/sctp-table.ts'
import { TCP_STATE_NAMES } from '../conntrack/proto/tcp-table.ts'
import { IPS_ASSURED, IPS_DST_NAT, IPS_SEEN_REPLY, IPS_SRC_NAT } from '../conntrack/status.ts'
import type { Table } from '../conntrack/table.ts'
import { formatIpv4, formatIpv6 } from '../net/address.ts'
import {
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  protocolName,
} from '../net/numbers.ts'

/** How an entry ended: one of CAUSE_NAMES, or still live when the capture ended. */
export type FlowEnd = (typeof CAUSE_NAMES)[number] | 'open'

/** One direction of a flow: its tuple with the fields `conntrack` prints for the protocol, and what was counted. */
export interface FlowDirection {
  src: string
  dst: string
  /** TCP, UDP, UDP-Lite, SCTP */
  sport?: number
  dport?: number
  /** ICMP, ICMPv6 */
  type?: number
  code?: number
  id?: number
  /** GRE */
  srckey?: number
  dstkey?: number
  /** Where it is not 0. */
  zone?: number
  packets: number
  /** IP bytes, headers included. */
  bytes: number
}

export interface Flow {
  protocol: string
  protocolNumber: number
  /** TCP or SCTP state, `''` for the other trackers. */
  state: string
  /** UNREPLIED, ASSURED, SRC_NAT, DST_NAT: those that apply. */
  status: string[]
  orig: FlowDirection
  reply: FlowDirection
  /** Frame that made the entry. */
  firstFrame: number
  /** Nanoseconds of capture time: first packet, last packet counted, end of the entry (or of the capture). */
  start: number
  last: number
  end: number
  ended: FlowEnd
}

/** Sums up entry `ct`. `cause` is a CAUSE_*, or CAUSE_OPEN; `end` is when it ended. */
export function flowOf(table: Table, ct: number, cause: number, end: number): Flow {
  const protocol = table.protocol(ct)
  return {
    protocol: protocolName(protocol),
    protocolNumber: protocol,
    state: stateName(protocol, table.state(ct)),
    status: statusNames(table.status(ct)),
    orig: directionOf(table, ct * 2, protocol),
    reply: directionOf(table, ct * 2 + 1, protocol),
    firstFrame: table.firstFrame(ct),
    start: table.start(ct),
    last: table.last(ct),
    end,
    ended: cause === CAUSE_OPEN ? 'open' : CAUSE_NAMES[cause],
  }
}

/** Beside the engine's CAUSE_*: the entry was live at the end of the capture. */
export const CAUSE_OPEN = -1

function stateName(protocol: number, state: number): string {
  if (protocol === IPPROTO_TCP) return TCP_STATE_NAMES[state]
  return protocol === IPPROTO_SCTP ? SCTP_STATE_NAMES[state] : ''
}

function statusNames(status: number): string[] {
  const names: string[] = []
  if ((status & IPS_SEEN_REPLY) === 0) names.push('UNREPLIED')
  if ((status & IPS_ASSURED) !== 0) names.push('ASSURED')
  if ((status & IPS_SRC_NAT) !== 0) names.push('SRC_NAT')
  if ((status & IPS_DST_NAT) !== 0) names.push('DST_NAT')
  return names
}

function directionOf(table: Table, key: number, protocol: number): FlowDirection {
  const zone = table.zone(key)
  return {
    src: sourceOf(table, key),
    dst: destinationOf(table, key),
    ...portsOf(protocol, table.ports(key)),
    ...(zone !== 0 && { zone }),
    packets: table.packets(key),
    bytes: table.bytes(key),
  }
}

/** Source address of a key of the table. */
export function sourceOf(table: Table, key: number): string {
  if (!table.isIpv6(key >> 1)) return formatIpv4(table.source(key))
  return formatIpv6(
    table.sourceWord(key, 0),
    table.sourceWord(key, 1),
    table.sourceWord(key, 2),
    table.sourceWord(key, 3),
  )
}

/** Destination address of a key of the table. */
export function destinationOf(table: Table, key: number): string {
  if (!table.isIpv6(key >> 1)) return formatIpv4(table.destination(key))
  return formatIpv6(
    table.destinationWord(key, 0),
    table.destinationWord(key, 1),
    table.destinationWord(key, 2),
    table.destinationWord(key, 3),
  )
}

function portsOf(protocol: number, ports: number): Partial<FlowDirection> {
  const high = ports >>> 16
  const low = ports & 0xffff
  switch (protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
    case IPPROTO_SCTP:
      return { sport: high, dport: low }
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return { type: low >> 8, code: low & 0xff, id: high }
    case IPPROTO_GRE:
      return { srckey: high, dstkey: low }
    default:
      return {}
  }
}
