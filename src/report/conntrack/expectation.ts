// Lines of `conntrack -E expect` (libnetfilter_conntrack's snprintf_default.c for expectations).
import { EXPECT_INACTIVE, EXPECT_PERMANENT, type Expectation } from '../../conntrack/expect/expectations.ts'
import type { Table } from '../../conntrack/table.ts'
import { KIND_IPV6 } from '../../conntrack/tuple.ts'
import { formatIpv4, formatIpv6 } from '../../net/address.ts'
import { IPPROTO_GRE } from '../../net/numbers.ts'
import type { Ascii } from '../text/ascii.ts'

const TAGS = { NEW: '    [NEW] ', DESTROY: '[DESTROY] ' }
const ALL_PORTS = 0xffff

/**
 * Appends a line without its time stamp.
 * @param table has the entry of the expectation's master
 * @param seconds that it has left
 */
export function writeExpectationLine(
  out: Ascii,
  table: Table,
  expectation: Expectation,
  event: 'NEW' | 'DESTROY',
  seconds: number,
): void {
  const { kind, source, mask, destination, sourcePort, port, master, flags, helper } = expectation
  const protocol = kind & 0xff
  const isIpv6 = kind >= KIND_IPV6
  const all = isIpv6 ? [-1, -1, -1, -1] : [-1]
  const none = all.map(() => 0)
  out.text(`${TAGS[event]}${seconds} proto=${protocol} `)
  writeEnds(out, '', source ?? none, destination, isIpv6)
  writePorts(out, protocol, sourcePort ?? 0, port)
  writeEnds(out, 'mask-', source === null ? none : (mask ?? all), all, isIpv6)
  writePorts(out, protocol, sourcePort === null ? 0 : ALL_PORTS, ALL_PORTS)
  writeEnds(out, 'master-', wordsOf(table, master, true), wordsOf(table, master, false), isIpv6)
  const ports = table.ports(master * 2)
  writePorts(out, table.protocol(master), ports >>> 16, ports & 0xffff)
  const names = [
    ...((flags & EXPECT_PERMANENT) === 0 ? [] : ['PERMANENT']),
    ...((flags & EXPECT_INACTIVE) === 0 ? [] : ['INACTIVE']),
  ]
  if (names.length > 0) out.text(`${names.join(',')} `)
  out.text(`class=${expectation.class} helper=${helper}`)
}

function writeEnds(
  out: Ascii,
  prefix: string,
  source: readonly number[],
  destination: readonly number[],
  isIpv6: boolean,
): void {
  out.text(`${prefix}src=${format(source, isIpv6)} ${prefix}dst=${format(destination, isIpv6)} `)
}

function format([a = 0, b = 0, c = 0, d = 0]: readonly number[], isIpv6: boolean): string {
  return isIpv6 ? formatIpv6(a, b, c, d) : formatIpv4(a)
}

function writePorts(out: Ascii, protocol: number, source: number, destination: number): void {
  if (protocol === IPPROTO_GRE)
    out.text(`srckey=0x${source.toString(16)} dstkey=0x${destination.toString(16)} `)
  else out.text(`sport=${source} dport=${destination} `)
}

function wordsOf(table: Table, ct: number, isSource: boolean): number[] {
  const count = table.isIpv6(ct) ? 4 : 1
  return Array.from({ length: count }, (_, i) =>
    isSource ? table.sourceWord(ct * 2, i) : table.destinationWord(ct * 2, i),
  )
}
