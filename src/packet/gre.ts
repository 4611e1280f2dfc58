// The GRE header as gre_pkt_to_tuple() reads it: only version 1 (PPTP) has a key (RFC 2784, 2890, 2637).

import { ETHERTYPE_PPP } from '../net/numbers.ts'
import type { Packet } from './packet.ts'

const FLAGS = 0
const PROTOCOL = 2
const CALL_ID = 6
const BASE_LENGTH = 4
export const PPTP_LENGTH = 8

const VERSION_MASK = 0x0007
const VERSION_1 = 1

/**
 * Decodes the GRE header at `at`; returns the bytes conntrack reads. Version 1 with anything but PPP inside has no
 * tuple; a header too short to tell is tracked by its addresses alone.
 */
export function decodeGre(view: DataView, at: number, packet: Packet): number {
  packet.hasTuple = true
  packet.sourcePort = 0
  packet.destinationPort = 0
  if (packet.transportLength < BASE_LENGTH) return 0
  if (packet.transportCaptured < BASE_LENGTH) return BASE_LENGTH
  if ((view.getUint16(at + FLAGS) & VERSION_MASK) !== VERSION_1) return BASE_LENGTH
  if (packet.transportLength < PPTP_LENGTH) return BASE_LENGTH
  packet.hasTuple = view.getUint16(at + PROTOCOL) === ETHERTYPE_PPP
  if (packet.hasTuple && packet.transportCaptured >= PPTP_LENGTH) {
    packet.destinationPort = view.getUint16(at + CALL_ID)
  }
  return PPTP_LENGTH
}
