// The PPP protocol field, and the PPPoE session that carries it (RFC 1661, 2516).

import { FAULT_LINK_TRUNCATED, FAULT_NOT_IP, refuse } from '../fault.ts'
import { decodeIpv4 } from '../ipv4.ts'
import { decodeIpv6 } from '../ipv6.ts'
import type { Packet } from '../packet.ts'
import { decodeMpls } from './mpls.ts'

const PROTOCOL_IPV4 = 0x0021
const PROTOCOL_IPV6 = 0x0057
const PROTOCOL_MPLS = 0x0281
const PROTOCOL_MPLS_MULTICAST = 0x0283

const PPPOE_CODE = 1
const PPPOE_LENGTH = 4
const PPPOE_HEADER_LENGTH = 6
const PPPOE_VERSION_AND_TYPE = 0x11
const PPPOE_SESSION_DATA = 0

/** Decodes the PPP protocol field at `at`, of one or two bytes, and the packet behind it. */
export function decodePpp(view: DataView, at: number, end: number, packet: Packet): boolean {
  if (end - at < 2) return refuse(packet, FAULT_LINK_TRUNCATED)
  // an odd first byte is a protocol number compressed to one byte
  const compressed = (view.getUint8(at) & 1) !== 0
  const protocol = compressed ? view.getUint8(at) : view.getUint16(at)
  at += compressed ? 1 : 2
  switch (protocol) {
    case PROTOCOL_IPV4:
      return decodeIpv4(view, at, end, packet)
    case PROTOCOL_IPV6:
      return decodeIpv6(view, at, end, packet)
    case PROTOCOL_MPLS:
    case PROTOCOL_MPLS_MULTICAST:
      return decodeMpls(view, at, end, packet)
    default:
      return refuse(packet, FAULT_NOT_IP)
  }
}

/** Decodes the PPPoE header at `at` and the packet in it; what is behind its length is Ethernet padding. */
export function decodePppoe(view: DataView, at: number, end: number, packet: Packet): boolean {
  if (end - at < PPPOE_HEADER_LENGTH) return refuse(packet, FAULT_LINK_TRUNCATED)
  if (view.getUint8(at) !== PPPOE_VERSION_AND_TYPE || view.getUint8(at + PPPOE_CODE) !== PPPOE_SESSION_DATA)
    return refuse(packet, FAULT_NOT_IP)
  const start = at + PPPOE_HEADER_LENGTH
  packet.wireEnd = Math.min(packet.wireEnd, start + view.getUint16(at + PPPOE_LENGTH))
  return decodePpp(view, start, Math.min(end, packet.wireEnd), packet)
}
