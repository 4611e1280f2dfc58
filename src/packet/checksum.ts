// Transport checksums as conntrack verifies them with nf_conntrack_checksum=1 (nf_ip_checksum(), nf_ip6_checksum(), sctp_compute_cksum(); RFC 1071).

import {
  IPPROTO_DCCP,
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
const DCCP_COVERAGE = 5
const SCTP_CHECKSUM = 8
const SCTP_AFTER_CHECKSUM = 12
const CRC_START = 0xffffffff | 0
const SCTP_CHECKSUM_LENGTH = 4

/**
 * Verifies the transport checksum of a packet that is not a fragment: CHECKSUM_OK, CHECKSUM_BAD or CHECKSUM_UNKNOWN;
 * OK where conntrack verifies none. The transport header must be complete. What the kernel covers is the whole IP
 * payload, whatever the UDP length says. An absent checksum is the tracker's to judge, not ours.
 */
export function transportChecksum(packet: Packet): number {
  const length = packet.transportLength
  switch (packet.protocol) {
    case IPPROTO_TCP:
      return verifySum(packet, length, addAddresses(packet, addLength(length) + IPPROTO_TCP))
    case IPPROTO_UDP:
      return verifySum(packet, length, addAddresses(packet, addLength(length) + IPPROTO_UDP))
    case IPPROTO_UDPLITE:
      return verifyPartly(packet, udpLength(packet) || length, IPPROTO_UDP)
    case IPPROTO_DCCP:
      return verifyPartly(packet, dccpCoverage(packet), IPPROTO_DCCP)
    case IPPROTO_ICMP:
      return packet.family === 4 ? verifySum(packet, length, 0) : CHECKSUM_OK
    case IPPROTO_ICMPV6:
      if (packet.family === 4) return CHECKSUM_OK
      return verifySum(packet, length, addAddresses(packet, addLength(length) + IPPROTO_ICMPV6))
    case IPPROTO_SCTP:
      return verifySctp(packet)
    default:
      return CHECKSUM_OK
  }
}

/**
 * Verifies a checksum that covers the beginning of its packet. nf_ip_checksum_partial() swaps protocol and length in a
 * call that keeps eight bits of the protocol: only the low byte of an IPv4 payload's length is in the sum.
 * @param protocol what the kernel sums, which takes UDP-Lite for 17
 */
function verifyPartly(packet: Packet, coverage: number, protocol: number): number {
  const length = packet.transportLength
  const summed = packet.family === 4 ? length & 0xff : addLength(length)
  return verifySum(packet, coverage, addAddresses(packet, summed + protocol))
}

/** Bytes that the kernel covers of DCCP: all for 0, else so many words but one, from the ports on. dccp_error() */
function dccpCoverage({ view, transportOffset, transportLength }: Packet): number {
  const coverage = view.getUint8(transportOffset + DCCP_COVERAGE) & 0x0f
  return coverage === 0 ? transportLength : (coverage - 1) * 4
}

function addAddresses(packet: Packet, sum: number): number {
  const at = packet.networkOffset
  if (packet.family === 4) return sumWords(packet.view, at + IPV4_ADDRESSES, IPV4_ADDRESSES_LENGTH, sum)
  return sumWords(packet.view, at + IPV6_ADDRESSES, IPV6_ADDRESSES_LENGTH, sum)
}

function addLength(length: number): number {
  return (length >>> 16) + (length & 0xffff)
}

/** Verifies the first `length` bytes of the transport packet, on top of the sum of its pseudo header. */
function verifySum(packet: Packet, length: number, sum: number): number {
  const at = packet.transportOffset
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
