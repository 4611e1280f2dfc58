// Where on its way through a host a packet was when it was seen: the hardware addresses of its frame, TTL, direction.
import { isVlanTag, LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2 } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'

const SLL_ADDRESS = 6
const SLL2_ADDRESS = 12
const ETHERNET_SOURCE = 6
const ETHERNET_TYPE = 12

/** Where in `bytes` the source's hardware address stands, or -1 where the link layer has none. */
export function sourceMacAt(linkType: number, linkOffset: number): number {
  switch (linkType) {
    case LINKTYPE_ETHERNET:
      return linkOffset + ETHERNET_SOURCE
    case LINKTYPE_LINUX_SLL:
      return linkOffset + SLL_ADDRESS
    case LINKTYPE_LINUX_SLL2:
      return linkOffset + SLL2_ADDRESS
    default:
      return -1
  }
}

/** Where in `bytes` the destination's hardware address stands, or -1: cooked captures have none. */
export function destinationMacAt(linkType: number, linkOffset: number): number {
  return linkType === LINKTYPE_ETHERNET ? linkOffset : -1
}

/** The outermost VLAN id of a frame at `offset`, -1 for none. */
export function vlanAt(view: DataView, linkType: number, offset: number): number {
  if (linkType !== LINKTYPE_ETHERNET) return -1
  const isTagged = isVlanTag(view.getUint16(offset + ETHERNET_TYPE))
  return isTagged ? view.getUint16(offset + ETHERNET_TYPE + 2) & 0xfff : -1
}

/** A hash of the hardware address at `at`, its last four bytes: 0 for `at` -1, and on the loopback. */
export function macHash(view: DataView, at: number): number {
  return at < 0 ? 0 : view.getInt32(at + 2)
}

/** Whether frames do not tell the host's interfaces apart: on cooked v1, which has no interface index. */
export function hidesInterfaces(linkType: number): boolean {
  return linkType === LINKTYPE_LINUX_SLL
}

/** Packets with equal hashes were seen at one point, on the same side of the same hop. */
export function placeHash(
  packet: Packet,
  point: number,
  direction: number,
  sourceMac: number,
  destinationMac: number,
): number {
  const hop = (point << 20) ^ (direction << 16) ^ ((packet.packetType + 1) << 8) ^ packet.ttl
  const macs = Math.imul(sourceMac ^ (destinationMac >>> 7), 0xc2b2ae3d) ^ destinationMac
  return Math.imul(hop ^ 0x5bd1e995, 0x9e3779b1) ^ macs
}
