// Window tracking, tcp_in_window() of nf_conntrack_proto_tcp.c (van Rooij, "Real Stateful TCP Packet Filtering in IP Filter").
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../net/numbers.ts'
import { after, before } from '../../net/sequence.ts'
import type { Packet } from '../../packet/packet.ts'
import { highestSackEdge, readSynOptions, type SynOptions } from '../../packet/tcp.ts'
import type { Context } from '../context.ts'
import {
  REASON_TCP_ACK_OVER,
  REASON_TCP_ACK_UNDER,
  REASON_TCP_OVERSHOT,
  REASON_TCP_SEQ_OVER,
  REASON_TCP_SEQ_UNDER,
} from '../reason.ts'
import { PROTO_SHIFT, SMALL_SHIFT, SMALL_STATE } from '../table.ts'
import { INDEX_ACK, TCP_SYN_RECV, TCP_SYN_SENT } from './tcp-table.ts'

/** Words of `proto` a direction has (struct ip_ct_tcp_state); the original direction's come first. */
const SEEN_WORDS = 6
/** Highest sequence number (plus length) seen from this side. */
export const TD_END = 0
/** Highest the other side lets this one send. */
export const TD_MAXEND = 1
/** Largest window this side ever announced, scaled; 0 = nothing seen from it yet. */
export const TD_MAXWIN = 2
/** Highest acknowledgment seen from this side. */
export const TD_MAXACK = 3
export const TD_SCALE = 4
export const TD_FLAGS = 5
/** Words both directions share: the last segment remembered. */
export const LAST_SEQ = 12
export const LAST_ACK = 13
export const LAST_END = 14
export const LAST_WIN = 15

/** Bytes of `small` beside SMALL_STATE. */
export const LAST_DIR = 1
export const LAST_INDEX = 2
export const RETRANS = 3
export const LAST_WSCALE = 4
export const LAST_FLAGS = 5

/** Flags of a side, of `LAST_FLAGS` the last two. kernel: IP_CT_TCP_FLAG_* */
export const FLAG_WINDOW_SCALE = 0x01
export const FLAG_SACK_PERM = 0x02
export const FLAG_CLOSE_INIT = 0x04
export const FLAG_BE_LIBERAL = 0x08
export const FLAG_DATA_UNACKNOWLEDGED = 0x10
export const FLAG_MAXACK_SET = 0x20
export const FLAG_EXP_CHALLENGE_ACK = 0x40
export const FLAG_SIMULTANEOUS_OPEN = 0x80

/** Acknowledgments up to this far behind are let through. kernel: MAXACKWINCONST */
const MAXACKWINDOW = 66000

/** Answers of inWindow(). kernel: enum nf_ct_tcp_action */
export const WINDOW_ACCEPT = 0
export const WINDOW_IGNORE = 1
export const WINDOW_INVALID = 2

/** The reused record of the options of the SYN at hand. */
export const synOptions: SynOptions = { present: false, windowScale: 0, windowScaling: false, sackPermitted: false }

/** Where the words of one side start in `proto`. */
export function seenAt(ct: number, direction: number): number {
  return (ct << PROTO_SHIFT) + direction * SEEN_WORDS
}

/** Sequence number behind the segment; SYN and FIN count one each. kernel: segment_seq_plus_len() */
export function segmentEnd(packet: Packet): number {
  const flags = packet.tcpFlags
  const controls = ((flags & TCP_SYN) >> 1) + (flags & TCP_FIN)
  return (packet.sequence + packet.transportLength - packet.tcpHeaderLength + controls) | 0
}

/** Takes scale and SACK over from a SYN; without any options the old ones stay. kernel: tcp_options() */
export function takeOptions(proto: Int32Array, seen: number, packet: Packet): void {
  readSynOptions(packet, synOptions)
  if (!synOptions.present) return
  proto[seen + TD_SCALE] = synOptions.windowScale
  proto[seen + TD_FLAGS] =
    (proto[seen + TD_FLAGS] & FLAG_BE_LIBERAL) |
    (synOptions.sackPermitted ? FLAG_SACK_PERM : 0) |
    (synOptions.windowScaling ? FLAG_WINDOW_SCALE : 0)
}

/** kernel: tcp_init_sender() */
function initSender(proto: Int32Array, sender: number, receiver: number, packet: Packet, end: number, direction: number): void {
  proto[sender + TD_END] = end
  proto[sender + TD_MAXEND] = end
  proto[sender + TD_MAXWIN] = packet.window === 0 ? 1 : packet.window
  takeOptions(proto, sender, packet)
  // RFC 7323: scaling is on only when both sides announced it
  if (direction === 1 && (proto[sender + TD_FLAGS] & proto[receiver + TD_FLAGS] & FLAG_WINDOW_SCALE) === 0) {
    proto[sender + TD_SCALE] = 0
    proto[receiver + TD_SCALE] = 0
  }
}

