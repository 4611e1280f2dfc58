// Whom a packet's lookup and its need for room take out of the table: early_drop() and ____nf_conntrack_find() over random tables.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CAUSE_EARLY_DROP, CAUSE_TIMEOUT } from '../../src/conntrack/events.ts'
import { Eviction } from '../../src/conntrack/eviction.ts'
import { IPS_ASSURED, STATUS_EXPIRED } from '../../src/conntrack/status.ts'
import { Table } from '../../src/conntrack/table.ts'
import { ENTRY_SHIFT, STATUS } from '../../src/conntrack/table-layout.ts'
import { addEntry, emptyTable, removeEntry } from '../support/table-entries.ts'

const BUCKETS = 64

interface Random {
  assured: boolean
  expired: boolean
  start: number
}

const table = new Table(BUCKETS)

/** The table with random entries, and what has left it. */
class Bench {
  readonly gone: { ct: number; cause: number }[] = []
  readonly eviction: Eviction
  readonly entries: (Random & { ct: number; buckets: number[] })[]

  constructor(entries: readonly Random[], salt = 0) {
    emptyTable(table)
    this.eviction = new Eviction(table, (ct, cause) => {
      this.gone.push({ ct, cause })
      removeEntry(table, ct)
    })
    this.entries = entries.map((entry, number) => {
      const status = entry.assured ? IPS_ASSURED : 0
      const ct = addEntry(table, { status, start: entry.start, number: salt * 1000 + number })
      if (entry.expired) {
        table.entries[(ct << ENTRY_SHIFT) + STATUS] |= STATUS_EXPIRED
        table.retire(ct)
      }
      const buckets = [ct * 2, ct * 2 + 1].map(key => table.plainHashOfKey(key) & (table.buckets - 1))
      return { ...entry, ct, buckets }
    })
  }

  /** Entries of a bucket, as the kernel has them: live and expired ones in one chain. */
  inBucket(bucket: number): Bench['entries'] {
    return this.entries.filter(({ buckets }) => buckets.includes(bucket))
  }
}

const byEntry = (a: { ct: number }, b: { ct: number }) => a.ct - b.ct
const random = fc.record({
  assured: fc.boolean(),
  expired: fc.boolean(),
  start: fc.integer({ min: 0, max: 9 }),
})
const tables = fc.tuple(fc.array(random, { maxLength: 24 }), fc.nat(30), fc.nat(BUCKETS - 1))

describe('early drop', () => {
  it('takes all of the first of eight buckets that has an entry that is not ASSURED, and expired ones on its way', () => {
    fc.assert(
      fc.property(tables, ([entries, salt, hash]) => {
        const bench = new Bench(entries, salt)
        const expected: Bench['gone'] = []
        let drops = 0
        for (let i = 0; i < 8 && drops === 0; i++) {
          const left = bench
            .inBucket((hash + i) % BUCKETS)
            .filter(({ ct }) => !expected.some(gone => gone.ct === ct))
          const dropped = left.filter(({ assured, expired }) => !assured && !expired)
          drops = dropped.length
          for (const { ct } of left.filter(({ expired }) => expired))
            expected.push({ ct, cause: CAUSE_TIMEOUT })
          for (const { ct } of dropped) expected.push({ ct, cause: CAUSE_EARLY_DROP })
        }
        expect(bench.eviction.earlyDrop(hash)).toBe(drops)
        expect(bench.gone.sort(byEntry)).toEqual(expected.sort(byEntry))
      }),
      { numRuns: 500 },
    )
  })

  it('takes an entry once whose two keys stand in one bucket', () => {
    const single = new Table(1)
    const gone: number[] = []
    const eviction = new Eviction(single, ct => {
      gone.push(ct)
      removeEntry(single, ct)
    })
    const entries = [0, 1, 2].map(number =>
      addEntry(single, { status: number === 1 ? IPS_ASSURED : 0, number }),
    )
    expect(eviction.earlyDrop(0)).toBe(2)
    expect(gone.sort()).toEqual([entries[0], entries[2]])
  })

  it('finds nothing in the ninth bucket', () => {
    const bench = new Bench([{ assured: false, expired: false, start: 0 }])
    const [bucket, other] = bench.entries[0].buckets
    const away = (buckets: number, from: number) => (from - buckets + BUCKETS) % BUCKETS
    // the other key must not be nearer
    const own = (other - bucket + BUCKETS) % BUCKETS > BUCKETS - 9 ? other : bucket
    expect(bench.eviction.earlyDrop(away(8, own))).toBe(0)
    expect(bench.eviction.earlyDrop(away(7, own))).toBe(1)
  })
})

describe('a lookup', () => {
  it('takes the expired entries that stand before what it finds, or all of the bucket', () => {
    fc.assert(
      fc.property(tables, fc.boolean(), ([entries, salt, bucket], finds) => {
        const bench = new Bench(entries, salt)
        const found = finds ? bench.entries.find(({ expired }) => !expired) : undefined
        const expected = bench
          .inBucket(bucket)
          .filter(({ expired, start }) => expired && (found === undefined || start >= found.start))
          .map(({ ct }) => ({ ct, cause: CAUSE_TIMEOUT }))
        bench.eviction.collectMet(bucket, found === undefined ? -1 : found.ct * 2)
        expect(bench.gone.sort(byEntry)).toEqual(expected.sort(byEntry))
      }),
      { numRuns: 500 },
    )
  })
})
