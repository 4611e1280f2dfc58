// A packet and its entry as rules see them, written into the records that conditions read.
import type { Seen } from '../../conntrack/passage.ts'
import {
  IPS_CONFIRMED,
  IPS_DST_NAT,
  IPS_NAT_DONE_MASK,
  IPS_SRC_NAT,
  MASTER_HELPER_MASK,
} from '../../conntrack/status.ts'
import type { Table } from '../../conntrack/table.ts'
import { portsOf } from '../../conntrack/tuple.ts'
import { hasPorts } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'
import type { PacketFacts, TupleEnd } from '../rules/packet-facts.ts'
import type { Subject } from '../rules/subject.ts'
import type { FirstNat, SeenNat } from './packet-end.ts'
import { addressesOf } from './refusals.ts'

/** Bits of an entry's status that rules can ask about. */
export const ASKED_STATUS = 0x3f | IPS_NAT_DONE_MASK | (1 << 9) | MASTER_HELPER_MASK

/** SYN and ACK: the answer of a server. */
export function isSynAck({ protocol, tcpFlags }: Packet): boolean {
  return protocol === 6 && (tcpFlags & 0x12) === 0x12
}

/** By cooked packet type. */
const FRAME_KINDS: readonly ('unicast' | 'broadcast' | 'multicast')[] = ['unicast', 'broadcast', 'multicast']

/** What rules can ask of a packet itself. @param frameType its cooked packet type, -1 where nobody knows */
export function describePacket(
  packet: Packet,
  frameType: number,
  subject: Subject,
  facts: PacketFacts,
): void {
  subject.family = packet.family === 6 ? 6 : 4
  subject.protocol = packet.protocol
  addressesOf(packet, subject.source, subject.destination)
  const isPorted = packet.hasTuple && hasPorts(packet.protocol) && packet.transportCaptured >= 4
  const ports = portsOf(packet)
  subject.sourcePort = isPorted ? ports >>> 16 : -1
  subject.destinationPort = isPorted ? ports & 0xffff : -1
  const isIcmp = packet.protocol === 1 || packet.protocol === 58
  facts.tcpFlags = packet.protocol === 6 && packet.transportCaptured >= 14 ? packet.tcpFlags : -1
  facts.icmpType = isIcmp && packet.transportCaptured >= 2 ? packet.bytes[packet.transportOffset] : -1
  facts.icmpCode = isIcmp && packet.transportCaptured >= 2 ? packet.bytes[packet.transportOffset + 1] : -1
  facts.length = packet.networkLength
  facts.ttl = packet.ttl
  facts.tos = tosOf(packet)
  facts.hasEntry = false
  facts.status = 0
  facts.direction = 0
  facts.frameKind = FRAME_KINDS[frameType] ?? null
}

/**
 * What rules can ask of a packet's entry.
 * @param isFirst whether the packet made it, so that it has no translation yet
 * @param guess a translation by rules that no capture showed
 */
export function describeEntry(
  facts: PacketFacts,
  table: Table,
  ct: number,
  direction: number,
  status: number,
  isFirst: boolean,
  guess: FirstNat | null,
): void {
  facts.hasEntry = ct >= 0
  facts.direction = direction
  facts.status = isFirst ? status & ~(IPS_DST_NAT | IPS_SRC_NAT | IPS_CONFIRMED) : status
  if (ct < 0) return
  const isPorted = hasPorts(table.protocol(ct))
  endOf(table, ct * 2, true, isPorted, facts.original.source)
  endOf(table, ct * 2, false, isPorted, facts.original.destination)
  // a first packet has no translation yet: replies would go back as it came
  endOf(table, isFirst ? ct * 2 : ct * 2 + 1, !isFirst, isPorted, facts.reply.source)
  endOf(table, isFirst ? ct * 2 : ct * 2 + 1, isFirst, isPorted, facts.reply.destination)
  if (isFirst || guess === null || (table.status(ct) & IPS_DST_NAT) !== 0) return
  if ((guess.bits & IPS_DST_NAT) === 0) return
  facts.reply.source.isKnown = guess.destination !== null
  if (guess.destination !== null) facts.reply.source.words.set(guess.destination)
  facts.reply.source.port = guess.port
}

/** How a packet left, where that was seen. @param after a record to use */
export function seenNatOf(packet: Packet, seen: Seen | null, after: Packet): SeenNat | null {
  if (seen === null || seen.translated === 0) return null
  seen.readTuple(seen.after, after)
  const source = new Int32Array(4)
  const destination = new Int32Array(4)
  after.family = packet.family
  addressesOf(after, source, destination)
  const isPorted = hasPorts(packet.protocol)
  return {
    bits: ((seen.translated & 1) !== 0 ? IPS_SRC_NAT : 0) | ((seen.translated & 2) !== 0 ? IPS_DST_NAT : 0),
    source,
    destination,
    sourcePort: isPorted ? after.sourcePort : -1,
    destinationPort: isPorted ? after.destinationPort : -1,
  }
}

/** kernel: ipv4_get_dsfield(), ipv6_get_dsfield() */
function tosOf({ family, bytes, networkOffset }: Packet): number {
  if (family === 4) return bytes[networkOffset + 1]
  return ((bytes[networkOffset] & 0xf) << 4) | (bytes[networkOffset + 1] >> 4)
}

/** Writes the source of a key into four words; of IPv4 the others are 0. */
export function sourceOf(table: Table, key: number, words: Int32Array): void {
  const known = table.isIpv6(key >> 1) ? 4 : 1
  for (let i = 0; i < 4; i++) words[i] = i < known ? table.sourceWord(key, i) : 0
}

function endOf(table: Table, key: number, isSource: boolean, isPorted: boolean, end: TupleEnd): void {
  end.isKnown = true
  if (isSource) sourceOf(table, key, end.words)
  else {
    const known = table.isIpv6(key >> 1) ? 4 : 1
    for (let i = 0; i < 4; i++) end.words[i] = i < known ? table.destinationWord(key, i) : 0
  }
  const ports = table.ports(key)
  end.port = isPorted ? (isSource ? ports >>> 16 : ports & 0xffff) : -1
}
