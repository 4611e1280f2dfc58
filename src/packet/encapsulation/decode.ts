// A frame into the one decoded packet: picks the link layer's decoder (tcpdump.org/linktypes).

import type { Frame } from '../../capture/frame.ts'
import {
  LINKTYPE_ETHERNET,
  LINKTYPE_IPV4,
  LINKTYPE_IPV6,
  LINKTYPE_LINUX_SLL,
  LINKTYPE_LINUX_SLL2,
  LINKTYPE_LOOP,
  LINKTYPE_NFLOG,
  LINKTYPE_NULL,
  LINKTYPE_PPP,
  LINKTYPE_PPP_HDLC,
  LINKTYPE_PPPOE,
  LINKTYPE_RAW,
  LINKTYPE_RAW_BSD,
  LINKTYPE_RAW_OPENBSD,
} from '../../net/numbers.ts'
import { FAULT_LINK_TYPE, FAULT_NONE, refuse } from '../fault.ts'
import { decodeIpv4 } from '../ipv4.ts'
import { decodeIpv6 } from '../ipv6.ts'
import type { Packet } from '../packet.ts'
import { decodeByVersion } from '../version.ts'
import { decodeLinuxSll, decodeLinuxSll2 } from './cooked.ts'
import { decodeEthernet } from './ethernet.ts'
import { decodeHdlc } from './hdlc.ts'
import { decodeLoopback } from './loopback.ts'
import { decodeNflog } from './nflog.ts'
import { decodePppoe } from './ppp.ts'
import { TUNNEL_NONE } from './tunnel.ts'

/** Longest frame we believe in; an absurd original length of a broken record must not leave the small integers. */
const MAX_WIRE_LENGTH = 0x0fffffff

/** Whether `decode` has a decoder for a link type (LINKTYPE_*). */
export function supportsLinkType(linkType: number): boolean {
  switch (linkType) {
    case LINKTYPE_NULL:
    case LINKTYPE_ETHERNET:
    case LINKTYPE_PPP:
    case LINKTYPE_RAW_BSD:
    case LINKTYPE_RAW_OPENBSD:
    case LINKTYPE_PPP_HDLC:
    case LINKTYPE_PPPOE:
    case LINKTYPE_RAW:
    case LINKTYPE_LOOP:
    case LINKTYPE_LINUX_SLL:
    case LINKTYPE_IPV4:
    case LINKTYPE_IPV6:
    case LINKTYPE_NFLOG:
    case LINKTYPE_LINUX_SLL2:
      return true
    default:
      return false
  }
}

/**
 * Decodes `frame` into `packet`. True: an IP packet that conntrack gets to see (`packet.fault` is FAULT_NONE).
 * False: there is none, and `packet.fault` says why. The packet refers to the frame's bytes and dies with them.
 */
export function decode(frame: Frame, packet: Packet): boolean {
  const at = frame.offset
  const end = at + frame.length
  packet.bytes = frame.bytes
  packet.view = frame.view
  packet.capturedEnd = end
  packet.wireEnd =
    frame.originalLength > frame.length ? at + Math.min(frame.originalLength, MAX_WIRE_LENGTH) : end
  packet.fault = FAULT_NONE
  packet.time = frame.time
  packet.frame = frame.number
  packet.capture = frame.capture
  packet.interface = frame.interface
  packet.interfaceIndex = 0
  packet.packetType = -1
  packet.linkOffset = at
  packet.linkType = frame.linkType
  packet.vlan = -1
  packet.innerVlan = -1
  packet.depth = 0
  packet.tunnel = TUNNEL_NONE
  packet.tunnelId = 0
  packet.zone = 0
  packet.family = 0
  return decodeLink(frame.view, at, end, packet)
}

function decodeLink(view: DataView, at: number, end: number, packet: Packet): boolean {
  switch (packet.linkType) {
    case LINKTYPE_ETHERNET:
      return decodeEthernet(view, at, end, packet)
    case LINKTYPE_LINUX_SLL:
      return decodeLinuxSll(view, at, end, packet)
    case LINKTYPE_LINUX_SLL2:
      return decodeLinuxSll2(view, at, end, packet)
    case LINKTYPE_RAW:
    case LINKTYPE_RAW_BSD:
    case LINKTYPE_RAW_OPENBSD:
      return decodeByVersion(view, at, end, packet)
    case LINKTYPE_IPV4:
      return decodeIpv4(view, at, end, packet)
    case LINKTYPE_IPV6:
      return decodeIpv6(view, at, end, packet)
    case LINKTYPE_NULL:
    case LINKTYPE_LOOP:
      return decodeLoopback(view, at, end, packet)
    case LINKTYPE_PPP:
    case LINKTYPE_PPP_HDLC:
      return decodeHdlc(view, at, end, packet)
    case LINKTYPE_PPPOE:
      return decodePppoe(view, at, end, packet)
    case LINKTYPE_NFLOG:
      return decodeNflog(view, at, end, packet)
    default:
      return refuse(packet, FAULT_LINK_TYPE)
  }
}
