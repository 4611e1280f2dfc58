// The TCP tracker, nf_conntrack_tcp_packet() of nf_conntrack_proto_tcp.c: error check, new, table, special cases, window, timeout.
import { TCP_RST } from '../../net/numbers.ts'
import { before } from '../../net/sequence.ts'
import { CHECKSUM_BAD, transportChecksum } from '../../packet/checksum.ts'
import { type Packet, PROXY_TAKEN } from '../../packet/packet.ts'
import { readSynOptions, TCP_MIN_LENGTH } from '../../packet/tcp.ts'
import { ACCEPT, type Context, REFUSE, REPEAT } from '../context.ts'
import { MET_RST } from '../kernel.ts'
import {
  REASON_BAD_CHECKSUM,
  REASON_TCP_CHALLENGE_ACK,
  REASON_TCP_FLAGS,
  REASON_TCP_IGNORED,
  REASON_TCP_LOWERED,
  REASON_TCP_NEW,
  REASON_TCP_RST,
  REASON_TCP_STATE,
  REASON_TCP_TRUNCATED,
} from '../reason.ts'
import { IPCT_PROTOINFO, IPS_ASSURED, IPS_FIXED_TIMEOUT, IPS_SEEN_REPLY } from '../status.ts'
import { ENTRY_SHIFT, EVENTS, STATE, STATUS } from '../table-layout.ts'
import { TIMEOUT_RETRANS, TIMEOUT_UNACK } from '../timeouts.ts'
import {
  INDEX_ACK,
  INDEX_FIN,
  INDEX_NONE,
  INDEX_RST,
  INDEX_SYN,
  INDEX_SYNACK,
  nextState,
  segmentIndex,
  TCP_CLOSE,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT,
  TCP_IGNORE,
  TCP_INVALID,
  TCP_LAST_ACK,
  TCP_NONE,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_SYN_SENT2,
  TCP_TIME_WAIT,
  validFlags,
} from './tcp-table.ts'
import {
  FLAG_BE_LIBERAL,
  FLAG_CLOSE_INIT,
  FLAG_DATA_UNACKNOWLEDGED,
  FLAG_EXP_CHALLENGE_ACK,
  FLAG_MAXACK_SET,
  FLAG_SACK_PERM,
  FLAG_SIMULTANEOUS_OPEN,
  FLAG_WINDOW_SCALE,
  inWindow,
  keptFlags,
  LAST_ACK,
  LAST_DIR,
  LAST_END,
  LAST_FLAGS,
  LAST_INDEX,
  LAST_SEQ,
  LAST_WIN,
  LAST_WSCALE,
  RETRANS,
  seenAt,
  segmentEnd,
  synOptions,
  TD_END,
  TD_FLAGS,
  TD_MAXACK,
  TD_MAXEND,
  TD_MAXWIN,
  TD_SCALE,
  takeOptions,
  WINDOW_ACCEPT,
  WINDOW_IGNORE,
} from './tcp-window.ts'

/** An out-of-window FIN or RST shortens only timeouts at least this long, in seconds. */
const LOWER_FROM = 120

/**
 * Judges a TCP segment of entry `ct`.
 * @returns ACCEPT, REFUSE (invalid) or REPEAT (delete the entry and look again)
 */
