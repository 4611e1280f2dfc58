// Reads the table's memory for packets to come: so their cache misses overlap, where lookups would wait for each in turn.
import { FAULT_NONE } from '../packet/fault.ts'
import type { Packet } from '../packet/packet.ts'
import type { Table } from './table.ts'
import { hashPacket } from './tuple.ts'

/** Packets to look ahead for at a time. */
export const MOST_AHEAD = 128

/** Memory that somebody keeps beside the entries, and needs when their packets come. */
export interface Companion {
  /** Reads the cache lines of what Table.record() names, which is not 0, that the packet needs; the value means nothing. */
  touch(record: number, packet: Packet): number
}

/** The same of what somebody keeps by the keys of entries. */
export interface KeyCompanion {
  /** Reads the cache line of a key; the value means nothing. */
  touchKey(key: number): number
}

export class Prefetch {
  companion: Companion | null = null
  keyCompanion: KeyCompanion | null = null
  private readonly table: Table
  private readonly hashes = new Int32Array(MOST_AHEAD)
  private readonly keys = new Int32Array(MOST_AHEAD)
  /** What was read: a compiler leaves out reads that nothing comes of. */
  private sum = 0

  constructor(table: Table) {
    this.table = table
  }

  /** Reads what the first `count` packets need, in loops so short that a processor has many of their reads under way. */
  read(packets: readonly Packet[], count: number): void {
    const { table, hashes, keys, companion, keyCompanion } = this
    for (let i = 0; i < count; i++) {
      const packet = packets[i]
      hashes[i] = packet.fault === FAULT_NONE && packet.hasTuple ? hashPacket(packet) : 0
    }
    let sum = this.sum
    for (let i = 0; i < count; i++) keys[i] = table.firstOf(hashes[i])
    for (let i = 0; i < count; i++) if (keys[i] >= 0) sum ^= table.touch(keys[i])
    for (let i = 0; i < count && companion !== null; i++) {
      const record = keys[i] < 0 ? 0 : table.record(keys[i] >> 1)
      if (record !== 0) sum ^= companion.touch(record, packets[i])
    }
    for (let i = 0; i < count && keyCompanion !== null; i++) {
      if (keys[i] >= 0) sum ^= keyCompanion.touchKey(keys[i])
    }
    this.sum = sum
  }
}
