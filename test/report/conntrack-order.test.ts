// The order of a listed table, whatever order its entries came in.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Table } from '../../src/conntrack/table.ts'
import { KIND_IPV6, Tuple } from '../../src/conntrack/tuple.ts'
import { foldAddress } from '../../src/net/address.ts'
import { sortEntries } from '../../src/report/conntrack/order.ts'

interface Key {
  ipv6: boolean
  protocol: number
  /** The words of source and destination, IPv4 in the first of each. */
  words: number[]
  ports: number
}

const keys = fc.uniqueArray(
  fc.record({
    ipv6: fc.boolean(),
    protocol: fc.constantFrom(1, 6, 17),
    words: fc.array(fc.constantFrom(0, 1, 0x7fffffff, -0x80000000, -1), { minLength: 8, maxLength: 8 }),
    ports: fc.constantFrom(0, 1, 0xffff, 0x10000, -1),
  }),
  { selector: key => JSON.stringify(key), maxLength: 40 },
)

function tupleOf({ ipv6, protocol, words, ports }: Key): Tuple {
  const [s0, s1, s2, s3, d0, d1, d2, d3] = words
  return Object.assign(new Tuple(), {
    kind: protocol | (ipv6 ? KIND_IPV6 : 0),
    source: ipv6 ? foldAddress(s0, s1, s2, s3) : s0,
    destination: ipv6 ? foldAddress(d0, d1, d2, d3) : d0,
    ports,
    source0: s0,
    source1: s1,
    source2: s2,
    source3: s3,
    destination0: d0,
    destination1: d1,
    destination2: d2,
    destination3: d3,
  })
}

/** All that an order may look at, as unsigned numbers in a row. */
function rank({ ipv6, protocol, words, ports }: Key): number[] {
  const addresses = ipv6 ? words : [words[0], words[4]]
  return [ipv6 ? 1 : 0, protocol, ...addresses.map(word => word >>> 0), ports >>> 0]
}

it('is by family, protocol, addresses and ports as unsigned numbers', () => {
  // one table for all runs: each has room for a million entries
  const table = new Table(1)
  fc.assert(
    fc.property(keys, all => {
      const entries = new Map(all.map(key => [table.allocate(tupleOf(key), tupleOf(key), 0, 1), key]))
      const order = [...sortEntries(table, Int32Array.from(entries.keys()))]
      for (const ct of entries.keys()) table.free(ct)
      const ranks = order.map(ct => rank(entries.get(ct) as Key))
      for (let i = 1; i < ranks.length; i++) {
        const differing = ranks[i].findIndex((value, at) => value !== ranks[i - 1][at])
        if (differing >= 0) expect(ranks[i][differing]).toBeGreaterThan(ranks[i - 1][differing])
      }
      expect(order.sort(byNumber)).toEqual([...entries.keys()].sort(byNumber))
    }),
  )
})

const byNumber = (a: number, b: number): number => a - b
