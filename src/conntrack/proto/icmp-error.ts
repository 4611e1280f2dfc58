// ICMP errors and the flow they quote: nf_conntrack_icmpv4_error(), nf_conntrack_icmpv6_error(), nf_conntrack_inet_error().

import { IPPROTO_ICMP, PACKET_OUTGOING } from '../../net/numbers.ts'
import { CHECKSUM_BAD, transportChecksum } from '../../packet/checksum.ts'
import { FAULT_NONE } from '../../packet/fault.ts'
import { isIcmpError } from '../../packet/icmp.ts'
import { Packet } from '../../packet/packet.ts'
import { decodeQuoted } from '../../packet/quoted.ts'
import type { Context } from '../context.ts'
import {
  REASON_ICMP_CHECKSUM,
  REASON_ICMP_TYPE,
  REASON_ICMPV6_CHECKSUM,
  REASON_OUTER_ADDRESS,
  REASON_OUTER_ADDRESS_IPV6,
  REASON_REDIRECT_OPTIONS,
  REASON_REDIRECT_SHORT,
  REASON_REDIRECT_SOURCE,
  REASON_SHORT,
} from '../reason.ts'
import { DIRECTION_ORIGINAL, IPS_DST_NAT, IPS_SRC_NAT } from '../status.ts'
import { hasTracker, invertTuple, Tuple, trackedTuple } from '../tuple.ts'

/** Answers of handle(): no error message, so look the packet itself up; invalid; related to `key`; not tracked at all. */
export const ERROR_NONE = 0
export const ERROR_INVALID = 1
export const ERROR_RELATED = 2
export const ERROR_UNTRACKED = 3

const HEADER = 8
/** The highest ICMP type known. kernel: NR_ICMP_TYPES */
const HIGHEST_TYPE = 18
const V6_REDIRECT = 137
/** Header, target and destination of a redirect; then its options. */
const REDIRECT_LENGTH = 40
const OPTION_REDIRECTED_HEADER = 4

export class IcmpErrors {
  /** Key (entry * 2 + direction) of the flow the last error relates to. */
  key = -1
  private readonly quoted = new Packet()
  private readonly quotedTuple = new Tuple()
  private readonly inverse = new Tuple()
  private readonly context: Context
  private readonly find: (tuple: Tuple) => number

  constructor(context: Context, find: (tuple: Tuple) => number) {
    this.context = context
    this.find = find
  }

  /** Judges an ICMP or ICMPv6 packet before its own tuple is looked up. kernel: nf_conntrack_handle_icmp() */
  handle(packet: Packet): number {
    const isIpv4 = packet.protocol === 1
    if (isIpv4 !== (packet.family === 4)) return ERROR_NONE
    return isIpv4 ? this.handleIcmp(packet) : this.handleIcmpv6(packet)
  }

  private handleIcmp(packet: Packet): number {
    const { reasons, checksum } = this.context
    if (packet.transportLength < HEADER) return this.refuse(REASON_SHORT)
    if (checksum && transportChecksum(packet) === CHECKSUM_BAD) return this.refuse(REASON_ICMP_CHECKSUM)
    const type = packet.destinationPort >>> 8
    if (type > HIGHEST_TYPE) {
      reasons.add(REASON_ICMP_TYPE)
      return ERROR_INVALID
    }
    if (!isIcmpError(IPPROTO_ICMP, packet.destinationPort)) return ERROR_NONE
    return this.relate(packet, packet.transportOffset + HEADER)
  }

  private handleIcmpv6(packet: Packet): number {
    if (packet.transportLength < HEADER) return this.refuse(REASON_SHORT)
    if (this.context.checksum && transportChecksum(packet) === CHECKSUM_BAD) {
      return this.refuse(REASON_ICMPV6_CHECKSUM)
    }
    const type = packet.destinationPort >>> 8
    if (isUntracked(type)) return ERROR_UNTRACKED
    if (isRouterDiscovery(type) && this.context.traits.icmpv6RouterDiscovery) return ERROR_UNTRACKED
    if (type === V6_REDIRECT && this.context.traits.icmpv6Redirect) return this.handleRedirect(packet)
    if (type >= 128) return ERROR_NONE
    return this.relate(packet, packet.transportOffset + HEADER)
  }

