// A flow's key: built from a packet, inverted, hashed. nf_ct_get_tuple(), nf_ct_invert_tuple(), hash_conntrack_raw().
import { foldAddress } from '../net/address.ts'
import { hasPorts, IPPROTO_DCCP, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_UDPLITE } from '../net/numbers.ts'
import { seededFold, seededHash } from '../net/seeded-hash.ts'
import type { Packet } from '../packet/packet.ts'
import { PORTS_LENGTH } from '../packet/ports.ts'
import type { Traits } from './kernel.ts'

/** Set in `kind` of an IPv6 tuple beside the protocol number and the zone, so that the families never meet. */
export const KIND_IPV6 = 1 << 24
/** Where the zone stands in `kind`: equal tuples of different zones are different tuples. kernel: struct nf_conntrack_zone */
export const ZONE_SHIFT = 8

/** The zone in `kind` of a tuple. */
export function zoneOf(kind: number): number {
  return (kind & (KIND_IPV6 - 1)) >>> ZONE_SHIFT
}

/**
 * The reused record of a key. For IPv4 `source` and `destination` are the addresses. For IPv6 they are folds of the
 * address words below, good enough to hash and to tell most apart; equality also compares the words.
 */
export class Tuple {
  source = 0
  destination = 0
  /** Source port << 16 | destination port; for ICMP the id << 16 | type << 8 | code. */
  ports = 0
  /** Protocol number | zone << 8 | KIND_IPV6. */
  kind = 0
  source0 = 0
  source1 = 0
  source2 = 0
  source3 = 0
  destination0 = 0
  destination1 = 0
  destination2 = 0
  destination3 = 0
}

/** Fills `tuple` from a packet whose `hasTuple` is true. */
export function tupleOf(packet: Packet, tuple: Tuple): void {
  tuple.ports = (packet.sourcePort << 16) | packet.destinationPort
  if (packet.family === 4) {
    tuple.kind = packet.protocol | (packet.zone << ZONE_SHIFT)
    tuple.source = packet.source0
    tuple.destination = packet.destination0
    return
  }
  tuple.kind = packet.protocol | (packet.zone << ZONE_SHIFT) | KIND_IPV6
  tuple.source0 = packet.source0
  tuple.source1 = packet.source1
  tuple.source2 = packet.source2
  tuple.source3 = packet.source3
  tuple.destination0 = packet.destination0
  tuple.destination1 = packet.destination1
  tuple.destination2 = packet.destination2
  tuple.destination3 = packet.destination3
  tuple.source = foldAddress(packet.source0, packet.source1, packet.source2, packet.source3)
  tuple.destination = foldAddress(
    packet.destination0,
    packet.destination1,
    packet.destination2,
    packet.destination3,
  )
}

/** Fills `tuple` as a kernel with these traits would; false for a packet that has none there. kernel: nf_ct_get_tuple() */
export function trackedTuple(packet: Packet, tuple: Tuple, traits: Traits): boolean {
  if (!hasTracker(packet.protocol, traits)) {
    tupleOf(packet, tuple)
    tuple.ports = 0
    return packet.fragmentOffset === 0
  }
  tupleOf(packet, tuple)
  if (packet.protocol !== IPPROTO_DCCP) return packet.hasTuple
  tuple.ports = dccpPorts(packet)
  return packet.hasTuple && packet.transportLength >= PORTS_LENGTH
}

/**
 * Whether an entry keeps ports; `ports` are both or one of them. Of UDP-Lite and DCCP a kernel without their tracker
 * keeps 0.
 */
export function keepsPorts(protocol: number, ports: number): boolean {
  if (protocol === IPPROTO_UDPLITE || protocol === IPPROTO_DCCP) return ports !== 0
  return hasPorts(protocol)
}

/** Whether a kernel has the tracker of a protocol, of those that not all kernels have. */
export function hasTracker(protocol: number, traits: Traits): boolean {
  if (protocol === IPPROTO_UDPLITE) return traits.udplite
  return protocol !== IPPROTO_DCCP || traits.dccp
}

/** The ports of a DCCP packet, which the decoder leaves alone since most kernels do; 0 where the capture cut them off. */
export function dccpPorts(packet: Packet): number {
  return packet.transportCaptured >= PORTS_LENGTH ? packet.view.getInt32(packet.transportOffset) : 0
}