export function tcpPacket(
  context: Context,
  ct: number,
  packet: Packet,
  direction: number,
  isNew: boolean,
): number {
  if (packet.transportLength < TCP_MIN_LENGTH || tcpError(context, packet)) return REFUSE
  if (isNew && !tcpNew(context, ct, packet)) return REFUSE
  const entries = context.table.entries
  const at = ct << ENTRY_SHIFT
  const oldState = entries[at + STATE]
  const index = segmentIndex(packet.tcpFlags)
  const state = nextState(direction, index, oldState)

  switch (state) {
    case TCP_SYN_SENT:
      if (oldState < TCP_TIME_WAIT) break
      if (mayReopen(context, ct, direction)) return REPEAT
      return ignore(context, ct, packet, direction, index, oldState)
    case TCP_IGNORE:
      if (index === INDEX_SYNACK && answersIgnoredSyn(context, ct, packet, direction)) {
        synchronize(context, ct, direction)
        return finish(context, ct, packet, direction, index, TCP_SYN_SENT, TCP_SYN_RECV)
      }
      return ignore(context, ct, packet, direction, index, oldState)
    case TCP_INVALID:
      context.reasons.add(REASON_TCP_STATE, index, direction, oldState)
      return REFUSE
    case TCP_TIME_WAIT:
      if (oldState === TCP_LAST_ACK && index === INDEX_ACK && isChallengeAck(context, ct, direction)) {
        entries[at + LAST_FLAGS] &= ~FLAG_EXP_CHALLENGE_ACK
        context.reasons.add(REASON_TCP_CHALLENGE_ACK)
        return ACCEPT
      }
      break
    case TCP_SYN_SENT2:
      // the grid alone cannot tell a simultaneous open
      entries[at + LAST_FLAGS] |= FLAG_SIMULTANEOUS_OPEN
      break
    case TCP_SYN_RECV:
      if (
        direction === 1 &&
        index === INDEX_ACK &&
        (entries[at + LAST_FLAGS] & FLAG_SIMULTANEOUS_OPEN) !== 0
      ) {
        return finish(context, ct, packet, direction, index, oldState, TCP_ESTABLISHED)
      }
      break
    case TCP_CLOSE:
      if (index === INDEX_RST) return reset(context, ct, packet, direction, oldState)
      break
  }
  return finish(context, ct, packet, direction, index, oldState, state)
}

/** kernel: tcp_error() */
function tcpError(context: Context, packet: Packet): boolean {
  const header = packet.tcpHeaderLength
  if (header < TCP_MIN_LENGTH || packet.transportLength < header) {
    context.reasons.add(REASON_TCP_TRUNCATED)
    return true
  }
  if (context.checksum && transportChecksum(packet) === CHECKSUM_BAD) {
    context.reasons.add(REASON_BAD_CHECKSUM)
    return true
  }
  if (!validFlags(packet.tcpFlags)) {
    context.reasons.add(REASON_TCP_FLAGS)
    return true
  }
  return false
}

/** kernel: tcp_new(); the entry's words are zero */
function tcpNew(context: Context, ct: number, packet: Packet): boolean {
  const state = nextState(0, segmentIndex(packet.tcpFlags), TCP_NONE)
  if (state >= TCP_INVALID) {
    context.reasons.add(REASON_TCP_NEW)
    return false
  }
  // behind an answer of SYNPROXY the entry is that of the host's own SYN, unseen
  if (state !== TCP_SYN_SENT && !context.loose && packet.synproxy !== PROXY_TAKEN) return false
  const entries = context.table.entries
  const seen = seenAt(ct, 0)
  const end = segmentEnd(packet)
  const window = packet.window === 0 ? 1 : packet.window
  entries[seen + TD_END] = end
  entries[seen + TD_MAXWIN] = window
  if (state === TCP_SYN_SENT) {
    entries[seen + TD_MAXEND] = end
    takeOptions(entries, seen, packet, keptFlags(context))
  } else {
    // picked up in mid-stream: assume SACK, and be liberal since the scaling is unknown
    entries[seen + TD_MAXEND] = (end + window) | 0
    entries[seen + TD_FLAGS] = FLAG_SACK_PERM | FLAG_BE_LIBERAL
    entries[seenAt(ct, 1) + TD_FLAGS] = FLAG_SACK_PERM | FLAG_BE_LIBERAL
  }
  entries[(ct << ENTRY_SHIFT) + LAST_INDEX] = INDEX_NONE
  return true
}

