// From the IP protocol number to the transport header's decoder, as nf_ct_get_tuple() chooses (net/netfilter/nf_conntrack_core.c).

import {
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../net/numbers.ts'
import { FAULT_NONE, FAULT_TRANSPORT_TRUNCATED } from './fault.ts'
import { decodeGre } from './gre.ts'
import { decodeIcmp } from './icmp.ts'
import type { Packet } from './packet.ts'
import { decodeSctp } from './sctp.ts'
import { decodeTcp } from './tcp.ts'
import { decodeUdp } from './udp.ts'

/**
 * Decodes the transport header at `at`; network fields and `protocol` are set. Each decoder returns how many bytes the
 * tracker reads at the least: when the packet has them and the capture has not, conntrack saw what we cannot.
 * A fragment is never at fault, for it is the reassembled datagram that gets tracked.
 */
export function decodeTransport(view: DataView, at: number, packet: Packet): boolean {
  const networkEnd = packet.networkOffset + packet.networkLength
  const length = networkEnd > at ? networkEnd - at : 0
  const captured = packet.capturedEnd < networkEnd ? Math.max(0, packet.capturedEnd - at) : length
  packet.transportOffset = at
  packet.transportLength = length
  packet.transportCaptured = captured
  if (packet.fragmentOffset !== 0) {
    packet.hasTuple = false
    packet.sourcePort = 0
    packet.destinationPort = 0
    return packet.fault === FAULT_NONE
  }
  const needed = decodeHeader(view, at, packet)
  if (captured < needed && captured < length && !packet.moreFragments && packet.fault === FAULT_NONE) {
    packet.fault = FAULT_TRANSPORT_TRUNCATED
  }
  return packet.fault === FAULT_NONE
}

function decodeHeader(view: DataView, at: number, packet: Packet): number {
  switch (packet.protocol) {
    case IPPROTO_TCP:
      return decodeTcp(view, at, packet)
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
      return decodeUdp(view, at, packet)
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return decodeIcmp(view, at, packet)
    case IPPROTO_SCTP:
      return decodeSctp(view, at, packet)
    case IPPROTO_GRE:
      return decodeGre(view, at, packet)
    default:
      packet.hasTuple = true
      packet.sourcePort = 0
      packet.destinationPort = 0
      return 0
  }
}
