// NFLOG captures (`tcpdump -i nflog:N`): netfilter's log attributes around an IP packet (tcpdump.org/linktypes; nfnetlink_log.h).

import { PACKET_HOST, PACKET_OUTGOING } from '../../net/numbers.ts'
import { FAULT_LINK_TRUNCATED, FAULT_NOT_IP, refuse } from '../fault.ts'
import type { Packet } from '../packet.ts'
import { decodeByVersion } from '../version.ts'

const HEADER_LENGTH = 4
const ATTRIBUTE_TYPE = 2
const ATTRIBUTE_LENGTH = 4
const TYPE_MASK = 0x7fff

const NFULA_PACKET_HDR = 1
const NFULA_IFINDEX_INDEV = 4
const NFULA_IFINDEX_OUTDEV = 5
const NFULA_PAYLOAD = 9

const PACKET_HDR_HOOK = 2
const NF_INET_LOCAL_OUT = 3
const NF_INET_POST_ROUTING = 4

const IPV4_TOTAL_LENGTH = 2
const IPV6_PAYLOAD_LENGTH = 4
const IPV6_HEADER_LENGTH = 40

/**
 * Decodes the NFLOG message at `at`. Attributes are in the byte order of the capturing host, which the capture does not
 * tell per frame; attribute types are small, so the first one shows it. The interface is the incoming one, or the
 * outgoing one where there is no other.
 */
export function decodeNflog(view: DataView, at: number, end: number, packet: Packet): boolean {
  at += HEADER_LENGTH
  if (end - at < ATTRIBUTE_LENGTH) return refuse(packet, FAULT_LINK_TRUNCATED)
  const little = view.getUint8(at + ATTRIBUTE_TYPE) !== 0
  while (end - at >= ATTRIBUTE_LENGTH) {
    const length = view.getUint16(at, little)
    if (length < ATTRIBUTE_LENGTH) break
    const type = view.getUint16(at + ATTRIBUTE_TYPE, little) & TYPE_MASK
    const value = at + ATTRIBUTE_LENGTH
    if (type === NFULA_PAYLOAD) {
      const valueEnd = Math.min(at + length, end)
      packet.capturedEnd = valueEnd
      packet.wireEnd = Math.max(valueEnd, claimedEnd(view, value, valueEnd))
      return decodeByVersion(view, value, valueEnd, packet)
    }
    if (end - value >= 4) noteAttribute(view, value, type, packet)
    at += (length + 3) & ~3
  }
  return refuse(packet, at > end ? FAULT_LINK_TRUNCATED : FAULT_NOT_IP)
}

function noteAttribute(view: DataView, value: number, type: number, packet: Packet): void {
  if (type === NFULA_IFINDEX_INDEV) {
    packet.interfaceIndex = view.getInt32(value)
  } else if (type === NFULA_IFINDEX_OUTDEV && packet.interfaceIndex === 0) {
    packet.interfaceIndex = view.getInt32(value)
  } else if (type === NFULA_PACKET_HDR) {
    const hook = view.getUint8(value + PACKET_HDR_HOOK)
    packet.packetType =
      hook === NF_INET_LOCAL_OUT || hook === NF_INET_POST_ROUTING ? PACKET_OUTGOING : PACKET_HOST
  }
}

/** The log's copy range cuts the payload without a trace in the frame's length: only the IP header tells. */
function claimedEnd(view: DataView, at: number, end: number): number {
  if (end - at < 6) return end
  if (view.getUint8(at) >> 4 === 4) return at + view.getUint16(at + IPV4_TOTAL_LENGTH)
  return at + IPV6_HEADER_LENGTH + view.getUint16(at + IPV6_PAYLOAD_LENGTH)
}