/** Whether a SYN on a closed connection opens a new one: its close was seen, or the same side aborted it. */
function mayReopen(context: Context, ct: number, direction: number): boolean {
  const entries = context.table.entries
  const at = ct << ENTRY_SHIFT
  return (
    ((entries[seenAt(ct, 0) + TD_FLAGS] | entries[seenAt(ct, 1) + TD_FLAGS]) & FLAG_CLOSE_INIT) !== 0 ||
    (entries[at + LAST_DIR] === direction && entries[at + LAST_INDEX] === INDEX_RST)
  )
}

/** A SYN/ACK that acknowledges a SYN ignored before: both ends are in sync, only we are not. */
function answersIgnoredSyn(context: Context, ct: number, packet: Packet, direction: number): boolean {
  const entries = context.table.entries
  const at = ct << ENTRY_SHIFT
  return (
    entries[at + LAST_INDEX] === INDEX_SYN &&
    entries[at + LAST_DIR] !== direction &&
    packet.acknowledgment === entries[at + LAST_END]
  )
}

/** Gets in sync from the values noted when the SYN was ignored. */
function synchronize(context: Context, ct: number, direction: number): void {
  const entries = context.table.entries
  const at = ct << ENTRY_SHIFT
  const opener = seenAt(ct, entries[at + LAST_DIR])
  const answerer = seenAt(ct, direction)
  entries[at + LAST_FLAGS] &= ~FLAG_EXP_CHALLENGE_ACK
  entries[opener + TD_END] = entries[at + LAST_END]
  entries[opener + TD_MAXEND] = entries[at + LAST_END]
  entries[opener + TD_MAXWIN] = entries[at + LAST_WIN] === 0 ? 1 : entries[at + LAST_WIN]
  entries[opener + TD_SCALE] = entries[at + LAST_WSCALE]
  entries[opener + TD_FLAGS] = entries[at + LAST_FLAGS]
  entries[answerer + TD_END] = 0
  entries[answerer + TD_MAXEND] = 0
  entries[answerer + TD_MAXWIN] = 0
  entries[answerer + TD_MAXACK] = 0
  entries[answerer + TD_SCALE] = 0
  entries[answerer + TD_FLAGS] &= keptFlags(context)
}

/** Lets a segment pass that may show the entry to be out of sync, and remembers it. */
function ignore(
  context: Context,
  ct: number,
  packet: Packet,
  direction: number,
  index: number,
  oldState: number,
): number {
  const entries = context.table.entries
  const at = ct << ENTRY_SHIFT
  entries[at + LAST_INDEX] = index
  entries[at + LAST_DIR] = direction
  entries[at + LAST_SEQ] = packet.sequence
  entries[at + LAST_END] = segmentEnd(packet)
  entries[at + LAST_WIN] = packet.window
  if (index === INDEX_SYN && direction === 0) {
    readSynOptions(packet, synOptions)
    entries[at + LAST_WSCALE] = synOptions.windowScale
    // in LAST_ACK, a challenge ACK to this SYN (RFC 5961) must not pass for the one that ends the connection
    entries[at + LAST_FLAGS] =
      (synOptions.windowScaling ? FLAG_WINDOW_SCALE : 0) |
      (synOptions.sackPermitted ? FLAG_SACK_PERM : 0) |
      (oldState === TCP_LAST_ACK ? FLAG_EXP_CHALLENGE_ACK : 0)
  }
  if (oldState === TCP_SYN_SENT && index === INDEX_ACK && direction === 1 && context.traits.tcpChallengeRst) {
    entries[at + LAST_ACK] = packet.acknowledgment
  }
  context.reasons.add(REASON_TCP_IGNORED, index, direction, oldState)
  return ACCEPT
}

function isChallengeAck(context: Context, ct: number, direction: number): boolean {
  const entries = context.table.entries
  const at = ct << ENTRY_SHIFT
  return (
    entries[at + LAST_DIR] !== direction &&
    entries[at + LAST_INDEX] === INDEX_SYN &&
    (entries[at + LAST_FLAGS] & FLAG_EXP_CHALLENGE_ACK) !== 0
  )
}

