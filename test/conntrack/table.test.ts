// The connection table against a map: what is found by a tuple, and what an entry says of itself, after any changes.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { IPS_CONFIRMED, IPS_NAT_CLASH, STATUS_EXPIRED } from '../../src/conntrack/status.ts'
import { Table } from '../../src/conntrack/table.ts'
import { ENTRY_SHIFT, STATUS } from '../../src/conntrack/table-layout.ts'
import { hashTuple, invertTuple, Tuple, tupleOf } from '../../src/conntrack/tuple.ts'
import { Packet } from '../../src/packet/packet.ts'
import { emptyTable, removeEntry } from '../support/table-entries.ts'

const table = new Table(64)

interface Ends {
  family: number
  source: number
  destination: number
  sourcePort: number
  destinationPort: number
  zone: number
}

/** Few values of each, so that tuples are often alike; IPv6 addresses differ in one word, and fold alike now and then. */
const ends = fc.record({
  family: fc.constantFrom(4, 6),
  source: fc.nat(7),
  destination: fc.nat(7),
  sourcePort: fc.constantFrom(1, 0x8001),
  destinationPort: fc.constantFrom(1, 53),
  zone: fc.constantFrom(0, 1),
})

function wordsOf(address: number): number[] {
  const words = [0x20010db8, 0, 0, 0]
  words[address & 3] += 1 + (address >> 2)
  return words
}

function tupleWith({ family, source, destination, ...rest }: Ends): Tuple {
  const packet = Object.assign(new Packet(), { family, protocol: 17, ...rest })
  if (family === 4) Object.assign(packet, { source0: source, destination0: destination })
  else {
    const [source0, source1, source2, source3] = wordsOf(source)
    const [destination0, destination1, destination2, destination3] = wordsOf(destination)
    Object.assign(packet, { source0, source1, source2, source3 })
    Object.assign(packet, { destination0, destination1, destination2, destination3 })
  }
  const tuple = new Tuple()
  tupleOf(packet, tuple)
  return tuple
}

function inverseOf(tuple: Tuple): Tuple {
  const inverse = new Tuple()
  expect(invertTuple(tuple, inverse)).toBe(true)
  return inverse
}

const nameOf = (tuple: Tuple): string => JSON.stringify(tuple)
const find = (tuple: Tuple): number => table.find(tuple, hashTuple(tuple))

const change = fc.record({
  kind: fc.constantFrom('add', 'add', 'add', 'clash', 'remove', 'retire', 'translate'),
  ends,
  other: ends,
  index: fc.nat(),
  time: fc.nat(1000),
})