/** Lowest acknowledgment still let through, minus one. */
function ackFloor(proto: Int32Array, sender: number, receiver: number): number {
  const window = proto[sender + TD_MAXWIN] >>> 0
  return (proto[receiver + TD_END] - (window > MAXACKWINDOW ? window : MAXACKWINDOW) - 1) | 0
}

/** First segment from a side of which no SYN was seen: its history is lost, so believe the segment. */
function pickUpSender(proto: Int32Array, sender: number, receiver: number, packet: Packet, end: number, sack: number): void {
  const window = packet.window << proto[sender + TD_SCALE]
  proto[sender + TD_END] = end
  proto[sender + TD_MAXWIN] = window === 0 ? 1 : window
  proto[sender + TD_MAXEND] = (end + proto[sender + TD_MAXWIN]) | 0
  if (proto[receiver + TD_MAXWIN] === 0) {
    proto[receiver + TD_END] = sack
    proto[receiver + TD_MAXEND] = sack
  } else if (sack === ((proto[receiver + TD_END] + 1) | 0)) {
    // likely the answer to a keepalive
    proto[receiver + TD_END] = (proto[receiver + TD_END] + 1) | 0
  }
}

/**
 * Whether a segment lies in the windows, and what it teaches about them. Complaints go to `context.reasons`; in
 * liberal mode there are none and the segment is accepted as it is.
 * @returns WINDOW_ACCEPT, WINDOW_IGNORE or WINDOW_INVALID
 */
export function inWindow(context: Context, ct: number, direction: number, index: number, packet: Packet): number {
  const proto = context.table.proto
  const sender = seenAt(ct, direction)
  const receiver = seenAt(ct, 1 - direction)
  const flags = packet.tcpFlags
  const state = context.table.small[(ct << SMALL_SHIFT) + SMALL_STATE]
  const syn = (flags & TCP_SYN) !== 0
  let seq = packet.sequence
  let ack = packet.acknowledgment
  let sack = ack
  let end = segmentEnd(packet)
  if ((proto[receiver + TD_FLAGS] & FLAG_SACK_PERM) !== 0) sack = highestSackEdge(packet, sack)

  if (proto[sender + TD_MAXWIN] === 0) {
    if (syn) {
      initSender(proto, sender, receiver, packet, end, direction)
      // simultaneous open
      if ((flags & TCP_ACK) === 0) return WINDOW_ACCEPT
    } else pickUpSender(proto, sender, receiver, packet, end, sack)
  } else if (syn && after(end, proto[sender + TD_END]) && (state === TCP_SYN_SENT || state === TCP_SYN_RECV)) {
    // the side starts anew; it may differ in sequence number and options
    initSender(proto, sender, receiver, packet, end, direction)
    if (direction === 1 && (flags & TCP_ACK) === 0) return WINDOW_ACCEPT
  }

  // without ACK, or with the zero ACK some stacks put into a RST, pretend it was right
  if ((flags & TCP_ACK) === 0 || ((flags & TCP_RST) !== 0 && ack === 0)) {
    ack = proto[receiver + TD_END]
    sack = ack
  }
  // a RST that answers a SYN
  if ((flags & TCP_RST) !== 0 && seq === 0 && state === TCP_SYN_SENT) {
    seq = proto[sender + TD_END]
    end = seq
  }

  const refusal = checkBounds(context, proto, sender, receiver, seq, end, sack)
  if (refusal >= 0) return refusal
  learn(proto, sender, receiver, packet, ack, sack, end)
  if (index === INDEX_ACK) countRetransmission(context, ct, direction, packet, seq, ack, end)
  return WINDOW_ACCEPT
}

