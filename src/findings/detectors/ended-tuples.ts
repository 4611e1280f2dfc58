// Tuples of TCP entries that left the table: whether a flow without an entry had one before.
import type { Table } from '../../conntrack/table.ts'

/** Hashes remembered; a later one takes the place of an earlier one with the same end. */
const SLOTS = 1 << 18

export class EndedTuples {
  /** Hashes that are never 0. */
  private readonly hashes = new Int32Array(SLOTS)

  /** Entry `ct` is over; its keys are still readable. */
  add(table: Table, ct: number): void {
    for (let key = ct * 2; key < ct * 2 + 2; key++) {
      const hash = hashOf(table, key)
      this.hashes[hash & (SLOTS - 1)] = hash
    }
  }

  /** Whether `key` was one of an entry that is over, as far as that is remembered. */
  has(table: Table, key: number): boolean {
    const hash = hashOf(table, key)
    return this.hashes[hash & (SLOTS - 1)] === hash
  }
}

function hashOf(table: Table, key: number): number {
  // what takes whose place must not depend on a secret
  return table.plainHashOfKey(key) || 1
}
