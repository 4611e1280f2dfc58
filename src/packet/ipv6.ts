// The IPv6 header and its chain of extension headers, as ipv6_rcv(), ipv6_skip_exthdr() and nf_ip6_check_hbh_len() read them (RFC 8200, 2675).

import {
  IPPROTO_AH,
  IPPROTO_DSTOPTS,
  IPPROTO_FRAGMENT,
  IPPROTO_HOPOPTS,
  IPPROTO_NONE,
  IPPROTO_ROUTING,
  IPPROTO_TCP,
} from '../net/numbers.ts'
import { FAULT_EXTENSION_TRUNCATED, FAULT_IP_HEADER, FAULT_IP_TRUNCATED, refuse } from './fault.ts'
import type { Packet } from './packet.ts'
import { decodeTransport } from './transport.ts'

const PAYLOAD_LENGTH = 4
const NEXT_HEADER = 6
const HOP_LIMIT = 7
const SOURCE = 8
const DESTINATION = 24
export const IPV6_HEADER_LENGTH = 40

const EXTENSION_MIN = 8
const FRAGMENT_OFFSET = 2
const FRAGMENT_IDENTIFICATION = 4
const FRAGMENT_OFFSET_MASK = 0xfff8
const FRAGMENT_MORE = 1

const OPTION_PAD1 = 0
const OPTION_JUMBO = 0xc2
const MAX_PAYLOAD = 0xffff

const HOP_OPTIONS_BAD = -1
const HOP_OPTIONS_CUT = -2

/**
 * Decodes the IPv6 packet at `at`. Payload length 0 is a jumbogram, whose hop-by-hop option has the length, or a TCP
 * segment that was to be cut by hardware, whose length is the frame's.
 */
export function decodeIpv6(view: DataView, at: number, end: number, packet: Packet): boolean {
  const onWire = packet.wireEnd - at
  if (end - at < IPV6_HEADER_LENGTH)
    return refuse(packet, onWire < IPV6_HEADER_LENGTH ? FAULT_IP_HEADER : FAULT_IP_TRUNCATED)
  if (view.getUint8(at) >> 4 !== 6) return refuse(packet, FAULT_IP_HEADER)
  let payload = view.getUint16(at + PAYLOAD_LENGTH)
  const next = view.getUint8(at + NEXT_HEADER)
  if (next === IPPROTO_HOPOPTS) {
    const jumbo = checkHopByHop(view, at, end, packet)
    if (jumbo === HOP_OPTIONS_BAD) return refuse(packet, FAULT_IP_HEADER)
    if (jumbo === HOP_OPTIONS_CUT) return refuse(packet, FAULT_EXTENSION_TRUNCATED)
    if (jumbo > 0) payload = jumbo
  } else if (payload === 0 && next === IPPROTO_TCP) {
    payload = onWire - IPV6_HEADER_LENGTH
  }
  if (IPV6_HEADER_LENGTH + payload > onWire) return refuse(packet, FAULT_IP_HEADER)

  packet.family = 6
  packet.networkOffset = at
  packet.networkLength = IPV6_HEADER_LENGTH + payload
  return decodeIpv6Chain(view, at, end, packet)
}

/** Reads everything but the lengths, which `packet` has already, and follows the header chain from `at`. */
export function decodeIpv6Chain(view: DataView, at: number, end: number, packet: Packet): boolean {
  packet.ttl = view.getUint8(at + HOP_LIMIT)
  packet.identification = 0
  packet.fragmentOffset = 0
  packet.moreFragments = false
  packet.fragmentHeader = false
  packet.headerUnsummed = false
  packet.source0 = view.getInt32(at + SOURCE)
  packet.source1 = view.getInt32(at + SOURCE + 4)
  packet.source2 = view.getInt32(at + SOURCE + 8)
  packet.source3 = view.getInt32(at + SOURCE + 12)
  packet.destination0 = view.getInt32(at + DESTINATION)
  packet.destination1 = view.getInt32(at + DESTINATION + 4)
  packet.destination2 = view.getInt32(at + DESTINATION + 8)
  packet.destination3 = view.getInt32(at + DESTINATION + 12)
  packet.protocol = view.getUint8(at + NEXT_HEADER)
  if (isExtension(packet.protocol)) return decodeExtensions(view, at + IPV6_HEADER_LENGTH, end, packet)
  return decodeTransport(view, at + IPV6_HEADER_LENGTH, packet)
}

/** Whether ipv6_ext_hdr() counts a next-header value among the extension headers. */
export function isExtension(next: number): boolean {
  switch (next) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_FRAGMENT:
    case IPPROTO_AH:
    case IPPROTO_NONE:
    case IPPROTO_DSTOPTS:
      return true
    default:
      return false
  }
}

