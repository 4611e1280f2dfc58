// The packet inside a tunnel's packet, as the tunnel's far end hands it to conntrack again.

import {
  IPPROTO_GRE,
  IPPROTO_IPIP,
  IPPROTO_IPV6,
  IPPROTO_UDP,
  LINKTYPE_RAW,
  PORT_GENEVE,
  PORT_GTP_U,
  PORT_VXLAN,
  PORT_VXLAN_LINUX,
} from '../../net/numbers.ts'
import { FAULT_DEPTH, FAULT_NONE, FAULT_NOT_IP, refuse } from '../fault.ts'
import type { Packet } from '../packet.ts'
import { decodeByVersion } from '../version.ts'
import { decodeGrePayload } from './gre-tunnel.ts'
import { decodeGenevePayload, decodeGtpPayload, decodeVxlanPayload } from './udp-tunnel.ts'

export const TUNNEL_NONE = 0
export const TUNNEL_VXLAN = 1
export const TUNNEL_GENEVE = 2
export const TUNNEL_GTP = 3
export const TUNNEL_GRE = 4
/** IPv4 in IPv4, IPv6 in IPv4, and either in IPv6. */
export const TUNNEL_IPIP = 5
export const TUNNEL_SIT = 6
export const TUNNEL_IP6TNL = 7

const NAMES = ['', 'vxlan', 'geneve', 'gtp', 'gre', 'ipip', 'sit', 'ip6tnl']

/** How many tunnels inside each other are followed. */
export const MAX_DEPTH = 4

/** The name of a TUNNEL_* code, as `ip link` has it. */
export function tunnelName(tunnel: number): string {
  return NAMES[tunnel] ?? 'unknown'
}

/** Which tunnel a decoded packet is of, by its protocol and destination port: TUNNEL_*. Fragments are of none. */
export function tunnelOf(packet: Packet): number {
  if (packet.moreFragments || packet.fragmentOffset !== 0) return TUNNEL_NONE
  switch (packet.protocol) {
    case IPPROTO_UDP:
      return udpTunnel(packet.destinationPort)
    case IPPROTO_GRE:
      return TUNNEL_GRE
    case IPPROTO_IPIP:
      return packet.family === 4 ? TUNNEL_IPIP : TUNNEL_IP6TNL
    case IPPROTO_IPV6:
      return packet.family === 4 ? TUNNEL_SIT : TUNNEL_IP6TNL
    default:
      return TUNNEL_NONE
  }
}

function udpTunnel(port: number): number {
  switch (port) {
    case PORT_VXLAN:
    case PORT_VXLAN_LINUX:
      return TUNNEL_VXLAN
    case PORT_GENEVE:
      return TUNNEL_GENEVE
    case PORT_GTP_U:
      return TUNNEL_GTP
    default:
      return TUNNEL_NONE
  }
}

/**
 * Decodes what a tunnel's packet carries into `inner`, which refers to the same bytes and has the same time, frame and
 * interface. True: an IP packet that conntrack gets to see. False: `inner.tunnel` tells whether `packet` is a tunnel's at
 * all, and `inner.fault` why there is no packet.
 */
export function decodeInner(packet: Packet, inner: Packet): boolean {
  inner.tunnel = tunnelOf(packet)
  inner.tunnelId = 0
  inner.zone = 0
  inner.family = 0
  if (inner.tunnel === TUNNEL_NONE) return refuse(inner, FAULT_NOT_IP)
  const at = packet.transportOffset
  inner.bytes = packet.bytes
  inner.view = packet.view
  inner.capturedEnd = at + packet.transportCaptured
  inner.wireEnd = at + packet.transportLength
  inner.fault = FAULT_NONE
  inner.time = packet.time
  inner.frame = packet.frame
  inner.capture = packet.capture
  inner.interface = packet.interface
  inner.interfaceIndex = packet.interfaceIndex
  inner.packetType = packet.packetType
  inner.linkOffset = at
  inner.linkType = LINKTYPE_RAW
  inner.vlan = -1
  inner.innerVlan = -1
  inner.depth = packet.depth + 1
  if (inner.depth > MAX_DEPTH) return refuse(inner, FAULT_DEPTH)
  return decodePayload(packet.view, at, inner)
}

function decodePayload(view: DataView, at: number, inner: Packet): boolean {
  const end = inner.capturedEnd
  switch (inner.tunnel) {
    case TUNNEL_VXLAN:
      return decodeVxlanPayload(view, at, end, inner)
    case TUNNEL_GENEVE:
      return decodeGenevePayload(view, at, end, inner)
    case TUNNEL_GTP:
      return decodeGtpPayload(view, at, end, inner)
    case TUNNEL_GRE:
      return decodeGrePayload(view, at, end, inner)
    default:
      return decodeByVersion(view, at, end, inner)
  }
}
