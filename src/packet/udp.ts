// The header that UDP and UDP-Lite share (RFC 768, 3828).

import type { Packet } from './packet.ts'
import { decodePorts } from './ports.ts'

const LENGTH = 4
const CHECKSUM = 6
export const UDP_HEADER_LENGTH = 8

/** Decodes the UDP or UDP-Lite header at `at`; returns the bytes conntrack reads. */
export function decodeUdp(view: DataView, at: number, packet: Packet): number {
  decodePorts(view, at, packet)
  return UDP_HEADER_LENGTH
}

/** The length field in bytes, header included; UDP-Lite's checksum coverage. The header must be captured. */
export function udpLength(packet: Packet): number {
  return packet.view.getUint16(packet.transportOffset + LENGTH)
}

/** The checksum field; 0 means none. The header must be captured. */
export function udpChecksum(packet: Packet): number {
  return packet.view.getUint16(packet.transportOffset + CHECKSUM)
}
