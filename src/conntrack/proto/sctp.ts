// The SCTP tracker: chunk rules, verification tags, states: nf_conntrack_proto_sctp.c (RFC 9260).
import { CHECKSUM_BAD, transportChecksum } from '../../packet/checksum.ts'
import type { Packet } from '../../packet/packet.ts'
import { SCTP_HEADER_LENGTH, verificationTag } from '../../packet/sctp.ts'
import { ACCEPT, type Context, REFUSE } from '../context.ts'
import {
  REASON_SCTP_CHUNKS,
  REASON_SCTP_CRC,
  REASON_SCTP_SHORT,
  REASON_SCTP_STATE,
  REASON_SCTP_VTAG,
} from '../reason.ts'
import { DIRECTION_REPLY, IPCT_PROTOINFO, IPS_ASSURED } from '../status.ts'
import type { Table } from '../table.ts'
import { ENTRY_SHIFT, EVENTS, PROTO, STATE, STATUS, TRACKER } from '../table-layout.ts'
import {
  CHUNK_ABORT,
  CHUNK_COOKIE_ACK,
  CHUNK_COOKIE_ECHO,
  CHUNK_DATA,
  CHUNK_HEARTBEAT,
  CHUNK_HEARTBEAT_ACK,
  CHUNK_INIT,
  CHUNK_INIT_ACK,
  CHUNK_SHUTDOWN_ACK,
  CHUNK_SHUTDOWN_COMPLETE,
  nextSctpState,
  SCTP_CLOSED,
  SCTP_COOKIE_ECHOED,
  SCTP_ESTABLISHED,
  SCTP_INVALID,
  SCTP_NONE,
} from './sctp-table.ts'

/** Words of an entry: the tag expected from each direction. */
const VTAG = PROTO
/** Whether each direction has an INIT under way; a heartbeat with a wrong tag, and its direction. */
const INIT = TRACKER
const HEARTBEAT_VTAG_FAILED = TRACKER + 2
const LAST_DIRECTION = TRACKER + 3

const CHUNK_HEADER = 4
/** An INIT's fixed part behind its chunk header. kernel: sizeof(struct sctp_inithdr) */
const INIT_HEADER = 16
/** T flag: the tag is the peer's. */
const FLAG_T = 1

/** Chunk types up to 31 seen in the packet, a bit each: all the types that have a rule. */
const bit = (type: number): number => (type < 32 ? 1 << type : 0)
const UNCONFIRMED_REFUSED = bit(CHUNK_ABORT) | bit(CHUNK_SHUTDOWN_COMPLETE) | bit(CHUNK_COOKIE_ACK)
/** Packets with these chunks have tag rules of their own (RFC 9260, 8.5.1). */
const TAG_RULES =
  bit(CHUNK_INIT) |
  bit(CHUNK_SHUTDOWN_COMPLETE) |
  bit(CHUNK_COOKIE_ECHO) |
  bit(CHUNK_ABORT) |
  bit(CHUNK_SHUTDOWN_ACK) |
  bit(CHUNK_HEARTBEAT) |
  bit(CHUNK_HEARTBEAT_ACK)

/** Answers of checkTag() beside ACCEPT and REFUSE: let the packet through, but do not look at this chunk further. */
const SKIP = 3

/**
 * Judges an SCTP packet of entry `ct`; kernel: nf_conntrack_sctp_packet().
 * @returns ACCEPT or REFUSE (invalid)
 */
export function sctpPacket(
  context: Context,
  ct: number,
  packet: Packet,
  direction: number,
  isNew: boolean,
): number {
  if (sctpError(context, packet)) return REFUSE
  const map = checkChunks(context, packet)
  if (map === CHUNKS_BAD) return REFUSE
  if (isNew && ((map & UNCONFIRMED_REFUSED) !== 0 || !sctpNew(context, ct, packet))) return REFUSE
  const entries = context.table.entries
  const tag = verificationTag(packet)
  const expected = entries[(ct << ENTRY_SHIFT) + VTAG + direction]
  if ((map & TAG_RULES) === 0 && tag !== expected) {
    context.reasons.add(REASON_SCTP_VTAG, swap32(tag), swap32(expected), direction)
    return REFUSE
  }
  return walkChunks(context, ct, packet, direction, isNew, map)
}

/** kernel: sctp_error() */
function sctpError(context: Context, packet: Packet): boolean {
  if (packet.transportLength < SCTP_HEADER_LENGTH) {
    context.reasons.add(REASON_SCTP_SHORT)
    return true
  }
  if (context.checksum && transportChecksum(packet) === CHECKSUM_BAD) {
    context.reasons.add(REASON_SCTP_CRC)
    return true
  }
  return false
}

const CHUNKS_BAD = -1

/** Where the next chunk starts; lengths are padded to four bytes. */
function nextChunk(packet: Packet, at: number): number {
  return at + ((packet.view.getUint16(at + 2) + 3) & ~3)
}

