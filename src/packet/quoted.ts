// The packet that an ICMP error quotes, by the few tests of nf_ct_get_tuplepr() (net/netfilter/nf_conntrack_core.c).

import {
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../net/numbers.ts'
import { FAULT_IP_TRUNCATED, FAULT_NONE, FAULT_TRANSPORT_TRUNCATED, refuse } from './fault.ts'
import { PPTP_LENGTH } from './gre.ts'
import { ICMP_HEADER_LENGTH } from './icmp.ts'
import { decodeIpv6Chain, IPV6_HEADER_LENGTH } from './ipv6.ts'
import type { Packet } from './packet.ts'
import { PORTS_LENGTH } from './ports.ts'
import { decodeTransport } from './transport.ts'

const IPV4_HEADER_LENGTH = 20
const IPV4_FRAGMENT = 6
const IPV4_TTL = 8
const IPV4_SOURCE = 12
const IPV4_DESTINATION = 16
const IPV4_MORE_FRAGMENTS = 0x2000
const IPV4_OFFSET_MASK = 0x1fff

/**
 * Decodes the packet of `family` that `packet` quotes at `at` into `quoted`. True: it has a tuple. False with
 * `quoted.fault` FAULT_NONE: the kernel finds none either; with another fault: the capture is cut off before it ends.
 *
 * The kernel looks at neither version, length, checksum nor TTL of the quoted header; a quoted later fragment has no
 * tuple. `quoted.networkLength` is what the error has room for, not what the quoted packet had.
 */
export function decodeQuoted(packet: Packet, at: number, family: number, quoted: Packet): boolean {
  quoted.bytes = packet.bytes
  quoted.view = packet.view
  quoted.capturedEnd = packet.capturedEnd
  quoted.wireEnd = packet.networkOffset + packet.networkLength
  quoted.fault = FAULT_NONE
  quoted.time = packet.time
  quoted.frame = packet.frame
  quoted.capture = packet.capture
  quoted.interface = packet.interface
  quoted.depth = packet.depth + 1
  quoted.zone = packet.zone
  quoted.family = 0
  quoted.protocol = 0
  quoted.hasTuple = false
  const headerLength = family === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH
  if (quoted.wireEnd - at < headerLength) return false
  if (quoted.capturedEnd - at < headerLength) return refuse(quoted, FAULT_IP_TRUNCATED)
  quoted.family = family
  quoted.networkOffset = at
  quoted.networkLength = quoted.wireEnd - at
  if (family === 4) decodeIpv4Quote(packet.view, at, quoted)
  else decodeIpv6Chain(packet.view, at, packet.capturedEnd, quoted)
  if (!quoted.hasTuple) return false
  const needed = Math.min(tupleLength(quoted.protocol), quoted.transportLength)
  quoted.fault = quoted.transportCaptured < needed ? FAULT_TRANSPORT_TRUNCATED : FAULT_NONE
  return quoted.fault === FAULT_NONE
}

function decodeIpv4Quote(view: DataView, at: number, quoted: Packet): void {
  const fragment = view.getUint16(at + IPV4_FRAGMENT)
  quoted.ttl = view.getUint8(at + IPV4_TTL)
  quoted.identification = view.getUint16(at + IPV4_FRAGMENT - 2)
  quoted.fragmentOffset = (fragment & IPV4_OFFSET_MASK) << 3
  quoted.moreFragments = (fragment & IPV4_MORE_FRAGMENTS) !== 0
  quoted.fragmentHeader = false
  quoted.headerUnsummed = false
  quoted.source0 = view.getInt32(at + IPV4_SOURCE)
  quoted.destination0 = view.getInt32(at + IPV4_DESTINATION)
  quoted.protocol = view.getUint8(at + IPV4_TTL + 1)
  const headerLength = (view.getUint8(at) & 0x0f) << 2
  if (headerLength <= quoted.networkLength) decodeTransport(view, at + headerLength, quoted)
}

/** Bytes of the transport header that make a tuple. */
function tupleLength(protocol: number): number {
  switch (protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
    case IPPROTO_SCTP:
      return PORTS_LENGTH
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return ICMP_HEADER_LENGTH
    case IPPROTO_GRE:
      return PPTP_LENGTH
    default:
      return 0
  }
}
