// What ICMP errors quote: a packet that was translated stands there as its sender sent it, which the point may have shown otherwise.
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, TCP_SYN } from '../../net/numbers.ts'
import { ICMP_HEADER_LENGTH, isIcmpError } from '../../packet/icmp.ts'
import { Packet } from '../../packet/packet.ts'
import { decodeQuoted } from '../../packet/quoted.ts'

/** Senders that are remembered, a power of two; a newer one takes the place of an older one. */
const MOST = 1 << 12
const SHIFT = 1
const KEY = 0
const TARGET = 1
/** The target of a sender that has sent to several. */
const SEVERAL = 0

/**
 * An error goes to whom it is about, and the point shows what that one sends. Where all of it went to one destination, and
 * the error is about another, the destination was translated before the point could show it: what conntrack has of it
 * nobody can tell here.
 */
export class QuotedPackets {
  private readonly words = new Int32Array(MOST << SHIFT)
  private readonly quoted = new Packet()

  /** Takes in a frame in the order of the capture; segments but SYNs are passed over. */
  learn(packet: Packet): void {
    if (!packet.hasTuple || packet.fragmentOffset !== 0) return
    if (packet.protocol === IPPROTO_TCP && (packet.tcpFlags & TCP_SYN) === 0) return
    const key = keyOf(packet)
    const at = slotOf(key)
    const target = targetOf(packet)
    if (this.words[at + KEY] !== key) this.words[at + TARGET] = target
    else if (this.words[at + TARGET] !== target) this.words[at + TARGET] = SEVERAL
    this.words[at + KEY] = key
  }

  /** The packet that an ICMP error quotes, a reused record; null where it is none, or quotes too little. */
  quotedBy(error: Packet): Packet | null {
    if (error.protocol !== IPPROTO_ICMP && error.protocol !== IPPROTO_ICMPV6) return null
    if (!isIcmpError(error.protocol, error.destinationPort) || error.fragmentOffset !== 0) return null
    const at = error.transportOffset + ICMP_HEADER_LENGTH
    const isWhole = decodeQuoted(error, at, error.family, this.quoted)
    return isWhole || this.quoted.family !== 0 ? this.quoted : null
  }

  /** Whether an ICMP error is about a packet whose sender was seen sending to one other destination alone. */
  wasSeenOtherwise(error: Packet): boolean {
    const quoted = this.quotedBy(error)
    if (quoted === null || !quoted.hasTuple) return false
    const key = keyOf(quoted)
    const at = slotOf(key)
    const target = this.words[at + TARGET]
    return this.words[at + KEY] === key && target !== SEVERAL && target !== targetOf(quoted)
  }
}

function keyOf(packet: Packet): number {
  const low = packet.family === 6 ? Math.imul(packet.source3, 0xc2b2ae3d) : 0
  const end = Math.imul(packet.source0, 0x85ebca77) ^ low ^ (packet.sourcePort << 8) ^ packet.protocol
  return Math.imul(end ^ (end >>> 15), 0x9e3779b1) | 1
}

function targetOf(packet: Packet): number {
  const low = packet.family === 6 ? Math.imul(packet.destination3, 0xc2b2ae3d) : 0
  const end = Math.imul(packet.destination0, 0x85ebca77) ^ low ^ packet.destinationPort
  return end | 1
}

const slotOf = (key: number): number => ((key >>> 13) & (MOST - 1)) << SHIFT
