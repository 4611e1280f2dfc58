// A translation as it was seen on the wire, and what it says of an entry: nf_nat_setup_info(), nf_ct_resolve_clash().
import { IPPROTO_DCCP, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_SCTP, IPPROTO_TCP } from '../net/numbers.ts'
import type { Packet } from '../packet/packet.ts'
import { IPS_DST_NAT, IPS_SEEN_REPLY, IPS_SRC_NAT } from './status.ts'
import type { Table } from './table.ts'
import { dccpPorts, hashTuple, invertTuple, Tuple, tupleOf } from './tuple.ts'

/** Sets the reply key of a new entry when the packet is translated. */
export interface Translation {
  /** Changes `reply`, the inverse of the original tuple, into the tuple that replies will have; returns IPS_*_NAT bits. */
  apply(reply: Tuple): number
  /** Whether the packet certainly left as entry `ct` has it; false: that needs a closer look. */
  isOf(table: Table, ct: number): boolean
}

/** The translation of one packet, a record that `observe` overwrites. */
export class ObservedTranslation implements Translation {
  private readonly tuple = new Tuple()
  private bits = 0

  /** Takes a packet as it came and as it left. */
  observe(before: Packet, after: Packet): this {
    tupleOf(after, this.tuple)
    if (after.protocol === IPPROTO_DCCP) this.tuple.ports = dccpPorts(after)
    // of ICMP these are id, type and code
    const isIcmp = before.protocol === IPPROTO_ICMP || before.protocol === IPPROTO_ICMPV6
    const sourceStays = sameSource(before, after) && (isIcmp || before.sourcePort === after.sourcePort)
    const destinationStays =
      sameDestination(before, after) && (isIcmp || before.destinationPort === after.destinationPort)
    this.bits = (sourceStays ? 0 : IPS_SRC_NAT) | (destinationStays ? 0 : IPS_DST_NAT)
    return this
  }

  apply(reply: Tuple): number {
    return invertTuple(this.tuple, reply) ? this.bits : 0
  }

  isOf(table: Table, ct: number): boolean {
    const { source, destination, ports } = this.tuple
    const key = ct * 2 + 1
    const answered = (ports << 16) | (ports >>> 16)
    return (
      table.ports(key) === answered && table.source(key) === destination && table.destination(key) === source
    )
  }
}

/** How the translation of a packet of the original direction goes with its entry. */
export const NAT_AGREES = 0
/** The entry is not translated and has seen no reply: what made it was not seen behind the translation. */
export const NAT_LEARNT = 1
/** The entry is translated otherwise: the packet lost the race for it against another of the same moment. */
export const NAT_CLASHES = 2
/**
 * The entry is translated otherwise, and nothing changes that while it lives: it was deleted, and one made anew. By hand, or
 * because its packets leave by another interface than the one it was masqueraded for. kernel: nf_nat_oif_changed()
 */
export const NAT_REMADE = 3

/**
 * NAT_* for entry `ct`; `reply` is the tuple that replies to the packet will have, `nat` has the IPS_*_NAT bits of what was
 * seen changed. @param isYoung whether packets of the moment that made the entry may still be on their way
 */
export function judgeTranslation(
  table: Table,
  ct: number,
  reply: Tuple,
  nat: number,
  isYoung: boolean,
): number {
  const status = table.status(ct)
  const seenReply = (status & IPS_SEEN_REPLY) !== 0
  if (table.matches(ct * 2 + 1, reply)) return NAT_AGREES
  if (table.find(reply, hashTuple(reply)) >= 0) return NAT_AGREES
  if ((status & (IPS_SRC_NAT | IPS_DST_NAT)) === 0) return seenReply ? NAT_AGREES : NAT_LEARNT
  const protocol = table.protocol(ct)
  if (isYoung) return seenReply || !allowsClash(protocol) ? NAT_AGREES : NAT_CLASHES
  // an association has several paths
  if (protocol === IPPROTO_SCTP) return NAT_AGREES
  // of a connection whose port alone is another the entry may have timed out, which findings look into
  if (!allowsClash(protocol) && table.destination(ct * 2 + 1) === reply.destination) return NAT_AGREES
  return contradicts(table, ct, reply, nat & status) ? NAT_REMADE : NAT_AGREES
}

/** Whether an end that entry and packet have both translated is another; a packet may have been seen half translated. */
function contradicts(table: Table, ct: number, reply: Tuple, translated: number): boolean {
  const key = ct * 2 + 1
  const ports = table.ports(key) ^ reply.ports
  if ((translated & IPS_DST_NAT) !== 0 && (table.source(key) !== reply.source || ports >>> 16 !== 0))
    return true
  if ((translated & IPS_SRC_NAT) === 0) return false
  return table.destination(key) !== reply.destination || (ports & 0xffff) !== 0
}

/** kernel: allow_clash of the trackers */
function allowsClash(protocol: number): boolean {
  switch (protocol) {
    case IPPROTO_TCP:
    case IPPROTO_SCTP:
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return false
    default:
      return true
  }
}

function sameSource(a: Packet, b: Packet): boolean {
  if (a.source0 !== b.source0) return false
  return a.family === 4 || (a.source1 === b.source1 && a.source2 === b.source2 && a.source3 === b.source3)
}

function sameDestination(a: Packet, b: Packet): boolean {
  if (a.destination0 !== b.destination0) return false
  if (a.family === 4) return true
  return (
    a.destination1 === b.destination1 &&
    a.destination2 === b.destination2 &&
    a.destination3 === b.destination3
  )
}
