// ICMP and ICMPv6 queries and their replies: nf_conntrack_proto_icmp.c, nf_conntrack_proto_icmpv6.c.
import type { Packet } from '../../packet/packet.ts'
import { ACCEPT, type Context, REFUSE } from '../context.ts'

const ECHO = 8
const TIMESTAMP = 13
const INFO_REQUEST = 15
const ADDRESS = 17
const V6_ECHO_REQUEST = 128
const V6_NI_QUERY = 139

/** kernel: nf_conntrack_icmp_packet(); the type that opened the entry must be a request */
export function icmpPacket(context: Context, ct: number, packet: Packet, direction: number): number {
  if (packet.family !== 4 || !opensFlow(openingType(context, ct))) return REFUSE
  context.refresh(ct, direction, packet, context.timeouts.icmp)
  return ACCEPT
}

/** kernel: nf_conntrack_icmpv6_packet() */
export function icmpv6Packet(
  context: Context,
  ct: number,
  packet: Packet,
  direction: number,
  isNew: boolean,
): number {
  if (packet.family !== 6) return REFUSE
  if (isNew) {
    const type = openingType(context, ct)
    if (type !== V6_ECHO_REQUEST && type !== V6_NI_QUERY) return REFUSE
  }
  context.refresh(ct, direction, packet, context.timeouts.icmpv6)
  return ACCEPT
}

function openingType(context: Context, ct: number): number {
  return (context.table.ports(ct * 2) >>> 8) & 0xff
}

function opensFlow(type: number): boolean {
  return type === ECHO || type === TIMESTAMP || type === INFO_REQUEST || type === ADDRESS
}
