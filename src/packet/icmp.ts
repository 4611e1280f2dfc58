// The ICMP and ICMPv6 header: type, code, id word, as icmp_pkt_to_tuple() reads them (RFC 792, 4443).

import type { Packet } from './packet.ts'

const TYPE_AND_CODE = 0
const ID = 4
export const ICMP_HEADER_LENGTH = 8

/** Decodes the ICMP or ICMPv6 header at `at`; returns the bytes conntrack reads. */
export function decodeIcmp(view: DataView, at: number, packet: Packet): number {
  packet.hasTuple = packet.transportLength >= ICMP_HEADER_LENGTH
  const captured = packet.transportCaptured
  packet.sourcePort = captured >= ID + 2 ? view.getUint16(at + ID) : 0
  packet.destinationPort = captured >= TYPE_AND_CODE + 2 ? view.getUint16(at + TYPE_AND_CODE) : 0
  return ICMP_HEADER_LENGTH
}
