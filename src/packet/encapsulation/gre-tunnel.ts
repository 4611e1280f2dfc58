// What GRE carries: IP, Ethernet, a mirrored frame (ERSPAN), PPP (RFC 2784, 2890, 2637; draft-foschiano-erspan).

import {
  ETHERTYPE_ERSPAN_2,
  ETHERTYPE_ERSPAN_3,
  ETHERTYPE_PPP,
  ETHERTYPE_TRANSPARENT_BRIDGING,
} from '../../net/numbers.ts'
import { FAULT_LINK_TRUNCATED, FAULT_NOT_IP, refuse } from '../fault.ts'
import type { Packet } from '../packet.ts'
import { decodeEtherType } from './ethernet.ts'
import { decodeHdlc } from './hdlc.ts'
import { decodeInnerEthernet } from './udp-tunnel.ts'

const PROTOCOL = 2
const BASE_LENGTH = 4
const WORD = 4
const FLAG_CHECKSUM = 0x8000
const FLAG_ROUTING = 0x4000
const FLAG_KEY = 0x2000
const FLAG_SEQUENCE = 0x1000
const FLAG_ACKNOWLEDGMENT = 0x0080
const VERSION_MASK = 0x0007
const VERSION_PPTP = 1
const PPTP_CALL_ID = 6
const PPTP_LENGTH = 8

const ERSPAN_SESSION = 2
const ERSPAN_SESSION_MASK = 0x03ff
const ERSPAN_TRUNCATED = 0x0400
const ERSPAN_2_LENGTH = 8
const ERSPAN_3_LENGTH = 12
const ERSPAN_3_FLAGS = 11
const ERSPAN_3_PLATFORM = 0x01
const ERSPAN_3_PLATFORM_LENGTH = 8
/** A mirrored frame that was cut may have been any length an IP header can claim. */
const LONGEST_FRAME = 0x10000

/** Decodes what follows the GRE header at `at`. */
export function decodeGrePayload(view: DataView, at: number, end: number, inner: Packet): boolean {
  if (end - at < BASE_LENGTH) return refuse(inner, FAULT_LINK_TRUNCATED)
  const flags = view.getUint16(at)
  const protocol = view.getUint16(at + PROTOCOL)
  if ((flags & VERSION_MASK) === VERSION_PPTP && protocol === ETHERTYPE_PPP) {
    return decodePptp(view, at, end, flags, inner)
  }
  if ((flags & VERSION_MASK) !== 0 || (flags & FLAG_ROUTING) !== 0) return refuse(inner, FAULT_NOT_IP)
  at += (flags & FLAG_CHECKSUM) !== 0 ? BASE_LENGTH + WORD : BASE_LENGTH
  if ((flags & FLAG_KEY) !== 0) {
    if (end - at < WORD) return refuse(inner, FAULT_LINK_TRUNCATED)
    inner.tunnelId = view.getInt32(at)
    at += WORD
  }
  const sequenced = (flags & FLAG_SEQUENCE) !== 0
  if (sequenced) at += WORD
  switch (protocol) {
    case ETHERTYPE_TRANSPARENT_BRIDGING:
      return decodeInnerEthernet(view, at, end, inner)
    case ETHERTYPE_ERSPAN_2:
      // type I has neither a sequence number nor a header of its own
      return sequenced
        ? decodeErspan(view, at, end, ERSPAN_2_LENGTH, inner)
        : decodeInnerEthernet(view, at, end, inner)
    case ETHERTYPE_ERSPAN_3:
      return decodeErspan(view, at, end, ERSPAN_3_LENGTH, inner)
    default:
      return decodeEtherType(view, at, end, protocol, inner)
  }
}

function decodeErspan(view: DataView, at: number, end: number, length: number, inner: Packet): boolean {
  if (end - at < length) return refuse(inner, FAULT_LINK_TRUNCATED)
  const word = view.getUint16(at + ERSPAN_SESSION)
  inner.tunnelId = word & ERSPAN_SESSION_MASK
  if ((word & ERSPAN_TRUNCATED) !== 0) inner.wireEnd += LONGEST_FRAME
  const platform =
    length === ERSPAN_3_LENGTH && (view.getUint8(at + ERSPAN_3_FLAGS) & ERSPAN_3_PLATFORM) !== 0
  return decodeInnerEthernet(view, at + length + (platform ? ERSPAN_3_PLATFORM_LENGTH : 0), end, inner)
}

function decodePptp(view: DataView, at: number, end: number, flags: number, inner: Packet): boolean {
  if (end - at < PPTP_LENGTH) return refuse(inner, FAULT_LINK_TRUNCATED)
  inner.tunnelId = view.getUint16(at + PPTP_CALL_ID)
  at += PPTP_LENGTH
  // no payload, only an acknowledgment
  if ((flags & FLAG_SEQUENCE) === 0) return refuse(inner, FAULT_NOT_IP)
  at += (flags & FLAG_ACKNOWLEDGMENT) !== 0 ? 2 * WORD : WORD
  return decodeHdlc(view, at, end, inner)
}