  /** kernel: nf_conntrack_icmpv6_redirect() */
  private handleRedirect(packet: Packet): number {
    if (packet.transportLength < REDIRECT_LENGTH) return this.refuse(REASON_REDIRECT_SHORT)
    if ((packet.destinationPort & 0xff) !== 0) return ERROR_NONE
    const linkLocal = (packet.source0 & 0xffc00000) === (0xfe800000 | 0)
    if (packet.ttl !== 255 || !linkLocal) return this.refuse(REASON_REDIRECT_SOURCE)
    const option = packet.transportOffset + REDIRECT_LENGTH
    if (packet.transportLength < REDIRECT_LENGTH + 2) return this.refuse(REASON_REDIRECT_OPTIONS)
    if (packet.transportCaptured < REDIRECT_LENGTH + 2) return ERROR_INVALID
    if (packet.bytes[option + 1] === 0) return this.refuse(REASON_REDIRECT_OPTIONS)
    if (packet.bytes[option] !== OPTION_REDIRECTED_HEADER) return ERROR_NONE
    return this.relate(packet, option + 8)
  }

  /** kernel: nf_conntrack_inet_error(); `at` is where the quoted IP header starts */
  private relate(packet: Packet, at: number): number {
    const quoted = this.quoted
    const { traits } = this.context
    // what has no ports needs none in the quote
    const isWhole = decodeQuoted(packet, at, packet.family, quoted) || quoted.fault === FAULT_NONE
    if (!isWhole || (!quoted.hasTuple && hasTracker(quoted.protocol, traits))) return ERROR_INVALID
    if (!trackedTuple(quoted, this.quotedTuple, traits)) return ERROR_INVALID
    if (!invertTuple(this.quotedTuple, this.inverse)) return ERROR_INVALID
    let key = this.find(this.inverse)
    if (key < 0 && packet.packetType === PACKET_OUTGOING) key = this.findTranslatedBack(this.quotedTuple)
    if (key < 0) return ERROR_INVALID
    this.key = key
    return this.destinationFits(packet, key) ? ERROR_RELATED : ERROR_INVALID
  }

  /**
   * An error that the host itself sends is related to its flow before NAT changes it back: captured on its way out, it
   * quotes the packet as it came in. kernel: nf_nat_icmp_reply_translation()
   */
  private findTranslatedBack(quoted: Tuple): number {
    const { table } = this.context
    const key = this.find(quoted)
    if (key < 0 || (key & 1) !== DIRECTION_ORIGINAL) return -1
    return (table.status(key >> 1) & (IPS_SRC_NAT | IPS_DST_NAT)) === 0 ? -1 : key ^ 1
  }

  /** The error must go to the side of the flow that the quoted packet came from. */
  private destinationFits(packet: Packet, key: number): boolean {
    const { reasons } = this.context
    const d0 = this.senderWord(key, 0)
    if (packet.family === 4) {
      if (d0 === packet.destination0) return true
      reasons.add(REASON_OUTER_ADDRESS, packet.destination0, d0)
      return false
    }
    const d1 = this.senderWord(key, 1)
    const d2 = this.senderWord(key, 2)
    const d3 = this.senderWord(key, 3)
    if (
      d0 === packet.destination0 &&
      d1 === packet.destination1 &&
      d2 === packet.destination2 &&
      d3 === packet.destination3
    ) {
      return true
    }
    reasons.add(
      REASON_OUTER_ADDRESS_IPV6,
      packet.destination0,
      packet.destination1,
      packet.destination2,
      packet.destination3,
    )
    reasons.setValue(4, d0)
    reasons.setValue(5, d1)
    reasons.setValue(6, d2)
    reasons.setValue(7, d3)
    return false
  }

  /** Word of the address that the quoted packet came from: behind the translation, that of the untranslated side. */
  private senderWord(key: number, index: number): number {
    const { table, behind } = this.context
    return behind ? table.sourceWord(key ^ 1, index) : table.destinationWord(key, index)
  }

  private refuse(reason: number): number {
    this.context.reasons.add(reason)
    return ERROR_INVALID
  }
}

/** Neighbour discovery and multicast housekeeping. kernel: noct_valid_new */
function isUntracked(type: number): boolean {
  return (type >= 130 && type <= 136) || type === 143
}

/** Multicast router advertisement and solicitation (RFC 4286). */
function isRouterDiscovery(type: number): boolean {
  return type === 151 || type === 152
}
