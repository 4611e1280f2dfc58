// The ICMP and ICMPv6 header: type, code, id word, as icmp_pkt_to_tuple() reads them (RFC 792, 4443).

import { IPPROTO_ICMP, IPPROTO_ICMPV6 } from '../net/numbers.ts'
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

/**
 * Whether a packet of this protocol and these ports (as in Packet: type << 8 | code) quotes another.
 * kernel: icmp_is_err(), and all ICMPv6 types below 128
 */
export function isIcmpError(protocol: number, ports: number): boolean {
  const type = (ports >>> 8) & 0xff
  if (protocol === IPPROTO_ICMPV6) return type < 128
  if (protocol !== IPPROTO_ICMP) return false
  return type === 3 || type === 4 || type === 5 || type === 11 || type === 12
}