/** The rules for a RST that would close the connection. */
function reset(context: Context, ct: number, packet: Packet, direction: number, oldState: number): number {
  const entries = context.table.entries
  const at = ct << ENTRY_SHIFT
  const { tcpLenientRst, tcpRstAnswersOther, tcpChallengeRst } = context.traits
  // closing: the tuple may be in use again and all that is remembered outdated
  const isClosing = oldState >= TCP_FIN_WAIT && oldState <= TCP_CLOSE
  const seq = packet.sequence
  const other = seenAt(ct, 1 - direction)
  const isBefore =
    (entries[other + TD_FLAGS] & FLAG_MAXACK_SET) !== 0 && before(seq, entries[other + TD_MAXACK])
  if (isClosing && isBefore) context.meets(ct, MET_RST)
  if (tcpLenientRst && isClosing)
    return accepted(context, ct, packet, direction, INDEX_RST, oldState, TCP_CLOSE)

  const lastIndex = entries[at + LAST_INDEX]
  const lastDirection = entries[at + LAST_DIR]
  let state = TCP_CLOSE
  const isOutdated = tcpLenientRst && lastIndex === INDEX_SYN
  if ((entries[other + TD_FLAGS] & FLAG_MAXACK_SET) !== 0 && !isOutdated) {
    const established = oldState === TCP_ESTABLISHED && (entries[at + STATUS] & IPS_ASSURED) !== 0
    // most likely an answer to a SYN that was let through
    if (tcpLenientRst && seq === 0 && !established)
      return finish(context, ct, packet, direction, INDEX_RST, oldState, state)
    if (isBefore && !context.ignoreInvalidRst) {
      context.reasons.add(REASON_TCP_RST)
      return REFUSE
    }
    if (!established || seq === entries[other + TD_MAXACK])
      return finish(context, ct, packet, direction, INDEX_RST, oldState, state)
    // a RST right behind the data it was sent with
    if (lastIndex === INDEX_ACK && lastDirection === direction && seq === entries[at + LAST_END])
      return finish(context, ct, packet, direction, INDEX_RST, oldState, state)
    // in window but not exact: the other side may answer with a challenge ACK
    state = oldState
  }
  const isOtherSide = !tcpRstAnswersOther || lastDirection !== direction
  const answersSyn = (entries[at + STATUS] & IPS_SEEN_REPLY) !== 0 && lastIndex === INDEX_SYN && isOtherSide
  const answersAck = (entries[at + STATUS] & IPS_ASSURED) === 0 && lastIndex === INDEX_ACK
  if ((answersSyn || answersAck) && packet.acknowledgment === entries[at + LAST_END])
    return accepted(context, ct, packet, direction, INDEX_RST, oldState, state)
  // the answer to a challenge ACK that was let through
  if (
    tcpChallengeRst &&
    oldState === TCP_SYN_SENT &&
    lastIndex === INDEX_ACK &&
    lastDirection === 1 &&
    seq === entries[at + LAST_ACK]
  ) {
    return accepted(context, ct, packet, direction, INDEX_RST, oldState, state)
  }
  return finish(context, ct, packet, direction, INDEX_RST, oldState, state)
}

/** The window check, then the rest. */
function finish(
  context: Context,
  ct: number,
  packet: Packet,
  direction: number,
  index: number,
  oldState: number,
  state: number,
): number {
  const answer = inWindow(context, ct, direction, index, packet)
  if (answer === WINDOW_ACCEPT) return accepted(context, ct, packet, direction, index, oldState, state)
  if (answer === WINDOW_IGNORE) return ACCEPT
  if (context.traits.tcpLowersTimeout) handleInvalid(context, ct, direction, index)
  return REFUSE
}

/**
 * A FIN or RST out of window is remembered; when the other side answers it, the two ends are likely done with the
 * connection, whatever we think of it, and it need not stay for days. kernel: nf_tcp_handle_invalid()
 */