/** Whether a whole chunk header is at `at`: within the packet, and captured. */
function hasChunk(packet: Packet, at: number): boolean {
  return at + CHUNK_HEADER <= packet.transportOffset + packet.transportCaptured
}

/** Bits of the chunk types, or CHUNKS_BAD. kernel: do_basic_checks() */
function checkChunks(context: Context, packet: Packet): number {
  let map = 0
  let count = 0
  let alone = false
  for (
    let at = packet.transportOffset + SCTP_HEADER_LENGTH;
    hasChunk(packet, at);
    at = nextChunk(packet, at)
  ) {
    const type = packet.bytes[at]
    const length = packet.view.getUint16(at + 2)
    if (type === CHUNK_INIT || type === CHUNK_INIT_ACK || type === CHUNK_SHUTDOWN_COMPLETE) alone = true
    const first = alone || type === CHUNK_COOKIE_ACK || type === CHUNK_COOKIE_ECHO
    if ((first && count !== 0) || length === 0) {
      // the kernel logs the length in network byte order
      context.reasons.add(REASON_SCTP_CHUNKS, count, type, swap16(length), alone ? 1 : 0)
      return CHUNKS_BAD
    }
    map |= bit(type)
    count++
  }
  return count === 0 ? CHUNKS_BAD : map & 0x7fffffff
}

/** kernel: sctp_new(); the entry's words are zero */
function sctpNew(context: Context, ct: number, packet: Packet): boolean {
  const entries = context.table.entries
  const words = (ct << ENTRY_SHIFT) + VTAG
  const tag = verificationTag(packet)
  for (
    let at = packet.transportOffset + SCTP_HEADER_LENGTH;
    hasChunk(packet, at);
    at = nextChunk(packet, at)
  ) {
    const type = packet.bytes[at]
    const state = nextSctpState(0, type, SCTP_NONE, context.traits.sctpTags)
    if (state === SCTP_NONE || state === SCTP_INVALID) return false
    if (type === CHUNK_INIT) {
      if (tag !== 0 || !hasInitHeader(packet, at)) return false
      entries[words + 1] = packet.view.getInt32(at + CHUNK_HEADER)
    } else if (type === CHUNK_HEARTBEAT) entries[words] = tag
    else if (type === CHUNK_SHUTDOWN_ACK || !context.traits.sctpTags) entries[words + 1] = tag
  }
  return true
}

function hasInitHeader(packet: Packet, at: number): boolean {
  return at + CHUNK_HEADER + INIT_HEADER <= packet.transportOffset + packet.transportCaptured
}

/** Chunk by chunk: tag rules, state, the tags that INIT and INIT ACK announce; then the timeout. */
function walkChunks(
  context: Context,
  ct: number,
  packet: Packet,
  direction: number,
  isNew: boolean,
  map: number,
): number {
  const entries = context.table.entries
  const entry = ct << ENTRY_SHIFT
  const tags = context.traits.sctpTags
  let oldState = SCTP_NONE
  let state = SCTP_NONE
  let renew = true
  for (
    let at = packet.transportOffset + SCTP_HEADER_LENGTH;
    hasChunk(packet, at);
    at = nextChunk(packet, at)
  ) {
    const type = packet.bytes[at]
    const answer = checkTag(context, ct, packet, at, direction, map, !renew)
    if (answer === REFUSE) return REFUSE
    if (answer === SKIP) {
      renew = false
      continue
    }
    oldState = entries[entry + STATE]
    state = nextSctpState(direction, type, oldState, tags)
    if (state === SCTP_INVALID) {
      context.reasons.add(REASON_SCTP_STATE, oldState, direction, type)
      return REFUSE
    }
    if (type === CHUNK_INIT) {
      if (!noteInit(context, ct, packet, at, direction, oldState)) return REFUSE
      // a repeated INIT must not keep an entry alive for ever
      if (state === SCTP_CLOSED && oldState === SCTP_CLOSED && !isNew) renew = false
    } else if (type === CHUNK_INIT_ACK) {
      if (!noteInitAck(context, ct, packet, at, direction)) return REFUSE
      // older kernels take both alike
      if (!tags && state === SCTP_CLOSED && oldState === SCTP_CLOSED && !isNew) renew = false
    }
    entries[entry + STATE] = state
    if (oldState === state) continue
    entries[entry + EVENTS] |= IPCT_PROTOINFO
    if (tags && state === SCTP_ESTABLISHED && (entries[entry + STATUS] & IPS_ASSURED) === 0)
      context.setAssured(ct)
  }
  if (!renew) return ACCEPT
  context.refresh(ct, direction, packet, context.timeouts.sctp[state])
  const isEchoed = oldState === SCTP_COOKIE_ECHOED && state === SCTP_ESTABLISHED
  if (!tags && isEchoed && direction === DIRECTION_REPLY) context.setAssured(ct)
  return ACCEPT
}

