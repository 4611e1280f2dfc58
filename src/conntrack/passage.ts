// What stands around conntrack on a packet's way: the rules in front of it, and all that decides whether its entry is confirmed.
import type { Packet } from '../packet/packet.ts'
import type { HelperName } from './helper-assignment.ts'
import type { KeyCompanion } from './prefetch.ts'
import type { Table } from './table.ts'

/** Who saw a packet, in the order of time. */
export interface Seen {
  /** How many sightings can be asked for. */
  readonly count: number
  /** The sighting in front of the first hook, and the one behind the last that differs most. */
  readonly before: number
  readonly after: number
  /** Bits of what changed between them: 1 the source, 2 the destination. */
  readonly translated: number
  /** The observation point of a sighting. */
  point(index: number): number
  /** Cooked packet type, -1 where the capture does not tell; DIRECTION_* of the frame. */
  packetType(index: number): number
  direction(index: number): number
  /** Writes family, protocol, addresses and ports of a sighting into `packet`. */
  readTuple(index: number, packet: Packet): void
}

/** The packet is looked up. */
export const ENTERS = 0
/** It passes conntrack by, untracked: or it brings its entry along, as an answer that a rule made. */
export const PASSES_BY = 1

/** It leaves the stack: a new entry is confirmed. kernel: nf_confirm() at LOCAL_IN and POSTROUTING */
export const LEAVES = 0
/** It is dropped on the way: nobody confirms its entry. */
export const STAYS = 1
/** It is refused with a RST, which closes an entry that is there. kernel: nf_reject's nf_ct_set_closing() */
export const STAYS_RESET = 2

/** Where a rule sent the first packet of an entry, which no capture shows: to another port of the host itself, say. */
export interface Redirection {
  /** Four words, IPv4 in the first. */
  readonly address: Int32Array
  /** -1: the port stays. */
  readonly port: number
}

/** Asked about each packet, in front of conntrack and behind it. */
export interface Passage extends KeyCompanion {
  /** The zone that the packet's tuple is looked up in as one of the original direction, and as one of a reply. */
  readonly zone: number
  readonly replyZone: number
  /** Whether the host sends it: what OUTPUT translated back is seen behind that alone. */
  readonly isOwn: boolean
  /** Whether replies to an entry come from an address of the host itself, as far as anybody knows. */
  answers(table: Table, ct: number): boolean
  /** Of the first packet of an entry that left: where a rule sent it, unseen; null for nowhere else. */
  readonly redirection: Redirection | null
  /** Whether rules assign helpers at all. */
  readonly assignsHelpers: boolean
  /** The helper that rules assigned to the entry that the packet makes: those in front of conntrack, and behind leave() all. */
  readonly helper: HelperName | null
  /** @returns ENTERS or PASSES_BY */
  enter(packet: Packet, seen: Seen | null): number
  /** Whether a packet that was INVALID is looked up once more, in the zone that it has by then. */
  entersAgain(packet: Packet): boolean
  /**
   * @param ct the packet's entry, or -1; `state` and `direction` are what conntrack said of it
   * @param isFirst whether it made the entry, which is in no bucket yet
   * @param found the entry that its lookup found, also of an INVALID packet, or -1
   * @returns LEAVES, STAYS or STAYS_RESET
   */
  leave(
    packet: Packet,
    seen: Seen | null,
    table: Table,
    ct: number,
    state: number,
    direction: number,
    isFirst: boolean,
    found: number,
  ): number
}