/**
 * Follows the chain of extension headers from `at`, whose kind is in `packet.protocol`, to the transport header.
 * A chain that the kernel cannot follow leaves a packet without a tuple.
 */
function decodeExtensions(view: DataView, at: number, end: number, packet: Packet): boolean {
  const networkEnd = packet.networkOffset + packet.networkLength
  let next = packet.protocol
  let nextAt = packet.networkOffset + NEXT_HEADER
  while (isExtension(next)) {
    if (next === IPPROTO_NONE) return withoutTuple(at, next, packet)
    if (end - at < EXTENSION_MIN && end < networkEnd) return refuse(packet, FAULT_EXTENSION_TRUNCATED)
    if (next === IPPROTO_FRAGMENT) noteFragment(view, at, nextAt, networkEnd, packet)
    const need = next === IPPROTO_FRAGMENT ? FRAGMENT_OFFSET + 2 : 2
    if (networkEnd - at < need) return withoutTuple(at, next, packet)
    const following = view.getUint8(at)
    let length = EXTENSION_MIN
    if (next === IPPROTO_FRAGMENT) {
      if ((view.getUint16(at + FRAGMENT_OFFSET) & FRAGMENT_OFFSET_MASK) !== 0) {
        const isFirst = packet.fragmentHeaderOffset === at
        return withoutTuple(at + EXTENSION_MIN, isFirst ? following : next, packet)
      }
    } else if (next === IPPROTO_AH) {
      length = (view.getUint8(at + 1) + 2) << 2
    } else {
      length = (view.getUint8(at + 1) + 1) << 3
    }
    nextAt = at
    next = following
    at += length
  }
  packet.protocol = next
  return decodeTransport(view, at, packet)
}

/** The first fragment header of a packet is the one that reassembly goes by, even if the packet ends within it. */
function noteFragment(view: DataView, at: number, nextAt: number, networkEnd: number, packet: Packet): void {
  if (packet.fragmentHeader || networkEnd < at) return
  packet.fragmentHeader = true
  packet.fragmentHeaderOffset = at
  packet.fragmentNextHeaderOffset = nextAt
  if (networkEnd - at < EXTENSION_MIN) return
  const word = view.getUint16(at + FRAGMENT_OFFSET)
  packet.identification = view.getInt32(at + FRAGMENT_IDENTIFICATION)
  packet.fragmentOffset = word & FRAGMENT_OFFSET_MASK
  packet.moreFragments = (word & FRAGMENT_MORE) !== 0
}

function withoutTuple(at: number, protocol: number, packet: Packet): boolean {
  const networkEnd = packet.networkOffset + packet.networkLength
  packet.protocol = protocol
  packet.hasTuple = false
  packet.transportOffset = at
  packet.transportLength = Math.max(0, networkEnd - at)
  packet.transportCaptured = Math.max(0, Math.min(networkEnd, packet.capturedEnd) - at)
  packet.sourcePort = 0
  packet.destinationPort = 0
  return packet.fault === 0
}

/**
 * Checks the options of a hop-by-hop header right behind the IPv6 header, as nf_ip6_check_hbh_len() does.
 * Returns the payload length of a jumbogram, 0 without that option, HOP_OPTIONS_BAD or HOP_OPTIONS_CUT.
 */
function checkHopByHop(view: DataView, ip: number, end: number, packet: Packet): number {
  const start = ip + IPV6_HEADER_LENGTH
  if (packet.wireEnd - start < EXTENSION_MIN) return HOP_OPTIONS_BAD
  if (end - start < EXTENSION_MIN) return HOP_OPTIONS_CUT
  const optionsEnd = start + ((view.getUint8(start + 1) + 1) << 3)
  if (packet.wireEnd < optionsEnd) return HOP_OPTIONS_BAD
  if (end < optionsEnd) return HOP_OPTIONS_CUT
  let jumbo = 0
  let at = start + 2
  while (at < optionsEnd) {
    const kind = view.getUint8(at)
    if (kind === OPTION_PAD1) {
      at++
      continue
    }
    if (optionsEnd - at < 2) return HOP_OPTIONS_BAD
    const length = view.getUint8(at + 1) + 2
    if (length > optionsEnd - at) return HOP_OPTIONS_BAD
    if (kind === OPTION_JUMBO) {
      if (length !== 6 || ((at - ip) & 3) !== 2) return HOP_OPTIONS_BAD
      const payload = view.getUint32(at + 2)
      if (payload <= MAX_PAYLOAD || view.getUint16(ip + PAYLOAD_LENGTH) !== 0) return HOP_OPTIONS_BAD
      if (payload > packet.wireEnd - start) return HOP_OPTIONS_BAD
      jumbo = payload
    }
    at += length
  }
  return jumbo
}
