// PPP frames as captured from a line: bare, in HDLC-like framing, or in Cisco's HDLC framing (RFC 1662, 1547).

import { FAULT_LINK_TRUNCATED, refuse } from '../fault.ts'
import type { Packet } from '../packet.ts'
import { decodeEtherType } from './ethernet.ts'
import { decodePpp } from './ppp.ts'

const ADDRESS_AND_CONTROL = 0xff03
const CISCO_UNICAST = 0x0f00
const CISCO_MULTICAST = 0x8f00
const CISCO_TYPE = 2
const CISCO_LENGTH = 4

/** Decodes the frame at `at`; its first two bytes tell the framing. */
export function decodeHdlc(view: DataView, at: number, end: number, packet: Packet): boolean {
  const first = end - at >= 2 ? view.getUint16(at) : 0
  if (first === CISCO_UNICAST || first === CISCO_MULTICAST) {
    if (end - at < CISCO_LENGTH) return refuse(packet, FAULT_LINK_TRUNCATED)
    return decodeEtherType(view, at + CISCO_LENGTH, end, view.getUint16(at + CISCO_TYPE), packet)
  }
  return decodePpp(view, first === ADDRESS_AND_CONTROL ? at + 2 : at, end, packet)
}
