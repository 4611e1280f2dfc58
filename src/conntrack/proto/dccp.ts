// The DCCP tracker that kernels had up to 6.16: nf_conntrack_proto_dccp.c (RFC 4340).
import { CHECKSUM_BAD, transportChecksum } from '../../packet/checksum.ts'
import type { Packet } from '../../packet/packet.ts'
import { ACCEPT, type Context, REFUSE } from '../context.ts'
import {
  REASON_DCCP_CHECKSUM,
  REASON_DCCP_COVERAGE,
  REASON_DCCP_IGNORED,
  REASON_DCCP_MALFORMED,
  REASON_DCCP_SEQUENCE,
  REASON_DCCP_STATE,
  REASON_DCCP_TYPE,
} from '../reason.ts'
import { IPCT_PROTOINFO, IPS_ASSURED, IPS_SEEN_REPLY } from '../status.ts'
import { ENTRY_SHIFT, EVENTS, PROTO, STATE, STATUS, TRACKER } from '../table-layout.ts'
import {
  DCCP_IGNORE,
  DCCP_INVALID,
  DCCP_NONE,
  DCCP_PARTOPEN,
  DCCP_REQUEST,
  DCCP_RESPOND,
  DCCP_TIMEOUTS,
  DCCP_TIMEWAIT,
  nextDccpState,
  PACKET_ACK,
  PACKET_DATA,
  PACKET_INVALID,
  PACKET_REQUEST,
  PACKET_RESET,
  PACKET_RESPONSE,
} from './dccp-table.ts'

/** Words of an entry: the role of the original direction (0 client, 1 server), and the packet remembered last. */
const ROLE = TRACKER
const LAST_DIRECTION = TRACKER + 1
const LAST_TYPE = TRACKER + 2
/** The sequence number of the Response, 48 bits in two words. */
const HANDSHAKE_HIGH = PROTO
const HANDSHAKE_LOW = PROTO + 1

/** A header without the extension that 48-bit sequence numbers need. kernel: struct dccp_hdr */
const HEADER = 12
const EXTENSION = 4
/** What follows by the type: acknowledgment, service code, reset code. kernel: dccp_packet_hdr_len() */
const SUBTYPE = [4, 12, 0, 8, 8, 8, 8, 12, 8, 8] as const
/** Types that need 48-bit sequence numbers: all but Data, Ack and DataAck. */
const SHORT_SEQUENCES = (1 << PACKET_DATA) | (1 << PACKET_ACK) | (1 << 4)

/** kernel: nf_conntrack_dccp_packet() */
export function dccpPacket(
  context: Context,
  ct: number,
  packet: Packet,
  direction: number,
  isNew: boolean,
): number {
  // a packet that the capture cut off before its type says nothing
  if (packet.transportLength < HEADER || packet.transportCaptured < HEADER) return REFUSE
  if (dccpError(context, packet)) return REFUSE
  const type = typeOf(packet)
  const strict = context.traits.dccpLongSequences
  if (strict && packet.transportLength < basicLength(packet) + SUBTYPE[type]) return REFUSE
  const entries = context.table.entries
  const at = ct << ENTRY_SHIFT
  // with loose pickup, too: the grid has one way out of NONE
  if (isNew && nextDccpState(0, type, DCCP_NONE) === DCCP_INVALID) {
    context.reasons.add(REASON_DCCP_STATE)
    return REFUSE
  }
  if (type === PACKET_RESET && (entries[at + STATUS] & IPS_SEEN_REPLY) === 0) {
    context.account(ct, direction, packet)
    context.killed = true
    return ACCEPT
  }
  const role = entries[at + ROLE] ^ direction
  const oldState = entries[at + STATE]
  let state = nextDccpState(role, type, oldState)
  switch (state) {
    case DCCP_REQUEST:
      // reopened by the other side, which is the client from now on
      if (oldState === DCCP_TIMEWAIT && role === 1) entries[at + ROLE] = direction
      break
    case DCCP_RESPOND:
      if (oldState === DCCP_REQUEST) noteHandshake(context, ct, packet)
      break
    case DCCP_PARTOPEN:
      if (oldState === DCCP_RESPOND && type === PACKET_ACK && acknowledgesHandshake(context, ct, packet))
        entries[at + STATUS] |= IPS_ASSURED
      break
    case DCCP_IGNORE:
      if (
        entries[at + LAST_DIRECTION] === 1 - direction &&
        entries[at + LAST_TYPE] === PACKET_REQUEST &&
        type === PACKET_RESPONSE
      ) {
        // answers a Request that was let through: the two are in step, only we are not
        entries[at + ROLE] = 1 - direction
        noteHandshake(context, ct, packet)
        state = DCCP_RESPOND
        break
      }
      entries[at + LAST_DIRECTION] = direction
      entries[at + LAST_TYPE] = type
      context.reasons.add(REASON_DCCP_IGNORED)
      return ACCEPT
    case DCCP_INVALID:
      context.reasons.add(REASON_DCCP_STATE)
      return REFUSE
  }
  entries[at + LAST_DIRECTION] = direction
  entries[at + LAST_TYPE] = type
  entries[at + STATE] = state
  if (state !== oldState) entries[at + EVENTS] |= IPCT_PROTOINFO
  context.refresh(ct, direction, packet, DCCP_TIMEOUTS[state] * context.table.hz)
  return ACCEPT
}

