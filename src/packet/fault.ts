// Why decoding stopped: codes that travel on the packet, and the words a report uses for them.

import type { Packet } from './packet.ts'

export const FAULT_NONE = 0
/** No IP inside: ARP, LLDP, an unknown EtherType. Not an error. */
export const FAULT_NOT_IP = 1
/** The link header is cut off. */
export const FAULT_LINK_TRUNCATED = 2
/** The link type has no decoder. */
export const FAULT_LINK_TYPE = 3
/** The IP header is cut off by the snap length. */
export const FAULT_IP_TRUNCATED = 4
/** IP version, header length or total length that no kernel accepts. */
export const FAULT_IP_HEADER = 5
/** The IPv6 extension-header chain is cut off by the snap length. */
export const FAULT_EXTENSION_TRUNCATED = 6
/** The transport header is cut off by the snap length: conntrack saw it, we cannot. */
export const FAULT_TRANSPORT_TRUNCATED = 7
/** Tunnel nesting deeper than we follow. */
export const FAULT_DEPTH = 8
/**
 * The IPv4 header checksum is wrong and not zero: the kernel drops the packet before conntrack. All fields are
 * decoded as for a sound packet, for a caller that knows better (an anonymised capture, say).
 */
export const FAULT_IP_CHECKSUM = 9

export const FAULT_COUNT = 10

const TEXT = [
  '',
  'no IP packet inside',
  'link-layer header cut off',
  'link type not supported',
  'IP header cut off',
  'IP header malformed',
  'IPv6 extension headers cut off',
  'transport header cut off',
  'too many nested headers',
  'IPv4 header checksum wrong',
]

/** The words for a FAULT_* code. */
export function faultText(fault: number): string {
  return TEXT[fault] ?? 'unknown fault'
}

/** Marks a packet as one that conntrack does not get to see, for a decoder to return. */
export function refuse(packet: Packet, fault: number): false {
  packet.fault = fault
  return false
}
