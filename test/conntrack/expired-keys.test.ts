// Chains of expired keys against lists: whatever is added and taken out, a bucket has the rest, the last added first.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ExpiredKeys } from '../../src/conntrack/expired-keys.ts'
import { ENTRY_SHIFT, KEY_NEXT, KEY_SHIFT } from '../../src/conntrack/table-layout.ts'

const ENTRIES = 5
const BUCKETS = 2

it('a bucket has the keys that were added and not removed, the last added first', () => {
  const step = fc.record({ key: fc.nat(2 * ENTRIES - 1), bucket: fc.nat(BUCKETS - 1) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const keys = new Int32Array((2 * ENTRIES) << KEY_SHIFT)
      const expired = new ExpiredKeys({ keys, entries: new Int32Array(ENTRIES << ENTRY_SHIFT) }, BUCKETS)
      const lists: number[][] = Array.from({ length: BUCKETS }, () => [])
      for (const { key, bucket } of steps) {
        const own = lists.findIndex(list => list.includes(key))
        if (own < 0) {
          expired.add(key, bucket)
          lists[bucket].unshift(key)
        } else {
          expired.remove(key, own)
          lists[own] = lists[own].filter(each => each !== key)
        }
        for (const [number, list] of lists.entries()) {
          const chain: number[] = []
          for (let at = expired.first(number); at >= 0; at = keys[(at << KEY_SHIFT) + KEY_NEXT])
            chain.push(at)
          expect(chain).toEqual(list)
        }
      }
    }),
  )
})
