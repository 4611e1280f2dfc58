// The kernel's buckets in the model: live and expired keys leave crowded ones in any order, and no walk is without end.
import { describe, expect, it } from 'vitest'
import { LiveBuckets } from '../../src/conntrack/live-buckets.ts'
import { IPS_CONFIRMED } from '../../src/conntrack/status.ts'
import { Table } from '../../src/conntrack/table.ts'
import { ENTRY_SHIFT, STATUS } from '../../src/conntrack/table-layout.ts'
import { invertTuple, Tuple } from '../../src/conntrack/tuple.ts'
import { Random } from '../kernel/generate/random.ts'

function chain(first: number, after: (key: number) => number): number[] {
  const keys: number[] = []
  for (let key = first; key >= 0; key = after(key)) keys.push(key)
  return keys
}

describe('live keys', () => {
  it('stand youngest first, and leave from anywhere', () => {
    const random = new Random(7)
    const live = new LiveBuckets(4, 8)
    live.grow(200)
    const expected: number[][] = [[], [], [], []]
    for (let step = 0; step < 5000; step++) {
      const key = random.below(400)
      const bucket = expected.findIndex(keys => keys.includes(key))
      if (bucket < 0) {
        live.add(key, key & 3)
        expected[key & 3].unshift(key)
      } else {
        live.remove(key)
        // once more: it is out
        live.remove(key)
        expected[bucket].splice(expected[bucket].indexOf(key), 1)
      }
    }
    for (let bucket = 0; bucket < 4; bucket++)
      expect(chain(live.first(bucket), key => live.after(key))).toEqual(expected[bucket])
  })
})

describe('a table', () => {
  const random = new Random(11)
  /** One bucket of the kernel's for all: as crowded as can be. */
  const table = new Table(1)
  const tuple = new Tuple()
  const reply = new Tuple()
  const cts = Array.from({ length: 500 }, (_, i) => {
    tuple.source = 0x0a000000 + i
    tuple.destination = 0x0b000000
    tuple.ports = (1024 << 16) | 80
    tuple.kind = 6
    invertTuple(tuple, reply)
    const ct = table.allocate(tuple, reply, i, i)
    table.link(ct)
    table.entries[(ct << ENTRY_SHIFT) + STATUS] |= IPS_CONFIRMED
    return ct
  })
  const keysOf = (list: readonly number[]) => list.flatMap(ct => [ct * 2, ct * 2 + 1]).sort((a, b) => a - b)
  const live = () =>
    chain(table.liveBuckets().first(0), key => table.liveBuckets().after(key)).sort((a, b) => a - b)
  const expired = () => chain(table.firstExpired(0), key => table.nextKey(key)).sort((a, b) => a - b)

  it('knows its live keys from when it is asked, and its expired ones, in any order', () => {
    expect(live()).toEqual(keysOf(cts))
    random.shuffle(cts)
    const gone = cts.splice(0, 300)
    for (const ct of gone) table.retire(ct)
    expect(live()).toEqual(keysOf(cts))
    expect(expired()).toEqual(keysOf(gone))
    random.shuffle(gone)
    for (const ct of gone.splice(0, 150)) {
      table.unlinkExpired(ct)
      table.free(ct)
    }
    expect(expired()).toEqual(keysOf(gone))
    for (const ct of gone) table.unlinkExpired(ct)
    expect(expired()).toEqual([])
    for (const ct of cts) table.unlink(ct)
    expect(live()).toEqual([])
  })
})
