// Entries that go because a packet met them: expired ones on a lookup's way, others to make room. early_drop().
import { CAUSE_EARLY_DROP, CAUSE_TIMEOUT } from './events.ts'
import { IPS_ASSURED } from './status.ts'
import type { Table } from './table.ts'

/** Buckets that early_drop() looks through. kernel: NF_CT_EVICTION_RANGE */
const EVICTION_RANGE = 8
/** See longestWalk(); an entry has two keys. */
const LEAST_WALK = 256
const WALK_FACTOR = 16

export class Eviction {
  private readonly table: Table
  private readonly destroy: (ct: number, cause: number) => void

  /** @param destroy takes an entry out of the table, for a CAUSE_* */
  constructor(table: Table, destroy: (ct: number, cause: number) => void) {
    this.table = table
    this.destroy = destroy
  }

  /**
   * Destroys the expired entries that the kernel's walk through a bucket meets before it finds key `found`, or all (-1).
   * New entries stand in front: it meets those that are younger than what it finds.
   */
  collectMet(bucket: number, found: number): void {
    const { table } = this
    let key = table.firstExpired(bucket)
    if (key < 0) return
    const youngerThan = found < 0 ? Number.NEGATIVE_INFINITY : table.start(found >> 1)
    for (let left = longestWalk(table); key >= 0 && left > 0; left--) {
      const ct = key >> 1
      key = table.nextKey(key)
      if (key >> 1 === ct) key = table.nextKey(key)
      if (table.start(ct) >= youngerThan) this.destroy(ct, CAUSE_TIMEOUT)
    }
  }

  /**
   * Makes room for an entry of this bucket: everything not ASSURED in the first bucket of eight that has any.
   * @returns how many entries went
   */
  earlyDrop(first: number): number {
    const { table } = this
    let bucket = first
    for (let i = 0; i < EVICTION_RANGE; i++) {
      this.collectMet(bucket, -1)
      const drops = this.earlyDropBucket(bucket)
      if (drops > 0) return drops
      bucket = (bucket + 1) % table.buckets
    }
    return 0
  }

  private earlyDropBucket(bucket: number): number {
    const { table } = this
    const live = table.liveBuckets()
    let drops = 0
    let key = live.first(bucket)
    for (let left = longestWalk(table); key >= 0 && left > 0; left--) {
      const ct = key >> 1
      key = live.after(key)
      if (key >> 1 === ct) key = live.after(key)
      if ((table.status(ct) & IPS_ASSURED) !== 0) continue
      this.destroy(ct, CAUSE_EARLY_DROP)
      drops++
    }
    return drops
  }
}

/**
 * Keys that a walk through one of the kernel's buckets looks at: far more than stand there by chance, eight times the
 * average beside. The kernel itself lets no chain grow beyond 80 (MAX_CHAINLEN).
 */
function longestWalk({ count, buckets }: Table): number {
  return LEAST_WALK + Math.ceil((WALK_FACTOR * count) / buckets)
}
