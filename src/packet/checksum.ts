// Transport checksums as conntrack verifies them with nf_conntrack_checksum=1 (nf_ip_checksum(), nf_ip6_checksum(), sctp_compute_cksum(); RFC 1071).

import {
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../net/numbers.ts'
import { crc32c } from './crc32c.ts'
import type { Packet } from './packet.ts'
import { udpLength } from './udp.ts'

export const CHECKSUM_BAD = 0
export const CHECKSUM_OK = 1
/** Bytes that the checksum covers were not captured. */
export const CHECKSUM_UNKNOWN = -1

const IPV4_ADDRESSES = 12
const IPV4_ADDRESSES_LENGTH = 8
const IPV6_ADDRESSES = 8
const IPV6_ADDRESSES_LENGTH = 32
const SCTP_CHECKSUM = 8
const SCTP_AFTER_CHECKSUM = 12
const CRC_START = 0xffffffff | 0
const SCTP_CHECKSUM_LENGTH = 4

/**
 * Verifies the transport checksum of a packet that is not a fragment: CHECKSUM_OK, CHECKSUM_BAD or CHECKSUM_UNKNOWN;
 * OK where conntrack verifies none. The transport header must be complete. What the kernel covers is the whole IP
 * payload, whatever the UDP length says, and UDP-Lite is summed as protocol 17. An absent checksum is the tracker's
 * to judge, not ours.
 */
export function transportChecksum(packet: Packet): number {
  const at = packet.transportOffset
  const length = packet.transportLength
  switch (packet.protocol) {
    case IPPROTO_TCP:
      return verify(packet, length, IPPROTO_TCP)
    case IPPROTO_UDP:
      return verify(packet, length, IPPROTO_UDP)
    case IPPROTO_UDPLITE:
      return verify(packet, udpLength(packet) || length, IPPROTO_UDP)
    case IPPROTO_ICMP:
      // in an IPv6 packet the kernel takes the IPv6 header for an IPv4 one, whose sum would be nothing
      if (packet.family === 6) return verifySum(packet, packet.networkOffset, packet.networkLength, 0)
      return verifySum(packet, at, length, 0)
    case IPPROTO_ICMPV6:
      return verifySum(packet, at, length, pseudoHeader6(packet, IPPROTO_ICMPV6))
    case IPPROTO_SCTP:
      return verifySctp(packet)
    default:
      return CHECKSUM_OK
  }
}

function verify(packet: Packet, length: number, protocol: number): number {
  const pseudo = packet.family === 4 ? pseudoHeader4(packet, protocol) : pseudoHeader6(packet, protocol)
  return verifySum(packet, packet.transportOffset, length, pseudo)
}

function pseudoHeader4(packet: Packet, protocol: number): number {
  const addresses = packet.networkOffset + IPV4_ADDRESSES
  return sumWords(packet.view, addresses, IPV4_ADDRESSES_LENGTH, pseudoTail(packet, protocol))
}

/** ICMPv6 in an IPv4 packet makes the kernel read addresses where an IPv6 header would have them; so do we, if captured. */
function pseudoHeader6(packet: Packet, protocol: number): number {
  const addresses = packet.networkOffset + IPV6_ADDRESSES
  const length = Math.min(IPV6_ADDRESSES_LENGTH, packet.capturedEnd - addresses)
  return sumWords(packet.view, addresses, length, pseudoTail(packet, protocol))
}

function pseudoTail(packet: Packet, protocol: number): number {
  return (packet.transportLength >>> 16) + (packet.transportLength & 0xffff) + protocol
}

function verifySum(packet: Packet, at: number, length: number, sum: number): number {
  if (packet.capturedEnd - at < length) return CHECKSUM_UNKNOWN
  return fold(sumWords(packet.view, at, length, sum)) === 0xffff ? CHECKSUM_OK : CHECKSUM_BAD
}

/** Adds the 16-bit words of a range to a sum; an odd last byte counts as the high half of a word. */
function sumWords(view: DataView, at: number, length: number, sum: number): number {
  const end = at + length
  for (; end - at >= 4; at += 4) {
    const word = view.getInt32(at)
    sum = (sum & 0xffff) + (sum >>> 16) + (word >>> 16) + (word & 0xffff)
  }
  if (end - at >= 2) {
    sum += view.getUint16(at)
    at += 2
  }
  return at < end ? sum + (view.getUint8(at) << 8) : sum
}

function fold(sum: number): number {
  sum = (sum & 0xffff) + (sum >>> 16)
  return (sum & 0xffff) + (sum >>> 16)
}

/** CRC32c over the packet with its checksum field taken for zero; the field is little-endian. */
function verifySctp(packet: Packet): number {
  const at = packet.transportOffset
  const end = at + packet.transportLength
  if (packet.capturedEnd < end) return CHECKSUM_UNKNOWN
  let crc = crc32c(packet.bytes, at, at + SCTP_CHECKSUM, CRC_START)
  crc = crc32c(NO_CHECKSUM, 0, SCTP_CHECKSUM_LENGTH, crc)
  crc = ~crc32c(packet.bytes, at + SCTP_AFTER_CHECKSUM, end, crc)
  return crc === packet.view.getInt32(at + SCTP_CHECKSUM, true) ? CHECKSUM_OK : CHECKSUM_BAD
}

const NO_CHECKSUM = new Uint8Array(SCTP_CHECKSUM_LENGTH)
