// The MPLS label stack above an IP packet (RFC 3032).

import { FAULT_LINK_TRUNCATED, refuse } from '../fault.ts'
import type { Packet } from '../packet.ts'
import { decodeByVersion } from '../version.ts'

const LABEL_LENGTH = 4
const BOTTOM = 2
const BOTTOM_BIT = 0x01

/** Decodes the label stack at `at`, and the IP packet that its first nibble shows below the bottom label. */
export function decodeMpls(view: DataView, at: number, end: number, packet: Packet): boolean {
  while (end - at >= LABEL_LENGTH) {
    const bottom = (view.getUint8(at + BOTTOM) & BOTTOM_BIT) !== 0
    at += LABEL_LENGTH
    if (bottom) return decodeByVersion(view, at, end, packet)
  }
  return refuse(packet, FAULT_LINK_TRUNCATED)
}
