// sctp-path-without-entry: data of an association on another pair of its addresses, before a HEARTBEAT has made the entry there.

import { associationTag } from '../../conntrack/proto/sctp.ts'
import type { Table } from '../../conntrack/table.ts'
import type { Endpoint } from '../../host/knowledge.ts'
import { IPPROTO_SCTP } from '../../net/numbers.ts'
import { destinationWord, type Packet, sourceWord } from '../../packet/packet.ts'
import { SCTP_HEADER_LENGTH, verificationTag } from '../../packet/sctp.ts'
import type { Sightings } from '../../vantage/record/sighting.ts'
import { Budget } from '../evidence/budget.ts'
import { endOfKey, endOfPacket } from '../evidence/flow-facts.ts'
import { isOneAddress } from '../evidence/refused-answer.ts'
import type { Transits } from '../evidence/transits.ts'
import { Collector } from '../facts/collector.ts'
import { type Facts, phrase, step } from '../facts/facts.ts'

/** Live associations that are known. */
const MOST_ASSOCIATIONS = 4096
const INIT = 1
const ABORT = 6
/** Pairs of ends whose beginning is remembered. */
const MOST_BEGUN = 16_384
/** DATA, SACK, HEARTBEAT ACK and I-DATA (RFC 9260, RFC 8260): what an open association sends. */
const GOES_ON: readonly number[] = [0, 3, 5, 64]

/**
 * The same ports with the same verification tag, 32 random bits, are the same association. Look-alikes, none of which is
 * this:
 * - an association that was open when the capture began: its paths had their entries;
 * - packets that passed by the translation: both their addresses are the association's own, with NAT or without.
 */
export class SctpPaths {
  /** Entries that an INIT made. */
  private readonly associations = new Set<number>()
  /** Pairs of ends that an INIT was seen between, whatever became of their entries. */
  private readonly begun = new Set<number>()
  private readonly transits: Transits
  private readonly collector = new Collector()
  readonly budget = new Budget('associations that INVALID packets of SCTP may be of', 1 << 20)

  constructor(transits: Transits) {
    this.transits = transits
  }

  /** `packet` has created entry `ct`. */
  created(ct: number, packet: Packet): void {
    if (packet.protocol !== IPPROTO_SCTP || chunkOf(packet) !== INIT) return
    if (this.associations.size < MOST_ASSOCIATIONS) this.associations.add(ct)
    if (this.begun.size < MOST_BEGUN) this.begun.add(pairOf(packet))
  }

  /** An entry left the table. */
  released(ct: number): void {
    if (this.associations.size > 0) this.associations.delete(ct)
  }

  /**
   * A packet was INVALID that found no entry.
   * @param isRefused whether rules dropped it; `point`: where it was seen first
   */
  refused(
    table: Table,
    packet: Packet,
    sightings: Sightings | null,
    isRefused: boolean,
    point: number,
  ): void {
    if (packet.protocol !== IPPROTO_SCTP || this.associations.size === 0 || !packet.hasTuple) return
    if (!GOES_ON.includes(chunkOf(packet)) || !this.budget.allows(this.associations.size)) return
    for (const ct of this.associations) {
      const direction = directionIn(table, ct, packet)
      if (direction < 0 || isOfItsAddresses(table, ct, packet)) continue
      this.add(table, ct, packet, isRefused || this.stays(ct, direction, sightings), point)
      return
    }
  }

  /**
   * Whether an INVALID packet without an entry is so because its association began before the capture did: whoever saw
   * it begin had an entry.
   */
  isFromCapture(table: Table, packet: Packet): boolean {
    const chunk = packet.protocol === IPPROTO_SCTP && packet.hasTuple ? chunkOf(packet) : INIT
    if (chunk === INIT || chunk === ABORT) return false
    if (this.begun.size === MOST_BEGUN || this.begun.has(pairOf(packet))) return false
    if (!this.budget.allows(this.associations.size)) return false
    for (const ct of this.associations) if (directionIn(table, ct, packet) >= 0) return false
    return true
  }

  conclude(): Facts[] {
    return this.collector.conclude()
  }

  /** Whether it did not leave the host, which the association's own packets do. */
  private stays(ct: number, direction: number, sightings: Sightings | null): boolean {
    const record = this.transits.of(ct)
    if (sightings === null || record < 0 || this.transits.passedCount(record, direction) === 0) return false
    return sightings.exit() < 0
  }

  private add(table: Table, ct: number, packet: Packet, isLost: boolean, point: number): void {
    const client = endOfPacket(packet, true)
    this.collector.add({
      id: 'sctp-path-without-entry',
      severity: isLost ? 'error' : 'warning',
      confidence: 'certain',
      reason: phrase(isLost ? 'lost' : 'invalid'),
      client,
      flow: { protocol: IPPROTO_SCTP, client, server: endOfPacket(packet, false), translated: null },
      point,
      time: packet.time,
      steps: [
        step('data', [{ capture: packet.capture, frame: packet.frame }], {
          from: endOfKey(table, ct * 2, true),
          to: endOfKey(table, ct * 2, false),
        }),
      ],
    })
  }
}

/** Two ends as one number, the same for both directions. */
function pairOf(packet: Packet): number {
  const { sourcePort, destinationPort } = packet
  return Math.imul(sourceWord(packet) ^ destinationWord(packet), 0x9e3779b1) ^ (sourcePort * destinationPort)
}

/** The type of the first chunk, or -1. */
function chunkOf({ transportCaptured, transportOffset, bytes }: Packet): number {
  return transportCaptured > SCTP_HEADER_LENGTH ? bytes[transportOffset + SCTP_HEADER_LENGTH] : -1
}

/** The direction of an association that a packet goes in, by its ports and its tag; -1: it is none of it. */
function directionIn(table: Table, ct: number, packet: Packet): number {
  const ports = (packet.sourcePort << 16) | packet.destinationPort
  for (const direction of [0, 1]) {
    const tag = associationTag(table, ct, direction)
    if (tag !== 0 && tag === verificationTag(packet) && table.ports(ct * 2 + direction) === ports)
      return direction
  }
  return -1
}

function isOfItsAddresses(table: Table, ct: number, packet: Packet): boolean {
  const own = [0, 1].flatMap(way => [
    endOfKey(table, ct * 2 + way, true),
    endOfKey(table, ct * 2 + way, false),
  ])
  return [true, false].every(isSource => {
    const end = endOfPacket(packet, isSource)
    return own.some((other: Endpoint) => isOneAddress(end, other))
  })
}
