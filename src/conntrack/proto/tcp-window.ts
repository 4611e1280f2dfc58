// Window tracking, tcp_in_window() of nf_conntrack_proto_tcp.c (van Rooij, "Real Stateful TCP Packet Filtering in IP Filter").
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../net/numbers.ts'
import { after, before } from '../../net/sequence.ts'
import type { Packet } from '../../packet/packet.ts'
import { highestSackEdge, readSynOptions, type SynOptions } from '../../packet/tcp.ts'
import type { Context } from '../context.ts'
import { MET_OUT_OF_WINDOW } from '../kernel.ts'
import {
  REASON_TCP_ACK_OVER,
  REASON_TCP_ACK_UNDER,
  REASON_TCP_OVERSHOT,
  REASON_TCP_SEQ_OVER,
  REASON_TCP_SEQ_UNDER,
} from '../reason.ts'
import { ENTRY_SHIFT, PROTO, TRACKER } from '../table-layout.ts'
import { INDEX_ACK, TCP_SYN_RECV, TCP_SYN_SENT } from './tcp-table.ts'

/** Words of an entry that a direction has (struct ip_ct_tcp_state); the original direction's come first. */
export const SEEN_WORDS = 6
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
export const LAST_SEQ = PROTO + 12
export const LAST_ACK = PROTO + 13
export const LAST_END = PROTO + 14
export const LAST_WIN = PROTO + 15

export const LAST_DIR = TRACKER
export const LAST_INDEX = TRACKER + 1
export const RETRANS = TRACKER + 2
export const LAST_WSCALE = TRACKER + 3
export const LAST_FLAGS = TRACKER + 4

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
export const MAXACKWINDOW = 66000

/** Answers of inWindow(). kernel: enum nf_ct_tcp_action */
export const WINDOW_ACCEPT = 0
export const WINDOW_IGNORE = 1
export const WINDOW_INVALID = 2

/** The reused record of the options of the SYN at hand. */
export const synOptions: SynOptions = {
  present: false,
  windowScale: 0,
  windowScaling: false,
  sackPermitted: false,
}

/** Where the words of one side start in `entries`. */
export function seenAt(ct: number, direction: number): number {
  return (ct << ENTRY_SHIFT) + PROTO + direction * SEEN_WORDS
}

/** Sequence number behind the segment; SYN and FIN count one each. kernel: segment_seq_plus_len() */
export function segmentEnd(packet: Packet): number {
  const flags = packet.tcpFlags
  const controls = ((flags & TCP_SYN) >> 1) + (flags & TCP_FIN)
  return (packet.sequence + packet.transportLength - packet.tcpHeaderLength + controls) | 0
}

/**
 * Takes scale and SACK over from a SYN; without any options the old ones stay. kernel: tcp_options()
 * @param kept flags that stay in any case
 */
export function takeOptions(entries: Int32Array, seen: number, packet: Packet, kept: number): void {
  readSynOptions(packet, synOptions)
  if (!synOptions.present) return
  entries[seen + TD_SCALE] = synOptions.windowScale
  entries[seen + TD_FLAGS] =
    (entries[seen + TD_FLAGS] & kept) |
    (synOptions.sackPermitted ? FLAG_SACK_PERM : 0) |
    (synOptions.windowScaling ? FLAG_WINDOW_SCALE : 0)
}

/** Flags that a side keeps when it starts anew. */
export function keptFlags({ traits }: Context): number {
  return traits.tcpStaysLiberal ? FLAG_BE_LIBERAL : 0
}

/** A side starts anew; older kernels do so with any segment that goes on while it is opening. */
function restartSender(
  context: Context,
  entries: Int32Array,
  sender: number,
  packet: Packet,
  end: number,
): void {
  entries[sender + TD_END] = end
  entries[sender + TD_MAXEND] = end
  entries[sender + TD_MAXWIN] = packet.window === 0 ? 1 : packet.window
  takeOptions(entries, sender, packet, keptFlags(context))
}

