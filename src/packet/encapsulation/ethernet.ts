// Ethernet II, 802.3 with LLC/SNAP, VLAN tags, whatever else an EtherType announces (IEEE 802.3, 802.1Q; RFC 1042).

import {
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_MPLS,
  ETHERTYPE_MPLS_MULTICAST,
  ETHERTYPE_PPPOE_SESSION,
  isVlanTag,
} from '../../net/numbers.ts'
import { FAULT_LINK_TRUNCATED, FAULT_NOT_IP, refuse } from '../fault.ts'
import { decodeIpv4 } from '../ipv4.ts'
import { decodeIpv6 } from '../ipv6.ts'
import type { Packet } from '../packet.ts'
import { decodeMpls } from './mpls.ts'
import { decodePppoe } from './ppp.ts'

const TYPE = 12
const HEADER_LENGTH = 14

/** Below this an EtherType field is an IEEE 802.3 length. */
const FIRST_TYPE = 0x0600
const SNAP = 0xaaaa03
const SNAP_TYPE = 6
const SNAP_LENGTH = 8
const VLAN_TYPE = 2
const VLAN_LENGTH = 4

/** Decodes the Ethernet frame at `at`. */
export function decodeEthernet(view: DataView, at: number, end: number, packet: Packet): boolean {
  if (end - at < HEADER_LENGTH) return refuse(packet, FAULT_LINK_TRUNCATED)
  const type = view.getUint16(at + TYPE)
  if (type === ETHERTYPE_IPV4) return decodeIpv4(view, at + HEADER_LENGTH, end, packet)
  return decodeEtherType(view, at + HEADER_LENGTH, end, type, packet)
}

/** Decodes what an EtherType (or an 802.3 length) announces at `at`. */
export function decodeEtherType(
  view: DataView,
  at: number,
  end: number,
  type: number,
  packet: Packet,
): boolean {
  for (;;) {
    switch (type) {
      case ETHERTYPE_IPV4:
        return decodeIpv4(view, at, end, packet)
      case ETHERTYPE_IPV6:
        return decodeIpv6(view, at, end, packet)
      case ETHERTYPE_MPLS:
      case ETHERTYPE_MPLS_MULTICAST:
        return decodeMpls(view, at, end, packet)
      case ETHERTYPE_PPPOE_SESSION:
        return decodePppoe(view, at, end, packet)
      default:
        if (isVlanTag(type)) {
          if (end - at < VLAN_LENGTH) return refuse(packet, FAULT_LINK_TRUNCATED)
          noteVlan(packet, view.getUint16(at) & 0xfff)
          type = view.getUint16(at + VLAN_TYPE)
          at += VLAN_LENGTH
          break
        }
        if (type >= FIRST_TYPE) return refuse(packet, FAULT_NOT_IP)
        if (end - at < SNAP_LENGTH) return refuse(packet, FAULT_NOT_IP)
        if (view.getUint32(at) >>> 8 !== SNAP || (view.getUint32(at + 2) & 0xffffff) !== 0)
          return refuse(packet, FAULT_NOT_IP)
        type = view.getUint16(at + SNAP_TYPE)
        at += SNAP_LENGTH
    }
  }
}

function noteVlan(packet: Packet, id: number): void {
  if (packet.vlan === -1) packet.vlan = id
  else if (packet.innerVlan === -1) packet.innerVlan = id
}