/** The tag rules of single chunks. `ignored`: an earlier chunk was skipped or must not renew. */
function checkTag(
  context: Context,
  ct: number,
  packet: Packet,
  at: number,
  direction: number,
  map: number,
  ignored: boolean,
): number {
  const entries = context.table.entries
  const words = (ct << ENTRY_SHIFT) + VTAG
  const entry = ct << ENTRY_SHIFT
  const tag = verificationTag(packet)
  const own = entries[words + direction]
  switch (packet.bytes[at]) {
    case CHUNK_INIT:
      return tag === 0 ? ACCEPT : REFUSE
    case CHUNK_ABORT:
    case CHUNK_SHUTDOWN_COMPLETE: {
      if (!context.traits.sctpTags) return matchesAnyTag(context, ct, packet, at) ? ACCEPT : REFUSE
      const reflected = (packet.bytes[at + 1] & FLAG_T) !== 0
      return tag === (reflected ? entries[words + 1 - direction] : own) ? ACCEPT : REFUSE
    }
    case CHUNK_COOKIE_ECHO:
      return tag === own ? ACCEPT : REFUSE
    case CHUNK_COOKIE_ACK:
      // kernels that do not ask who sent the INIT never look at these
      entries[entry + INIT] = 0
      entries[entry + INIT + 1] = 0
      return ACCEPT
    case CHUNK_HEARTBEAT:
      if (own === 0) entries[words + direction] = tag
      else if (tag !== own) {
        if ((map & bit(CHUNK_DATA)) !== 0 || ignored) return REFUSE
        entries[entry + HEARTBEAT_VTAG_FAILED] = 1
        entries[entry + LAST_DIRECTION] = direction
        return SKIP
      } else entries[entry + HEARTBEAT_VTAG_FAILED] = 0
      return ACCEPT
    case CHUNK_HEARTBEAT_ACK:
      if (own === 0) entries[words + direction] = tag
      else if (tag !== own) {
        if ((map & bit(CHUNK_DATA)) !== 0 || ignored) return REFUSE
        if (entries[entry + HEARTBEAT_VTAG_FAILED] === 0 || entries[entry + LAST_DIRECTION] === direction)
          return REFUSE
        // the path has moved to the new association
        entries[words + direction] = tag
        entries[words + 1 - direction] = 0
        entries[entry + HEARTBEAT_VTAG_FAILED] = 0
      } else entries[entry + HEARTBEAT_VTAG_FAILED] = 0
      return ACCEPT
    default:
      return ACCEPT
  }
}

/** What older kernels ask of an ABORT and of a SHUTDOWN COMPLETE: the tag of either side, of the latter only with the T flag. */
function matchesAnyTag(context: Context, ct: number, packet: Packet, at: number): boolean {
  const words = (ct << ENTRY_SHIFT) + VTAG
  const tag = verificationTag(packet)
  const { entries } = context.table
  if (tag === entries[words] || tag === entries[words + 1]) return true
  return packet.bytes[at] === CHUNK_SHUTDOWN_COMPLETE && (packet.bytes[at + 1] & FLAG_T) === 0
}

function noteInit(
  context: Context,
  ct: number,
  packet: Packet,
  at: number,
  direction: number,
  oldState: number,
): boolean {
  if (!hasInitHeader(packet, at)) return false
  const entries = context.table.entries
  const peer = (ct << ENTRY_SHIFT) + VTAG + 1 - direction
  const init = (ct << ENTRY_SHIFT) + INIT
  const tag = packet.view.getInt32(at + CHUNK_HEADER)
  // a repeated or stale INIT announces the tag that is known already
  if (oldState === SCTP_NONE || entries[peer] !== tag) {
    if (entries[init + direction] !== 0) entries[init + 1 - direction] = 0
    entries[init + direction] = 1
  }
  entries[peer] = tag
  return true
}

function noteInitAck(context: Context, ct: number, packet: Packet, at: number, direction: number): boolean {
  if (!hasInitHeader(packet, at)) return false
  const entries = context.table.entries
  const peer = (ct << ENTRY_SHIFT) + VTAG + 1 - direction
  const init = (ct << ENTRY_SHIFT) + INIT
  const tag = packet.view.getInt32(at + CHUNK_HEADER)
  const differs = context.traits.sctpTags && entries[peer] !== tag
  if (entries[init + 1 - direction] === 0 && entries[peer] !== 0 && differs) return false
  // collision: both sides sent an INIT
  if (entries[init + direction] !== 0 && entries[init + 1 - direction] !== 0 && differs) return false
  entries[peer] = tag
  return true
}

/** Network order read as host order on x86, as the kernel logs it. */
function swap16(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8)
}

function swap32(value: number): number {
  return (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)
}

/** The verification tag that packets of a direction carry in an association; 0 while it is not known. */
export function associationTag({ entries }: Table, ct: number, direction: number): number {
  return entries[(ct << ENTRY_SHIFT) + VTAG + direction]
}
