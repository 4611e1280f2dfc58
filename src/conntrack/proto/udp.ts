// UDP and UDP-Lite: unreplied, replied, a stream after two seconds: nf_conntrack_proto_udp.c.
import { CHECKSUM_BAD, transportChecksum } from '../../packet/checksum.ts'
import type { Packet } from '../../packet/packet.ts'
import { ACCEPT, type Context, REFUSE } from '../context.ts'
import {
  REASON_BAD_CHECKSUM,
  REASON_SHORT,
  REASON_UDP_TRUNCATED,
  REASON_UDPLITE_CHECKSUM_MISSING,
  REASON_UDPLITE_COVERAGE,
} from '../reason.ts'
import { IPS_ASSURED, IPS_NAT_CLASH, IPS_SEEN_REPLY } from '../status.ts'
import { ENTRY_SHIFT, PROTO } from '../table-layout.ts'

const HEADER = 8
const LENGTH = 4
const CHECKSUM = 6
/** Word of an entry: the jiffy after which an active flow is a stream. kernel: proto.udp.stream_ts */
const STREAM_TS = PROTO

/** kernel: nf_conntrack_udp_packet() */
export function udpPacket(
  context: Context,
  ct: number,
  packet: Packet,
  direction: number,
  isNew: boolean,
): number {
  if (udpError(context, packet)) return REFUSE
  const { table, timeouts } = context
  const streamAt = (ct << ENTRY_SHIFT) + STREAM_TS
  if (isNew) table.entries[streamAt] = (context.jiffies + 2 * table.hz) | 0
  const status = table.status(ct)
  if ((status & IPS_SEEN_REPLY) === 0) {
    context.refresh(ct, direction, packet, timeouts.udp)
    return ACCEPT
  }
  const active = ((table.entries[streamAt] - context.jiffies) | 0) < 0
  context.refresh(ct, direction, packet, active ? timeouts.udpStream : timeouts.udp)
  if ((active || !context.traits.udpAssuredAsStream) && (status & (IPS_ASSURED | IPS_NAT_CLASH)) === 0)
    context.setAssured(ct)
  return ACCEPT
}

/** kernel: nf_conntrack_udplite_packet(); assured from the packet after the first reply */
export function udplitePacket(context: Context, ct: number, packet: Packet, direction: number): number {
  if (udpliteError(context, packet)) return REFUSE
  const status = context.table.status(ct)
  if ((status & IPS_SEEN_REPLY) === 0) {
    context.refresh(ct, direction, packet, context.timeouts.udp)
    return ACCEPT
  }
  context.refresh(ct, direction, packet, context.timeouts.udpStream)
  if ((status & (IPS_ASSURED | IPS_NAT_CLASH)) === 0) context.setAssured(ct)
  return ACCEPT
}

/** kernel: udp_error() */
function udpError(context: Context, packet: Packet): boolean {
  if (packet.transportLength < HEADER) {
    context.reasons.add(REASON_SHORT)
    return true
  }
  const length = packet.view.getUint16(packet.transportOffset + LENGTH)
  if (length > packet.transportLength || length < HEADER) {
    context.reasons.add(REASON_UDP_TRUNCATED)
    return true
  }
  return context.checksum && hasChecksum(packet) && badChecksum(context, packet)
}

/** kernel: udplite_error() */
function udpliteError(context: Context, packet: Packet): boolean {
  if (packet.transportLength < HEADER) {
    context.reasons.add(REASON_SHORT)
    return true
  }
  const coverage = packet.view.getUint16(packet.transportOffset + LENGTH)
  if (coverage !== 0 && (coverage < HEADER || coverage > packet.transportLength)) {
    context.reasons.add(REASON_UDPLITE_COVERAGE)
    return true
  }
  if (!hasChecksum(packet)) {
    context.reasons.add(REASON_UDPLITE_CHECKSUM_MISSING)
    return true
  }
  return context.checksum && badChecksum(context, packet)
}

function hasChecksum(packet: Packet): boolean {
  return packet.view.getUint16(packet.transportOffset + CHECKSUM) !== 0
}

function badChecksum(context: Context, packet: Packet): boolean {
  if (transportChecksum(packet) !== CHECKSUM_BAD) return false
  context.reasons.add(REASON_BAD_CHECKSUM)
  return true
}
