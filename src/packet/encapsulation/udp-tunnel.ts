// Tunnels over UDP: VXLAN, Geneve, GTP-U (RFC 7348, RFC 8926, 3GPP TS 29.281).

import { ETHERTYPE_TRANSPARENT_BRIDGING, LINKTYPE_ETHERNET } from '../../net/numbers.ts'
import { FAULT_LINK_TRUNCATED, FAULT_NOT_IP, refuse } from '../fault.ts'
import type { Packet } from '../packet.ts'
import { UDP_HEADER_LENGTH } from '../udp.ts'
import { decodeByVersion } from '../version.ts'
import { decodeEthernet, decodeEtherType } from './ethernet.ts'

const VXLAN_VNI = 4
const VXLAN_LENGTH = 8
const VXLAN_VNI_VALID = 0x08

const GENEVE_TYPE = 2
const GENEVE_VNI = 4
const GENEVE_LENGTH = 8
const GENEVE_VERSION_MASK = 0xc0
const GENEVE_OPTIONS_MASK = 0x3f
const GENEVE_CONTROL = 0x80

const GTP_TYPE = 1
const GTP_TEID = 4
const GTP_LENGTH = 8
const GTP_LONG_LENGTH = 12
/** Version 1, GTP rather than GTP'. */
const GTP_VERSION_MASK = 0xf0
const GTP_VERSION_1 = 0x30
const GTP_ANY_OPTION = 0x07
const GTP_HAS_EXTENSIONS = 0x04
const GTP_USER_PACKET = 255

/** Decodes the Ethernet frame behind the UDP and VXLAN headers at `at`. */
export function decodeVxlanPayload(view: DataView, at: number, end: number, inner: Packet): boolean {
  at += UDP_HEADER_LENGTH
  if (end - at < VXLAN_LENGTH) return refuse(inner, FAULT_LINK_TRUNCATED)
  if ((view.getUint8(at) & VXLAN_VNI_VALID) === 0) return refuse(inner, FAULT_NOT_IP)
  inner.tunnelId = view.getUint32(at + VXLAN_VNI) >>> 8
  return decodeInnerEthernet(view, at + VXLAN_LENGTH, end, inner)
}

/** Decodes what follows the UDP and Geneve headers at `at`. */
export function decodeGenevePayload(view: DataView, at: number, end: number, inner: Packet): boolean {
  at += UDP_HEADER_LENGTH
  if (end - at < GENEVE_LENGTH) return refuse(inner, FAULT_LINK_TRUNCATED)
  const first = view.getUint8(at)
  if ((first & GENEVE_VERSION_MASK) !== 0 || (view.getUint8(at + 1) & GENEVE_CONTROL) !== 0)
    return refuse(inner, FAULT_NOT_IP)
  inner.tunnelId = view.getUint32(at + GENEVE_VNI) >>> 8
  const type = view.getUint16(at + GENEVE_TYPE)
  at += GENEVE_LENGTH + ((first & GENEVE_OPTIONS_MASK) << 2)
  if (type === ETHERTYPE_TRANSPARENT_BRIDGING) return decodeInnerEthernet(view, at, end, inner)
  return decodeEtherType(view, at, end, type, inner)
}

/** Decodes the user's packet behind the UDP and GTP-U headers at `at`, extension headers included. */
export function decodeGtpPayload(view: DataView, at: number, end: number, inner: Packet): boolean {
  at += UDP_HEADER_LENGTH
  if (end - at < GTP_LENGTH) return refuse(inner, FAULT_LINK_TRUNCATED)
  const flags = view.getUint8(at)
  if ((flags & GTP_VERSION_MASK) !== GTP_VERSION_1) return refuse(inner, FAULT_NOT_IP)
  if (view.getUint8(at + GTP_TYPE) !== GTP_USER_PACKET) return refuse(inner, FAULT_NOT_IP)
  inner.tunnelId = view.getInt32(at + GTP_TEID)
  if ((flags & GTP_ANY_OPTION) === 0) return decodeByVersion(view, at + GTP_LENGTH, end, inner)
  at += GTP_LONG_LENGTH
  if (at > end) return refuse(inner, FAULT_LINK_TRUNCATED)
  // the last byte of the header, and of each extension, names the next extension
  while ((flags & GTP_HAS_EXTENSIONS) !== 0 && view.getUint8(at - 1) !== 0) {
    if (at >= end) return refuse(inner, FAULT_LINK_TRUNCATED)
    const length = view.getUint8(at) << 2
    if (length === 0) return refuse(inner, FAULT_NOT_IP)
    at += length
    if (at > end) return refuse(inner, FAULT_LINK_TRUNCATED)
  }
  return decodeByVersion(view, at, end, inner)
}

/** Decodes the Ethernet frame at `at`, which is the link header of the inner packet. */
export function decodeInnerEthernet(view: DataView, at: number, end: number, inner: Packet): boolean {
  inner.linkOffset = at
  inner.linkType = LINKTYPE_ETHERNET
  return decodeEthernet(view, at, end, inner)
}
