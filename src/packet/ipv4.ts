// The IPv4 header, and the tests by which ip_rcv() drops a packet before conntrack (RFC 791; net/ipv4/ip_input.c).

import { IPPROTO_TCP } from '../net/numbers.ts'
import { FAULT_IP_CHECKSUM, FAULT_IP_HEADER, FAULT_IP_TRUNCATED, refuse } from './fault.ts'
import type { Packet } from './packet.ts'
import { decodeTransport } from './transport.ts'

const TOTAL_LENGTH = 2
const IDENTIFICATION = 4
const TTL = 8
const CHECKSUM = 10
const SOURCE = 12
const DESTINATION = 16
const OPTIONS = 20
const MIN_LENGTH = 20

const VERSION_4 = 4
const MORE_FRAGMENTS = 0x2000
const OFFSET_MASK = 0x1fff

/**
 * Decodes the IPv4 packet at `at`. Total length 0 is a TCP segment that was to be cut by hardware, or BIG TCP: its length is
 * the frame's. A wrong header checksum is a fault, unless it is zero (left to hardware) or the length is.
 */
export function decodeIpv4(view: DataView, at: number, end: number, packet: Packet): boolean {
  if (end - at < MIN_LENGTH) return headerCut(at, MIN_LENGTH, packet)
  const word0 = view.getInt32(at)
  const headerLength = ((word0 >>> 24) & 0x0f) << 2
  if (word0 >>> 28 !== VERSION_4 || headerLength < MIN_LENGTH) return refuse(packet, FAULT_IP_HEADER)
  const word1 = view.getInt32(at + IDENTIFICATION)
  const word2 = view.getInt32(at + TTL)
  const source = view.getInt32(at + SOURCE)
  const destination = view.getInt32(at + DESTINATION)
  const protocol = (word2 >>> 16) & 0xff
  let length = word0 & 0xffff
  if (length === 0 && protocol === IPPROTO_TCP) length = packet.wireEnd - at
  if (length < headerLength || length > packet.wireEnd - at) return refuse(packet, FAULT_IP_HEADER)
  if (end - at < headerLength) return headerCut(at, headerLength, packet)

  packet.family = 4
  packet.networkOffset = at
  packet.networkLength = length
  packet.ttl = word2 >>> 24
  packet.identification = word1 >>> 16
  packet.fragmentOffset = (word1 & OFFSET_MASK) << 3
  packet.moreFragments = (word1 & MORE_FRAGMENTS) !== 0
  packet.fragmentHeader = false
  packet.headerUnsummed = false
  packet.source0 = source
  packet.destination0 = destination
  packet.protocol = protocol
  const sum = addWord(word0) + addWord(word1) + addWord(word2) + addWord(source) + addWord(destination)
  if (!decodeTransport(view, at + headerLength, packet)) return false
  if (headerLength === MIN_LENGTH && foldsToOnes(sum)) return true
  return judgeChecksum(view, at, headerLength, sum, packet)
}

function addWord(word: number): number {
  return (word >>> 16) + (word & 0xffff)
}

function foldsToOnes(sum: number): boolean {
  return (sum & 0xffff) + (sum >>> 16) === 0xffff
}

/** Adds the options to `sum`, that of the first 20 bytes, and tells a header left to hardware from a broken one. */
function judgeChecksum(
  view: DataView,
  at: number,
  headerLength: number,
  sum: number,
  packet: Packet,
): boolean {
  for (let o = OPTIONS; o < headerLength; o += 2) sum += view.getUint16(at + o)
  if (foldsToOnes(sum)) return true
  packet.headerUnsummed = view.getUint16(at + CHECKSUM) === 0 || view.getUint16(at + TOTAL_LENGTH) === 0
  if (packet.headerUnsummed) return true
  return refuse(packet, FAULT_IP_CHECKSUM)
}

function headerCut(at: number, length: number, packet: Packet): boolean {
  return refuse(packet, packet.wireEnd - at < length ? FAULT_IP_HEADER : FAULT_IP_TRUNCATED)
}
