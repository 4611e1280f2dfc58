// IP without a link header that names it: the version nibble decides (LINKTYPE_RAW, MPLS, tunnels).

import { FAULT_LINK_TRUNCATED, FAULT_NOT_IP, refuse } from './fault.ts'
import { decodeIpv4 } from './ipv4.ts'
import { decodeIpv6 } from './ipv6.ts'
import type { Packet } from './packet.ts'

/** Decodes the IP packet at `at`, whichever version its first nibble says. */
export function decodeByVersion(view: DataView, at: number, end: number, packet: Packet): boolean {
  if (at >= end) return refuse(packet, FAULT_LINK_TRUNCATED)
  switch (view.getUint8(at) >> 4) {
    case 4:
      return decodeIpv4(view, at, end, packet)
    case 6:
      return decodeIpv6(view, at, end, packet)
    default:
      return refuse(packet, FAULT_NOT_IP)
  }
}
