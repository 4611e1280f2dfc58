// A key of an entry as conntrack(8) and /proc/net/nf_conntrack print it: addresses, and ports, keys or types by protocol.
import type { Table } from '../../conntrack/table.ts'
import { formatIpv6 } from '../../net/address.ts'
import {
  IPPROTO_DCCP,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../../net/numbers.ts'
import type { Ascii } from '../text/ascii.ts'

/** What the second half of a tuple is made of. */
export const PORTS_NONE = 0
export const PORTS_PORTS = 1
export const PORTS_ICMP = 2
export const PORTS_GRE = 3

const COLON = 0x3a

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

/** Appends the source address of a key. */
export function writeSource(out: Ascii, table: Table, key: number): void {
  if (!table.isIpv6(key >> 1)) out.ipv4(table.source(key))
  else {
    out.text(
      formatIpv6(
        table.sourceWord(key, 0),
        table.sourceWord(key, 1),
        table.sourceWord(key, 2),
        table.sourceWord(key, 3),
      ),
    )
  }
}

/** Appends the destination address of a key. */
export function writeDestination(out: Ascii, table: Table, key: number): void {
  if (!table.isIpv6(key >> 1)) out.ipv4(table.destination(key))
  else {
    out.text(
      formatIpv6(
        table.destinationWord(key, 0),
        table.destinationWord(key, 1),
        table.destinationWord(key, 2),
        table.destinationWord(key, 3),
      ),
    )
  }
}

/**
 * Appends `src=10.0.0.1 dst=10.0.0.2 sport=1234 dport=80 `; for other protocols `type= code= id= `,
 * `srckey= dstkey= `, or nothing after the addresses.
 */
export function writeTuple(out: Ascii, table: Table, key: number): void {
  out.text('src=')
  writeSource(out, table, key)
  out.text(' dst=')
  writeDestination(out, table, key)
  const protocol = table.protocol(key >> 1)
  // the library prints ports of DCCP even where the kernel, without a tracker for it, has none
  if (protocol === IPPROTO_DCCP) out.text(' sport=0 dport=0 ')
  else writePorts(out, protocol, table.ports(key))
}

/** As writeTuple(), in the kernel's own words: IPv6 addresses written out. kernel: print_tuple() */
export function writeProcTuple(out: Ascii, table: Table, key: number): void {
  const isIpv6 = table.isIpv6(key >> 1)
  out.text('src=')
  if (isIpv6) {
    for (let i = 0; i < 4; i++) writeGroups(out, i, table.sourceWord(key, i))
  } else out.ipv4(table.source(key))
  out.text(' dst=')
  if (isIpv6) {
    for (let i = 0; i < 4; i++) writeGroups(out, i, table.destinationWord(key, i))
  } else out.ipv4(table.destination(key))
  writePorts(out, table.protocol(key >> 1), table.ports(key))
}

function writeGroups(out: Ascii, index: number, word: number): void {
  if (index > 0) out.byte(COLON)
  out.groups(word)
}

/** ` sport=1234 dport=80 ` for the `ports` word of a tuple (conntrack/tuple.ts). */
function writePorts(out: Ascii, protocol: number, ports: number): void {
  switch (portsOf(protocol)) {
    case PORTS_PORTS:
      out.text(' sport=')
      out.decimal(ports >>> 16)
      out.text(' dport=')
      out.decimal(ports & 0xffff)
      break
    case PORTS_ICMP:
      out.text(' type=')
      out.decimal((ports >>> 8) & 0xff)
      out.text(' code=')
      out.decimal(ports & 0xff)
      out.text(' id=')
      out.decimal(ports >>> 16)
      break
    case PORTS_GRE:
      out.text(' srckey=0x')
      out.hex16(ports >>> 16)
      out.text(' dstkey=0x')
      out.hex16(ports & 0xffff)
      break
  }
  out.text(' ')
}