/** Source port << 16 | destination port of a packet, of DCCP, too; of ICMP id << 16 | type << 8 | code. */
export function portsOf(packet: Packet): number {
  return packet.protocol === IPPROTO_DCCP
    ? dccpPorts(packet)
    : (packet.sourcePort << 16) | packet.destinationPort
}

/** Whether two records are of one key. */
export function sameTuple(a: Tuple, b: Tuple): boolean {
  if (a.kind !== b.kind || a.ports !== b.ports) return false
  if (a.source !== b.source || a.destination !== b.destination) return false
  if (a.kind < KIND_IPV6) return true
  return (
    a.source0 === b.source0 &&
    a.source1 === b.source1 &&
    a.source2 === b.source2 &&
    a.source3 === b.source3 &&
    a.destination0 === b.destination0 &&
    a.destination1 === b.destination1 &&
    a.destination2 === b.destination2 &&
    a.destination3 === b.destination3
  )
}

/** Writes the inverse of `tuple` into `inverse` (another record); false where the kernel knows none (ICMP errors, …). */
export function invertTuple(tuple: Tuple, inverse: Tuple): boolean {
  const ports = invertPorts(tuple.kind, tuple.ports)
  if (ports === NO_INVERSE) return false
  inverse.ports = ports
  inverse.kind = tuple.kind
  inverse.source = tuple.destination
  inverse.destination = tuple.source
  if (tuple.kind >= KIND_IPV6) {
    inverse.source0 = tuple.destination0
    inverse.source1 = tuple.destination1
    inverse.source2 = tuple.destination2
    inverse.source3 = tuple.destination3
    inverse.destination0 = tuple.source0
    inverse.destination1 = tuple.source1
    inverse.destination2 = tuple.source2
    inverse.destination3 = tuple.source3
  }
  return true
}

/** No 32-bit value, so it can stand beside one. */
const NO_INVERSE = Number.MAX_SAFE_INTEGER

function invertPorts(kind: number, ports: number): number {
  const protocol = kind & 0xff
  if (protocol !== IPPROTO_ICMP && protocol !== IPPROTO_ICMPV6) return (ports << 16) | (ports >>> 16)
  const type = (ports >>> 8) & 0xff
  const inverse = protocol === IPPROTO_ICMP ? ICMP_INVERSE[type] : ICMPV6_INVERSE[type]
  return inverse === 0xff ? NO_INVERSE : (ports & ~0xff00) | (inverse << 8)
}

/** Request and reply types of ICMP; 0xff has none. kernel: invmap in nf_conntrack_proto_icmp.c */
const ICMP_INVERSE = new Uint8Array(256).fill(0xff)
for (const [request, reply] of [
  [8, 0],
  [13, 14],
  [15, 16],
  [17, 18],
]) {
  ICMP_INVERSE[request] = reply
  ICMP_INVERSE[reply] = request
}

/** Echo and node information of ICMPv6. kernel: invmap in nf_conntrack_proto_icmpv6.c */
const ICMPV6_INVERSE = new Uint8Array(256).fill(0xff)
for (const [request, reply] of [
  [128, 129],
  [139, 140],
]) {
  ICMPV6_INVERSE[request] = reply
  ICMPV6_INVERSE[reply] = request
}

/** A well-mixed 32-bit hash of a key, other in each process. kernel: hash_conntrack_raw(), a seeded siphash */
export function hashTuple(tuple: Tuple): number {
  if (tuple.kind < KIND_IPV6) return seededHash(tuple.source, tuple.destination, tuple.ports, tuple.kind)
  return seededHash(
    seededFold(tuple.source0, tuple.source1, tuple.source2, tuple.source3),
    seededFold(tuple.destination0, tuple.destination1, tuple.destination2, tuple.destination3),
    tuple.ports,
    tuple.kind,
  )
}

/** The hash of the tuple of a packet whose `hasTuple` is true. */
export function hashPacket(packet: Packet): number {
  const ports = (packet.sourcePort << 16) | packet.destinationPort
  const kind = packet.protocol | (packet.zone << ZONE_SHIFT)
  if (packet.family === 4) return seededHash(packet.source0, packet.destination0, ports, kind)
  return seededHash(
    seededFold(packet.source0, packet.source1, packet.source2, packet.source3),
    seededFold(packet.destination0, packet.destination1, packet.destination2, packet.destination3),
    ports,
    kind | KIND_IPV6,
  )
}
