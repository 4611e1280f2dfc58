// Protocols without a tracker of their own, keyed by addresses and protocol: generic_packet() in nf_conntrack_core.c.
import type { Packet } from '../../packet/packet.ts'
import { ACCEPT, type Context } from '../context.ts'

export function genericPacket(context: Context, ct: number, packet: Packet, direction: number): number {
  context.refresh(ct, direction, packet, context.timeouts.generic)
  return ACCEPT
}
