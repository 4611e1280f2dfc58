// From the protocol of a packet to its tracker: nf_conntrack_handle_packet() of nf_conntrack_core.c.
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
import type { Packet } from '../../packet/packet.ts'
import type { Context } from '../context.ts'
import { dccpPacket } from './dccp.ts'
import { genericPacket } from './generic.ts'
import { grePacket } from './gre.ts'
import { icmpPacket, icmpv6Packet } from './icmp.ts'
import { sctpPacket } from './sctp.ts'
import { tcpPacket } from './tcp.ts'
import { udplitePacket, udpPacket } from './udp.ts'

/** Lets the tracker judge the packet: ACCEPT, REFUSE or REPEAT. */
export function handlePacket(
  context: Context,
  ct: number,
  packet: Packet,
  direction: number,
  isNew: boolean,
): number {
  switch (packet.protocol) {
    case IPPROTO_TCP:
      return tcpPacket(context, ct, packet, direction, isNew)
    case IPPROTO_UDP:
      return udpPacket(context, ct, packet, direction, isNew)
    case IPPROTO_ICMP:
      return icmpPacket(context, ct, packet, direction)
    case IPPROTO_ICMPV6:
      return icmpv6Packet(context, ct, packet, direction, isNew)
    case IPPROTO_UDPLITE:
      return context.traits.udplite
        ? udplitePacket(context, ct, packet, direction)
        : genericPacket(context, ct, packet, direction)
    case IPPROTO_DCCP:
      return context.traits.dccp
        ? dccpPacket(context, ct, packet, direction, isNew)
        : genericPacket(context, ct, packet, direction)
    case IPPROTO_SCTP:
      return sctpPacket(context, ct, packet, direction, isNew)
    case IPPROTO_GRE:
      return grePacket(context, ct, packet, direction)
    default:
      return genericPacket(context, ct, packet, direction)
  }
}
