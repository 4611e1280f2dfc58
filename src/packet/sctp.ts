// The SCTP common header (RFC 9260).

import type { Packet } from './packet.ts'
import { decodePorts } from './ports.ts'

const VERIFICATION_TAG = 4
export const SCTP_HEADER_LENGTH = 12
/** Common header, first chunk's header, and the initiate tag that an INIT or INIT ACK has behind it. */
const NEEDED = 20

/** Decodes the SCTP header at `at`; returns the bytes conntrack reads at the least (further chunks may follow). */
export function decodeSctp(view: DataView, at: number, packet: Packet): number {
  decodePorts(view, at, packet)
  return NEEDED
}

/** The verification tag. The header must be captured. */
export function verificationTag(packet: Packet): number {
  return packet.view.getInt32(packet.transportOffset + VERIFICATION_TAG)
}
