// The segments that most are: ACKs and FINs, with data or without, inside the windows of an answered connection.
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'
import { hasPlainOptions, TCP_MIN_LENGTH } from '../../packet/tcp.ts'
import type { Context } from '../context.ts'
import { ENTRY_SHIFT, PROTO, STATE } from '../table-layout.ts'
import { accepted } from './tcp.ts'
import { INDEX_ACK, INDEX_FIN, nextState, TCP_INVALID, TCP_SYN_RECV } from './tcp-table.ts'
import {
  countRetransmission,
  FLAG_EXP_CHALLENGE_ACK,
  FLAG_SIMULTANEOUS_OPEN,
  LAST_FLAGS,
  learn,
  MAXACKWINDOW,
  SEEN_WORDS,
  TD_END,
  TD_MAXEND,
  TD_MAXWIN,
} from './tcp-window.ts'

/**
 * Takes such a segment in and returns true, or returns false with nothing changed: then tcpPacket() is to judge it, and
 * would come to the same where this one says true. It knows from a few comparisons that none of the special cases is at
 * hand: long connections take 0.8 of the time.
 */
export function plainSegment(context: Context, ct: number, packet: Packet, direction: number): boolean {
  const { entries } = context.table
  const at = ct << ENTRY_SHIFT
  const flags = packet.tcpFlags
  const header = packet.tcpHeaderLength
  if (
    (flags & (TCP_ACK | TCP_SYN | TCP_RST)) !== TCP_ACK ||
    (entries[at + LAST_FLAGS] & (FLAG_EXP_CHALLENGE_ACK | FLAG_SIMULTANEOUS_OPEN)) !== 0 ||
    context.checksum ||
    header < TCP_MIN_LENGTH ||
    header > packet.transportLength ||
    !hasPlainOptions(packet)
  ) {
    return false
  }
  const fin = flags & TCP_FIN
  const index = fin === 0 ? INDEX_ACK : INDEX_FIN
  const oldState = entries[at + STATE]
  const state = nextState(direction, index, oldState)
  if (state >= TCP_INVALID) return false
  if (oldState === TCP_SYN_RECV && !context.traits.tcpRestartsBySyn) return false
  const sender = at + PROTO + direction * SEEN_WORDS
  const receiver = at + PROTO + SEEN_WORDS - direction * SEEN_WORDS
  const seq = packet.sequence
  const ack = packet.acknowledgment
  const end = (seq + packet.transportLength - header + fin) | 0
  if (!isInside(entries, sender, receiver, seq, ack, end)) return false
  learn(entries, sender, receiver, packet, ack, ack, end)
  if (fin === 0) countRetransmission(context, ct, direction, packet, seq, ack, end)
  accepted(context, ct, packet, direction, index, oldState, state)
  return true
}

/** Windows up to here cannot make the bounds wrap around; a SACK block far ahead makes larger ones. */
const WIDEST_WINDOW = 1 << 30

/**
 * The four bounds of checkBounds(), where both sides have been heard: then the entry has seen a reply, too. An old
 * acknowledgment may be inside the last of them and not here, where the window is larger than MAXACKWINDOW.
 */
function isInside(
  entries: Int32Array,
  sender: number,
  receiver: number,
  seq: number,
  ack: number,
  end: number,
): boolean {
  const receiverEnd = entries[receiver + TD_END]
  const receiverWindow = entries[receiver + TD_MAXWIN]
  const senderWindow = entries[sender + TD_MAXWIN]
  return (
    senderWindow > 0 &&
    senderWindow <= WIDEST_WINDOW &&
    receiverWindow !== 0 &&
    ((seq - entries[sender + TD_MAXEND] - 1) | 0) < 0 &&
    ((ack - receiverEnd - 1) | 0) < 0 &&
    ((entries[sender + TD_END] - receiverWindow - 1 - end) | 0) < 0 &&
    ((receiverEnd - MAXACKWINDOW - 1 - ack) | 0) < 0
  )
}