/** kernel: tcp_init_sender() */
function initSender(
  context: Context,
  entries: Int32Array,
  sender: number,
  receiver: number,
  packet: Packet,
  end: number,
  direction: number,
): void {
  restartSender(context, entries, sender, packet, end)
  // RFC 7323: scaling is on only when both sides announced it
  if (
    direction === 1 &&
    (entries[sender + TD_FLAGS] & entries[receiver + TD_FLAGS] & FLAG_WINDOW_SCALE) === 0
  ) {
    entries[sender + TD_SCALE] = 0
    entries[receiver + TD_SCALE] = 0
  }
}

/** Lowest acknowledgment still let through, minus one. */
function ackFloor(entries: Int32Array, sender: number, receiver: number): number {
  const window = entries[sender + TD_MAXWIN] >>> 0
  return (entries[receiver + TD_END] - (window > MAXACKWINDOW ? window : MAXACKWINDOW) - 1) | 0
}

/** First segment from a side of which no SYN was seen: its history is lost, so believe the segment. */
function pickUpSender(
  entries: Int32Array,
  sender: number,
  receiver: number,
  packet: Packet,
  end: number,
  sack: number,
): void {
  const window = packet.window << entries[sender + TD_SCALE]
  entries[sender + TD_END] = end
  entries[sender + TD_MAXWIN] = window === 0 ? 1 : window
  entries[sender + TD_MAXEND] = (end + entries[sender + TD_MAXWIN]) | 0
  if (entries[receiver + TD_MAXWIN] === 0) {
    entries[receiver + TD_END] = sack
    entries[receiver + TD_MAXEND] = sack
  } else if (sack === ((entries[receiver + TD_END] + 1) | 0)) {
    // likely the answer to a keepalive
    entries[receiver + TD_END] = (entries[receiver + TD_END] + 1) | 0
  }
}

/**
 * Whether a segment lies in the windows, and what it teaches about them. Complaints go to `context.reasons`; in
 * liberal mode there are none and the segment is accepted as it is.
 * @returns WINDOW_ACCEPT, WINDOW_IGNORE or WINDOW_INVALID
 */
export function inWindow(
  context: Context,
  ct: number,
  direction: number,
  index: number,
  packet: Packet,
): number {
  const entries = context.table.entries
  const sender = seenAt(ct, direction)
  const receiver = seenAt(ct, 1 - direction)
  const flags = packet.tcpFlags
  const state = context.table.state(ct)
  const syn = (flags & TCP_SYN) !== 0
  let seq = packet.sequence
  let ack = packet.acknowledgment
  let sack = ack
  let end = segmentEnd(packet)
  if ((entries[receiver + TD_FLAGS] & FLAG_SACK_PERM) !== 0) sack = highestSackEdge(packet, sack)
  ack = (ack - packet.acknowledgmentShift) | 0
  sack = (sack - packet.acknowledgmentShift) | 0

  if (entries[sender + TD_MAXWIN] === 0) {
    if (syn) {
      initSender(context, entries, sender, receiver, packet, end, direction)
      // simultaneous open
      if ((flags & TCP_ACK) === 0) return WINDOW_ACCEPT
    } else pickUpSender(entries, sender, receiver, packet, end, sack)
  } else if (!context.traits.tcpRestartsBySyn) {
    const isOpening = state === (direction === 0 ? TCP_SYN_SENT : TCP_SYN_RECV)
    if (isOpening && after(end, entries[sender + TD_END]))
      restartSender(context, entries, sender, packet, end)
  } else if (
    syn &&
    after(end, entries[sender + TD_END]) &&
    (state === TCP_SYN_SENT || state === TCP_SYN_RECV)
  ) {
    // the side starts anew; it may differ in sequence number and options
    initSender(context, entries, sender, receiver, packet, end, direction)
    if (direction === 1 && (flags & TCP_ACK) === 0) return WINDOW_ACCEPT
  }

  // without ACK, or with the zero ACK some stacks put into a RST, pretend it was right
  if ((flags & TCP_ACK) === 0 || ((flags & TCP_RST) !== 0 && ack === 0)) {
    ack = entries[receiver + TD_END]
    sack = ack
  }
  // a RST that answers a SYN
  if ((flags & TCP_RST) !== 0 && seq === 0 && state === TCP_SYN_SENT) {
    seq = entries[sender + TD_END]
    end = seq
  }

  const refusal = context.traits.tcpIgnoresOutOfWindow
    ? checkBounds(context, entries, sender, receiver, seq, end, sack)
    : checkStrictly(context, ct, entries, sender, receiver, seq, end, sack)
  if (refusal === WINDOW_IGNORE) context.meets(ct, MET_OUT_OF_WINDOW)
  if (refusal >= 0) return refusal
  learn(entries, sender, receiver, packet, ack, sack, end)
  if (index === INDEX_ACK) countRetransmission(context, ct, direction, packet, seq, ack, end)
  return WINDOW_ACCEPT
}

