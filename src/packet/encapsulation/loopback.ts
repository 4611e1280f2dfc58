// BSD loopback, NULL and LOOP: an address family in either byte order before the IP packet (tcpdump.org/linktypes).

import { FAULT_LINK_TRUNCATED, refuse } from '../fault.ts'
import { decodeIpv4 } from '../ipv4.ts'
import { decodeIpv6 } from '../ipv6.ts'
import type { Packet } from '../packet.ts'
import { decodeEtherType } from './ethernet.ts'

const HEADER_LENGTH = 4

const AF_INET = 2
const AF_INET6_LINUX = 10
const AF_INET6_WINDOWS = 23
const AF_INET6_NETBSD = 24
const AF_INET6_FREEBSD = 28
const AF_INET6_DARWIN = 30

/** Decodes the loopback frame at `at`; families are small, so the byte order that makes one small is right. */
export function decodeLoopback(view: DataView, at: number, end: number, packet: Packet): boolean {
  if (end - at < HEADER_LENGTH) return refuse(packet, FAULT_LINK_TRUNCATED)
  switch (Math.min(view.getUint32(at), view.getUint32(at, true))) {
    case AF_INET:
      return decodeIpv4(view, at + HEADER_LENGTH, end, packet)
    case AF_INET6_LINUX:
    case AF_INET6_WINDOWS:
    case AF_INET6_NETBSD:
    case AF_INET6_FREEBSD:
    case AF_INET6_DARWIN:
      return decodeIpv6(view, at + HEADER_LENGTH, end, packet)
    default:
      // some writers leave another link's header, whose second half is an EtherType
      return decodeEtherType(view, at + HEADER_LENGTH, end, view.getUint16(at + 2), packet)
  }
}