function handleInvalid(context: Context, ct: number, direction: number, index: number): void {
  const entries = context.table.entries
  const at = ct << ENTRY_SHIFT
  if ((entries[at + STATUS] & (IPS_ASSURED | IPS_FIXED_TIMEOUT)) !== IPS_ASSURED) return
  if (index !== INDEX_RST && index !== INDEX_FIN) return
  const lastIndex = entries[at + LAST_INDEX]
  if (entries[at + LAST_DIR] === direction || (lastIndex !== INDEX_FIN && lastIndex !== INDEX_RST)) {
    entries[at + LAST_INDEX] = index
    entries[at + LAST_DIR] = direction
    return
  }
  const expires = context.expires(ct)
  const timeout = context.timeouts.tcp[TIMEOUT_UNACK]
  if (expires < LOWER_FROM * context.table.hz || expires <= timeout) return
  context.setTimeout(ct, timeout)
  context.reasons.add(REASON_TCP_LOWERED, index, direction, lastIndex, timeout)
}

/** What a segment in window does to the entry: state, timeout, ASSURED, or its end. */
export function accepted(
  context: Context,
  ct: number,
  packet: Packet,
  direction: number,
  index: number,
  oldState: number,
  state: number,
): number {
  const entries = context.table.entries
  const at = ct << ENTRY_SHIFT
  entries[at + LAST_INDEX] = index
  entries[at + LAST_DIR] = direction
  entries[at + STATE] = state
  if (oldState !== state) {
    if (state === TCP_FIN_WAIT) entries[seenAt(ct, direction) + TD_FLAGS] |= FLAG_CLOSE_INIT
    entries[at + EVENTS] |= IPCT_PROTOINFO
  }
  const timeouts = context.timeouts.tcp
  let timeout = chooseTimeout(context, ct, index, state)
  if ((entries[at + STATUS] & IPS_SEEN_REPLY) === 0) {
    // refused: the entry goes at once
    if ((packet.tcpFlags & TCP_RST) !== 0) {
      context.account(ct, direction, packet)
      context.killed = true
      return ACCEPT
    }
    // a repeated SYN must not keep an entry alive for ever
    if (index === INDEX_SYN && oldState === TCP_SYN_SENT) return ACCEPT
    // picked up in mid-stream: no days before the other side was heard
    if (state === TCP_ESTABLISHED && timeout > timeouts[TIMEOUT_UNACK]) timeout = timeouts[TIMEOUT_UNACK]
  } else if (
    (entries[at + STATUS] & IPS_ASSURED) === 0 &&
    (oldState === TCP_SYN_RECV || oldState === TCP_ESTABLISHED) &&
    state === TCP_ESTABLISHED
  ) {
    context.setAssured(ct)
  }
  context.refresh(ct, direction, packet, timeout)
  return ACCEPT
}

/** The timeout after an accepted segment, in jiffies. */
function chooseTimeout(context: Context, ct: number, index: number, state: number): number {
  const entries = context.table.entries
  const timeouts = context.timeouts.tcp
  const own = timeouts[state]
  if (entries[(ct << ENTRY_SHIFT) + RETRANS] >= context.maxRetrans && own > timeouts[TIMEOUT_RETRANS]) {
    return timeouts[TIMEOUT_RETRANS]
  }
  if (index === INDEX_RST) {
    if (!context.traits.tcpInexactRstUnacknowledged) return timeouts[TCP_CLOSE]
    // one that was not exact closes nothing
    if (state === TCP_ESTABLISHED && own > timeouts[TIMEOUT_UNACK]) return timeouts[TIMEOUT_UNACK]
  }
  const unacknowledged =
    (entries[seenAt(ct, 0) + TD_FLAGS] | entries[seenAt(ct, 1) + TD_FLAGS]) & FLAG_DATA_UNACKNOWLEDGED
  if (unacknowledged !== 0 && own > timeouts[TIMEOUT_UNACK]) return timeouts[TIMEOUT_UNACK]
  if (entries[(ct << ENTRY_SHIFT) + LAST_WIN] === 0 && own > timeouts[TIMEOUT_RETRANS])
    return timeouts[TIMEOUT_RETRANS]
  return own
}