/** kernel: dccp_error() */
function dccpError(context: Context, packet: Packet): boolean {
  const { view, transportOffset: at, transportLength: length } = packet
  const header = view.getUint8(at + 4) * 4
  const coverage = view.getUint8(at + 5) & 0x0f
  const type = typeOf(packet)
  if (header < HEADER || header > length) context.reasons.add(REASON_DCCP_MALFORMED)
  else if (coverage !== 0 && (coverage - 1) * 4 > length) context.reasons.add(REASON_DCCP_COVERAGE)
  else if (context.checksum && transportChecksum(packet) === CHECKSUM_BAD)
    context.reasons.add(REASON_DCCP_CHECKSUM)
  else if (type >= PACKET_INVALID) context.reasons.add(REASON_DCCP_TYPE)
  else if (context.traits.dccpLongSequences && ((SHORT_SEQUENCES >> type) & 1) === 0 && !isLong(packet))
    context.reasons.add(REASON_DCCP_SEQUENCE)
  else return false
  return true
}

function typeOf(packet: Packet): number {
  return (packet.view.getUint8(packet.transportOffset + 8) >> 1) & 0x0f
}

/** Whether the sequence numbers have 48 bits. */
function isLong(packet: Packet): boolean {
  return (packet.view.getUint8(packet.transportOffset + 8) & 1) !== 0
}

function basicLength(packet: Packet): number {
  return isLong(packet) ? HEADER + EXTENSION : HEADER
}

/** Remembers the sequence number of a Response. */
function noteHandshake(context: Context, ct: number, packet: Packet): void {
  const entries = context.table.entries
  const { view, transportOffset: at } = packet
  const long = isLong(packet) && packet.transportCaptured >= HEADER + EXTENSION
  entries[(ct << ENTRY_SHIFT) + HANDSHAKE_HIGH] = long ? view.getUint16(at + 10) : 0
  entries[(ct << ENTRY_SHIFT) + HANDSHAKE_LOW] = long
    ? view.getInt32(at + HEADER)
    : view.getUint16(at + 10) | (view.getUint8(at + 9) << 16)
}

function acknowledgesHandshake(context: Context, ct: number, packet: Packet): boolean {
  const entries = context.table.entries
  const at = packet.transportOffset + basicLength(packet)
  if (at + 8 > packet.transportOffset + packet.transportCaptured) return false
  return (
    packet.view.getUint16(at + 2) === entries[(ct << ENTRY_SHIFT) + HANDSHAKE_HIGH] &&
    packet.view.getInt32(at + 4) === entries[(ct << ENTRY_SHIFT) + HANDSHAKE_LOW]
  )
}