/** The four bounds. Returns -1 inside them, otherwise the answer. */
function checkBounds(
  context: Context,
  entries: Int32Array,
  sender: number,
  receiver: number,
  seq: number,
  end: number,
  sack: number,
): number {
  const receiverEnd = entries[receiver + TD_END]
  const floor = (entries[sender + TD_END] - entries[receiver + TD_MAXWIN] - 1) | 0
  if (!before(seq, (entries[sender + TD_MAXEND] + 1) | 0)) {
    const overshot = (end - entries[sender + TD_MAXEND] + 1) >>> 0
    if (
      entries[receiver + TD_MAXWIN] !== 0 &&
      after(end, floor) &&
      after(sack, ackFloor(entries, sender, receiver)) &&
      overshot <= entries[receiver + TD_MAXWIN] >>> 0 &&
      before(sack, (receiverEnd + 1) | 0)
    ) {
      // sent a little too much: if it is acknowledged all the same, that acknowledgment must pass
      entries[sender + TD_END] = end
      entries[sender + TD_FLAGS] |= FLAG_DATA_UNACKNOWLEDGED
      return complain(context, entries, sender, WINDOW_IGNORE, REASON_TCP_OVERSHOT, overshot)
    }
    return complain(
      context,
      entries,
      sender,
      WINDOW_INVALID,
      REASON_TCP_SEQ_OVER,
      entries[sender + TD_MAXEND] + 1,
    )
  }
  if (!before(sack, (receiverEnd + 1) | 0)) {
    return complain(context, entries, sender, WINDOW_INVALID, REASON_TCP_ACK_OVER, receiverEnd + 1)
  }
  if (entries[receiver + TD_MAXWIN] !== 0 && !after(end, floor)) {
    return complain(context, entries, sender, WINDOW_IGNORE, REASON_TCP_SEQ_UNDER, floor)
  }
  const lowest = ackFloor(entries, sender, receiver)
  if (!after(sack, lowest))
    return complain(context, entries, sender, WINDOW_IGNORE, REASON_TCP_ACK_UNDER, lowest)
  return -1
}

/** The four bounds of older kernels, which refuse whatever exceeds one. Returns -1 inside them, otherwise the answer. */
function checkStrictly(
  context: Context,
  ct: number,
  entries: Int32Array,
  sender: number,
  receiver: number,
  seq: number,
  end: number,
  sack: number,
): number {
  const receiverEnd = entries[receiver + TD_END]
  const receiverWindow = entries[receiver + TD_MAXWIN]
  const floor = (entries[sender + TD_END] - receiverWindow - 1) | 0
  const lowest = ackFloor(entries, sender, receiver)
  const isSeqLow = receiverWindow !== 0 && !after(end, floor)
  const isAckHigh = !before(sack, (receiverEnd + 1) | 0)
  const isAckLow = !after(sack, lowest)
  const isSeqHigh = !before(seq, (entries[sender + TD_MAXEND] + 1) | 0)
  if (!(isSeqHigh || isSeqLow || isAckHigh || isAckLow)) return -1
  if (isLiberal(context, entries, sender)) return WINDOW_ACCEPT
  if (isSeqHigh) {
    const overshot = (end - entries[sender + TD_MAXEND] + 1) >>> 0
    const isLittle = !(isSeqLow || isAckHigh || isAckLow) && overshot <= receiverWindow >>> 0
    if (isLittle) context.meets(ct, MET_OUT_OF_WINDOW)
    if (isLittle && context.traits.tcpRemembersOvershot) {
      entries[sender + TD_END] = end
      entries[sender + TD_FLAGS] |= FLAG_DATA_UNACKNOWLEDGED
      return complain(context, entries, sender, WINDOW_INVALID, REASON_TCP_OVERSHOT, overshot)
    }
    const bound = entries[sender + TD_MAXEND] + 1
    return complain(context, entries, sender, WINDOW_INVALID, REASON_TCP_SEQ_OVER, bound)
  }
  if (!isAckHigh && (isSeqLow || isAckLow)) context.meets(ct, MET_OUT_OF_WINDOW)
  if (isSeqLow) return complain(context, entries, sender, WINDOW_INVALID, REASON_TCP_SEQ_UNDER, floor)
  if (isAckHigh)
    return complain(context, entries, sender, WINDOW_INVALID, REASON_TCP_ACK_OVER, receiverEnd + 1)
  return complain(context, entries, sender, WINDOW_INVALID, REASON_TCP_ACK_UNDER, lowest)
}

