// GRE, its keys taken from PPTP version 1 headers: nf_conntrack_proto_gre.c without the PPTP helper's key map.
import type { Packet } from '../../packet/packet.ts'
import { ACCEPT, type Context } from '../context.ts'
import { IPS_ASSURED, IPS_SEEN_REPLY } from '../status.ts'

/** kernel: nf_conntrack_gre_packet() */
export function grePacket(context: Context, ct: number, packet: Packet, direction: number): number {
  const status = context.table.status(ct)
  if ((status & IPS_SEEN_REPLY) === 0) {
    context.refresh(ct, direction, packet, context.timeouts.gre)
    return ACCEPT
  }
  context.refresh(ct, direction, packet, context.timeouts.greStream)
  if ((status & IPS_ASSURED) === 0) context.setAssured(ct)
  return ACCEPT
}