it('finds what is in it by both its tuples, and nothing else', { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 60, size: 'max' }),
      fc.array(ends, { maxLength: 20 }),
      (changes, asked) => {
        emptyTable(table)
        const keys = new Map<string, number>()
        const entries = new Map<
          number,
          { original: Tuple; reply: Tuple; start: number; isExpired: boolean }
        >()
        const forget = (ct: number): void => {
          for (const [name, key] of keys) if (key >> 1 === ct) keys.delete(name)
        }
        for (const { kind, ends, other, index, time } of changes) {
          const live = [...entries.keys()].filter(ct => !entries.get(ct)!.isExpired)
          const ct = live[index % Math.max(live.length, 1)]
          if (kind === 'add' || kind === 'clash') {
            const original = tupleWith(ends)
            const reply =
              kind === 'clash' ? inverseOf(tupleWith({ ...other, family: ends.family })) : inverseOf(original)
            const isClash = kind === 'clash'
            if ((!isClash && keys.has(nameOf(original))) || keys.has(nameOf(reply))) continue
            const added = table.allocate(original, reply, time, index)
            table.entries[(added << ENTRY_SHIFT) + STATUS] = isClash ? IPS_NAT_CLASH : 0
            table.link(added)
            table.entries[(added << ENTRY_SHIFT) + STATUS] |= IPS_CONFIRMED
            entries.set(added, { original, reply, start: time, isExpired: false })
            // the entry of a packet that lost a clash is found by replies alone
            if (!isClash) keys.set(nameOf(original), added * 2)
            // of two alike the reply key is found, as in the kernel
            keys.set(nameOf(reply), added * 2 + 1)
          } else if (ct !== undefined && kind === 'remove') {
            removeEntry(table, ct)
            entries.delete(ct)
            forget(ct)
          } else if (ct !== undefined && kind === 'retire') {
            table.entries[(ct << ENTRY_SHIFT) + STATUS] |= STATUS_EXPIRED
            table.retire(ct)
            entries.get(ct)!.isExpired = true
            forget(ct)
          } else if (ct !== undefined && kind === 'translate') {
            const entry = entries.get(ct)!
            const reply = inverseOf(tupleWith({ ...other, family: entry.original.kind >= 1 << 24 ? 6 : 4 }))
            if (keys.has(nameOf(reply)) || nameOf(reply) === nameOf(entry.original)) continue
            table.setReply(ct, reply)
            for (const [name, key] of keys) if (key === ct * 2 + 1) keys.delete(name)
            if ((table.status(ct) & IPS_NAT_CLASH) === 0) keys.set(nameOf(entry.original), ct * 2)
            keys.set(nameOf(reply), ct * 2 + 1)
            entry.reply = reply
          }
        }
        for (const [name, key] of keys) expect([name, find(JSON.parse(name) as Tuple)]).toEqual([name, key])
        for (const tuple of asked.map(tupleWith)) expect(find(tuple)).toBe(keys.get(nameOf(tuple)) ?? -1)
        expect(table.count).toBe(entries.size)
        expect(table.expiredCount).toBe([...entries.values()].filter(({ isExpired }) => isExpired).length)
        for (const [ct, { original, reply, start }] of entries) {
          expect([table.start(ct), table.last(ct), table.packets(ct * 2), table.bytes(ct * 2 + 1)]).toEqual([
            start,
            start,
            0,
            0,
          ])
          expect([table.isIpv6(ct), table.protocol(ct)]).toEqual([original.kind >= 1 << 24, 17])
          for (const [key, tuple] of [
            [ct * 2, original],
            [ct * 2 + 1, reply],
          ] as const) {
            expect(table.ports(key)).toBe(tuple.ports)
            expect(table.plainHashOfKey(key) & (table.buckets - 1)).toBe(table.bucketOf(tuple))
            const words = [0, 1, 2, 3].map(word => [
              table.sourceWord(key, word),
              table.destinationWord(key, word),
            ])
            if (!table.isIpv6(ct)) expect(words[0]).toEqual([tuple.source, tuple.destination])
            else
              expect(words).toEqual([
                [tuple.source0, tuple.destination0],
                [tuple.source1, tuple.destination1],
                [tuple.source2, tuple.destination2],
                [tuple.source3, tuple.destination3],
              ])
          }
        }
      },
    ),
    { endOnFailure: true },
  )
})

it('holds what it held when it grows', { timeout: 60_000 }, () => {
  const grown = new Table(64)
  const tuple = new Tuple()
  const reply = new Tuple()
  const put = (number: number): void => {
    tuple.kind = 17
    tuple.source = number
    tuple.ports = 53
    invertTuple(tuple, reply)
  }
  // more than the entries, and far more than the heads, that it begins with
  const count = (1 << 20) + 100
  for (let number = 0; number < count; number++) {
    put(number)
    const ct = grown.allocate(tuple, reply, number * 2, number)
    grown.link(ct)
    grown.entries[(ct << ENTRY_SHIFT) + STATUS] = IPS_CONFIRMED
  }
  const wrong: number[] = []
  for (let number = 0; number < count; number += 1009) {
    put(number)
    const key = grown.find(tuple, hashTuple(tuple))
    const isRight = key === number * 2 && grown.find(reply, hashTuple(reply)) === key + 1
    if (!isRight || grown.start(number) !== number * 2 || grown.firstFrame(number) !== number)
      wrong.push(number)
  }
  expect(wrong).toEqual([])
})