/** kernel: nf_tcp_store_invalid() */
function complain(
  context: Context,
  entries: Int32Array,
  sender: number,
  answer: number,
  reason: number,
  value: number,
): number {
  if (isLiberal(context, entries, sender)) return WINDOW_ACCEPT
  context.reasons.add(reason, value)
  return answer
}

function isLiberal(context: Context, entries: Int32Array, sender: number): boolean {
  return context.beLiberal || (entries[sender + TD_FLAGS] & FLAG_BE_LIBERAL) !== 0
}

/** What a segment inside the bounds tells about both sides. */
export function learn(
  entries: Int32Array,
  sender: number,
  receiver: number,
  packet: Packet,
  ack: number,
  sack: number,
  end: number,
): void {
  const flags = packet.tcpFlags
  // the window of a SYN is never scaled
  const window = (flags & TCP_SYN) !== 0 ? packet.window : packet.window << entries[sender + TD_SCALE]
  const reach = (window + (sack - ack)) >>> 0
  if (entries[sender + TD_MAXWIN] >>> 0 < reach) entries[sender + TD_MAXWIN] = reach
  if (after(end, entries[sender + TD_END])) {
    entries[sender + TD_END] = end
    entries[sender + TD_FLAGS] |= FLAG_DATA_UNACKNOWLEDGED
  }
  if ((flags & TCP_ACK) !== 0) {
    if ((entries[sender + TD_FLAGS] & FLAG_MAXACK_SET) === 0) {
      entries[sender + TD_MAXACK] = ack
      entries[sender + TD_FLAGS] |= FLAG_MAXACK_SET
    } else if (after(ack, entries[sender + TD_MAXACK])) entries[sender + TD_MAXACK] = ack
  }
  const senderMaxend = entries[sender + TD_MAXEND]
  if (entries[receiver + TD_MAXWIN] !== 0 && after(end, senderMaxend)) {
    entries[receiver + TD_MAXWIN] = (entries[receiver + TD_MAXWIN] + ((end - senderMaxend) | 0)) | 0
  }
  const edge = (sack + window) | 0
  if (after(edge, (entries[receiver + TD_MAXEND] - 1) | 0)) {
    entries[receiver + TD_MAXEND] = window === 0 ? (edge + 1) | 0 : edge
  }
  if (ack === entries[receiver + TD_END]) entries[receiver + TD_FLAGS] &= ~FLAG_DATA_UNACKNOWLEDGED
}

/** Counts identical ACKs in a row, in 8 bits as the kernel does. */
export function countRetransmission(
  context: Context,
  ct: number,
  direction: number,
  packet: Packet,
  seq: number,
  ack: number,
  end: number,
): void {
  const entries = context.table.entries
  const at = ct << ENTRY_SHIFT
  if (
    entries[at + LAST_DIR] === direction &&
    entries[at + LAST_SEQ] === seq &&
    entries[at + LAST_ACK] === ack &&
    entries[at + LAST_END] === end &&
    entries[at + LAST_WIN] === packet.window
  ) {
    entries[at + RETRANS] = (entries[at + RETRANS] + 1) & 0xff
    return
  }
  entries[at + LAST_DIR] = direction
  entries[at + LAST_SEQ] = seq
  entries[at + LAST_ACK] = ack
  entries[at + LAST_END] = end
  entries[at + LAST_WIN] = packet.window
  entries[at + RETRANS] = 0
}