/** The four bounds. Returns -1 inside them, otherwise the answer. */
function checkBounds(
  context: Context,
  proto: Int32Array,
  sender: number,
  receiver: number,
  seq: number,
  end: number,
  sack: number,
): number {
  const receiverEnd = proto[receiver + TD_END]
  const floor = (proto[sender + TD_END] - proto[receiver + TD_MAXWIN] - 1) | 0
  if (!before(seq, (proto[sender + TD_MAXEND] + 1) | 0)) {
    const overshot = (end - proto[sender + TD_MAXEND] + 1) >>> 0
    if (
      proto[receiver + TD_MAXWIN] !== 0 &&
      after(end, floor) &&
      after(sack, ackFloor(proto, sender, receiver)) &&
      overshot <= proto[receiver + TD_MAXWIN] >>> 0 &&
      before(sack, (receiverEnd + 1) | 0)
    ) {
      // sent a little too much: if it is acknowledged all the same, that acknowledgment must pass
      proto[sender + TD_END] = end
      proto[sender + TD_FLAGS] |= FLAG_DATA_UNACKNOWLEDGED
      return complain(context, proto, sender, WINDOW_IGNORE, REASON_TCP_OVERSHOT, overshot)
    }
    return complain(context, proto, sender, WINDOW_INVALID, REASON_TCP_SEQ_OVER, proto[sender + TD_MAXEND] + 1)
  }
  if (!before(sack, (receiverEnd + 1) | 0)) {
    return complain(context, proto, sender, WINDOW_INVALID, REASON_TCP_ACK_OVER, receiverEnd + 1)
  }
  if (proto[receiver + TD_MAXWIN] !== 0 && !after(end, floor)) {
    return complain(context, proto, sender, WINDOW_IGNORE, REASON_TCP_SEQ_UNDER, floor)
  }
  const lowest = ackFloor(proto, sender, receiver)
  if (!after(sack, lowest)) return complain(context, proto, sender, WINDOW_IGNORE, REASON_TCP_ACK_UNDER, lowest)
  return -1
}

/** kernel: nf_tcp_store_invalid() */
function complain(context: Context, proto: Int32Array, sender: number, answer: number, reason: number, value: number): number {
  if (context.beLiberal || (proto[sender + TD_FLAGS] & FLAG_BE_LIBERAL) !== 0) return WINDOW_ACCEPT
  context.reasons.add(reason, value)
  return answer
}

/** What a segment inside the bounds tells about both sides. */
function learn(
  proto: Int32Array,
  sender: number,
  receiver: number,
  packet: Packet,
  ack: number,
  sack: number,
  end: number,
): void {
  const flags = packet.tcpFlags
  // the window of a SYN is never scaled
  const window = (flags & TCP_SYN) !== 0 ? packet.window : packet.window << proto[sender + TD_SCALE]
  const reach = (window + (sack - ack)) >>> 0
  if (proto[sender + TD_MAXWIN] >>> 0 < reach) proto[sender + TD_MAXWIN] = reach
  if (after(end, proto[sender + TD_END])) {
    proto[sender + TD_END] = end
    proto[sender + TD_FLAGS] |= FLAG_DATA_UNACKNOWLEDGED
  }
  if ((flags & TCP_ACK) !== 0) {
    if ((proto[sender + TD_FLAGS] & FLAG_MAXACK_SET) === 0) {
      proto[sender + TD_MAXACK] = ack
      proto[sender + TD_FLAGS] |= FLAG_MAXACK_SET
    } else if (after(ack, proto[sender + TD_MAXACK])) proto[sender + TD_MAXACK] = ack
  }
  const senderMaxend = proto[sender + TD_MAXEND]
  if (proto[receiver + TD_MAXWIN] !== 0 && after(end, senderMaxend)) {
    proto[receiver + TD_MAXWIN] = (proto[receiver + TD_MAXWIN] + ((end - senderMaxend) | 0)) | 0
  }
  const edge = (sack + window) | 0
  if (after(edge, (proto[receiver + TD_MAXEND] - 1) | 0)) {
    proto[receiver + TD_MAXEND] = window === 0 ? (edge + 1) | 0 : edge
  }
  if (ack === proto[receiver + TD_END]) proto[receiver + TD_FLAGS] &= ~FLAG_DATA_UNACKNOWLEDGED
}

/** Counts identical ACKs in a row, in 8 bits as the kernel does. */
function countRetransmission(
  context: Context,
  ct: number,
  direction: number,
  packet: Packet,
  seq: number,
  ack: number,
  end: number,
): void {
  const proto = context.table.proto
  const small = context.table.small
  const words = ct << PROTO_SHIFT
  const bytes = ct << SMALL_SHIFT
  if (
    small[bytes + LAST_DIR] === direction &&
    proto[words + LAST_SEQ] === seq &&
    proto[words + LAST_ACK] === ack &&
    proto[words + LAST_END] === end &&
    proto[words + LAST_WIN] === packet.window
  ) {
    small[bytes + RETRANS]++
    return
  }
  small[bytes + LAST_DIR] = direction
  proto[words + LAST_SEQ] = seq
  proto[words + LAST_ACK] = ack
  proto[words + LAST_END] = end
  proto[words + LAST_WIN] = packet.window
  small[bytes + RETRANS] = 0
}
