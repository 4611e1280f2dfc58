// Link headers as a filter sees them: where the type field and the packet are, and how the type reads (gencode.c, gen_linktype()).

import {
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  LINKTYPE_ETHERNET,
  LINKTYPE_IPV4,
  LINKTYPE_IPV6,
  LINKTYPE_LINUX_SLL,
  LINKTYPE_LINUX_SLL2,
  LINKTYPE_LOOP,
  LINKTYPE_NULL,
  LINKTYPE_PPP,
  LINKTYPE_PPP_HDLC,
  LINKTYPE_PPPOE,
  LINKTYPE_RAW,
  LINKTYPE_RAW_BSD,
  LINKTYPE_RAW_OPENBSD,
} from '../net/numbers.ts'
import { always, any, byteIs, type Condition, never, shortIs, wordIs } from './cursor.ts'

const AF_INET = 2
/** AF_INET6 of the BSDs and Darwin: nobody else writes such captures. */
const AF_INET6 = [24, 28, 30]
const PPP_IPV4 = 0x0021
const PPP_IPV6 = 0x0057

export interface Link {
  /** Where the packet starts, from the start of the frame. */
  payload: number
  /** Whether there can be VLAN tags in front of the packet. */
  hasVlans: boolean
  /** Whether the frame begins with Ethernet's addresses. */
  hasStations: boolean
  /** The condition that the packet is what an EtherType says. */
  isType(type: number): Condition
}

/** How a filter reads frames of a link type (LINKTYPE_*); null for those whose header tells no filter anything. */
export function linkOf(linkType: number): Link | null {
  switch (linkType) {
    case LINKTYPE_ETHERNET:
      return taggedLink(14, type => shortIs(12, type))
    case LINKTYPE_LINUX_SLL:
      return plainLink(16, type => shortIs(14, type))
    case LINKTYPE_LINUX_SLL2:
      return plainLink(20, type => shortIs(0, type))
    case LINKTYPE_NULL:
    case LINKTYPE_LOOP:
      return plainLink(4, loopbackType)
    case LINKTYPE_PPP:
    case LINKTYPE_PPP_HDLC:
      return plainLink(4, type => pppType(2, type))
    case LINKTYPE_PPPOE:
      return plainLink(8, type => pppType(6, type))
    case LINKTYPE_RAW:
    case LINKTYPE_RAW_BSD:
    case LINKTYPE_RAW_OPENBSD:
      return RAW_LINK
    case LINKTYPE_IPV4:
      return plainLink(0, type => (type === ETHERTYPE_IPV4 ? always : never))
    case LINKTYPE_IPV6:
      return plainLink(0, type => (type === ETHERTYPE_IPV6 ? always : never))
    default:
      return null
  }
}

/** A packet without a link header: its first nibble tells its version. */
export const RAW_LINK: Link = plainLink(0, rawType)

/** What stands behind a VLAN tag of `link`. */
export function behindVlan(link: Link): Link {
  if (!link.hasVlans) return link
  return {
    payload: link.payload + 4,
    hasVlans: true,
    hasStations: link.hasStations,
    isType: type => shortIs(link.payload + 2, type),
  }
}

function plainLink(payload: number, isType: Link['isType']): Link {
  return { payload, hasVlans: false, hasStations: false, isType }
}

function taggedLink(payload: number, isType: Link['isType']): Link {
  return { payload, hasVlans: true, hasStations: true, isType }
}

function rawType(type: number): Condition {
  if (type === ETHERTYPE_IPV4) return byteIs(0, 0x40, 0xf0)
  return type === ETHERTYPE_IPV6 ? byteIs(0, 0x60, 0xf0) : never
}

/** The address family, in the byte order of whoever captured. */
function loopbackType(type: number): Condition {
  if (type !== ETHERTYPE_IPV4 && type !== ETHERTYPE_IPV6) return never
  const families = type === ETHERTYPE_IPV4 ? [AF_INET] : AF_INET6
  return any(families.flatMap(family => [wordIs(0, family), wordIs(0, family << 24)]))
}

function pppType(at: number, type: number): Condition {
  if (type === ETHERTYPE_IPV4) return shortIs(at, PPP_IPV4)
  return type === ETHERTYPE_IPV6 ? shortIs(at, PPP_IPV6) : never
}
