// A key of an entry as conntrack(8) and /proc/net/nf_conntrack print it: addresses, and ports, keys or types by protocol.
import type { Table } from '../conntrack/table.ts'
import { formatIpv4, formatIpv6 } from '../net/address.ts'
import {
  IPPROTO_DCCP,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../net/numbers.ts'

/** What the second half of a tuple is made of. */
export const PORTS_NONE = 0
export const PORTS_PORTS = 1
export const PORTS_ICMP = 2
export const PORTS_GRE = 3

/** PORTS_* of a protocol: what the kernel's tuple holds for it. */
export function portsOf(protocol: number): number {
  switch (protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_SCTP:
    case IPPROTO_UDPLITE:
      return PORTS_PORTS
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return PORTS_ICMP
    case IPPROTO_GRE:
      return PORTS_GRE
    default:
      return PORTS_NONE
  }
}

/** The source address of a key. */
export function formatSource(table: Table, key: number): string {
  if (!table.isIpv6(key >> 1)) return formatIpv4(table.source(key))
  return formatIpv6(
    table.sourceWord(key, 0),
    table.sourceWord(key, 1),
    table.sourceWord(key, 2),
    table.sourceWord(key, 3),
  )
}

/** The destination address of a key. */
export function formatDestination(table: Table, key: number): string {
  if (!table.isIpv6(key >> 1)) return formatIpv4(table.destination(key))
  return formatIpv6(
    table.destinationWord(key, 0),
    table.destinationWord(key, 1),
    table.destinationWord(key, 2),
    table.destinationWord(key, 3),
  )
}

/** `src=10.0.0.1 dst=10.0.0.2 sport=1234 dport=80`; for other protocols `type= code= id=`, `srckey= dstkey=` or no more. */
export function formatTuple(table: Table, key: number): string {
  const protocol = table.protocol(key >> 1)
  const ports = formatPorts(protocol, table.ports(key))
  // the library names ports of DCCP that a kernel without its tracker does not have
  const missing = protocol === IPPROTO_DCCP ? ' sport=0 dport=0' : ''
  return `src=${formatSource(table, key)} dst=${formatDestination(table, key)}${ports}${missing}`
}

/** As formatTuple(), in the kernel's own words: IPv6 addresses written out. kernel: print_tuple() */
export function formatProcTuple(table: Table, key: number): string {
  const ports = formatPorts(table.protocol(key >> 1), table.ports(key))
  if (!table.isIpv6(key >> 1))
    return `src=${formatSource(table, key)} dst=${formatDestination(table, key)}${ports}`
  const source = [0, 1, 2, 3].map(i => groups(table.sourceWord(key, i))).join(':')
  const destination = [0, 1, 2, 3].map(i => groups(table.destinationWord(key, i))).join(':')
  return `src=${source} dst=${destination}${ports}`
}

/** ` sport=1234 dport=80` for the `ports` word of a tuple (conntrack/tuple.ts), with a blank before it. */
function formatPorts(protocol: number, ports: number): string {
  switch (portsOf(protocol)) {
    case PORTS_PORTS:
      return ` sport=${ports >>> 16} dport=${ports & 0xffff}`
    case PORTS_ICMP:
      return ` type=${(ports >>> 8) & 0xff} code=${ports & 0xff} id=${ports >>> 16}`
    case PORTS_GRE:
      return ` srckey=0x${(ports >>> 16).toString(16)} dstkey=0x${(ports & 0xffff).toString(16)}`
    default:
      return ''
  }
}

/** Two groups of four digits, as the kernel's %pI6 has them. */
function groups(word: number): string {
  const hex = (word >>> 0).toString(16).padStart(8, '0')
  return `${hex.slice(0, 4)}:${hex.slice(4)}`
}
