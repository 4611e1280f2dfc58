// Owners against a map that forgets nothing: exact below the capacity, never wrong by more than it says above.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KIND_IPV6 } from '../../src/conntrack/tuple.ts'
import { OwnerKey, OwnerTable } from '../../src/sizing/owners/owner-table.ts'

/** What happens to one of a few owners: an entry begins or ends. */
interface Step {
  wait: number
  owner: number
  begins: boolean
}

function stepsOf(owners: number, maxLength: number): fc.Arbitrary<Step[]> {
  return fc.array(
    fc.record({
      wait: fc.integer({ min: 0, max: 1000 }),
      owner: fc.nat({ max: owners - 1 }),
      begins: fc.boolean(),
    }),
    { maxLength },
  )
}

/** Owner `n`: every third is IPv6, and neighbours differ in one field only. */
function keyOf(n: number): OwnerKey {
  const key = new OwnerKey()
  key.kind = n % 3 === 0 ? KIND_IPV6 | 6 : 6
  key.port = n % 2
  key.word0 = n >> 1
  if (n % 3 === 0) key.word3 = n
  return key
}

/** The same with a record an owner, counted anew at every step. */
class NaiveOwners {
  now = 0
  live = 0
  peak = 0
  readonly entries = new Map<number, { handles: number[]; held: number; atPeak: number }>()

  at(owner: number): { handles: number[]; held: number; atPeak: number } {
    const known = this.entries.get(owner) ?? { handles: [], held: 0, atPeak: 0 }
    this.entries.set(owner, known)
    return known
  }

  pass(wait: number): void {
    this.now += wait
    for (const owner of this.entries.values()) owner.held += owner.handles.length * wait
  }

  /** Whether there are more entries than ever. */
  get isPeak(): boolean {
    if (this.live <= this.peak) return false
    this.peak = this.live
    for (const owner of this.entries.values()) owner.atPeak = owner.handles.length
    return true
  }
}

function play(steps: readonly Step[], table: OwnerTable): NaiveOwners {
  const naive = new NaiveOwners()
  for (const { wait, owner, begins } of steps) {
    naive.pass(wait)
    const { handles } = naive.at(owner)
    if (begins) {
      handles.push(table.enter(keyOf(owner), naive.now))
      naive.live++
      if (naive.isPeak) table.markPeak()
    } else if (handles.length > 0) {
      table.leave(handles.pop() as number, naive.now)
      naive.live--
    }
  }
  return naive
}

/** What the table says of an owner. */
function found(table: OwnerTable, owner: number, now: number): { atPeak: number; held: number } {
  const key = keyOf(owner)
  const largest = table.largest(1000, now)
  const match = [...largest.held, ...largest.atPeak].find(
    ({ ipv6, words, port }) =>
      ipv6 === key.kind >= KIND_IPV6 && words[0] === key.word0 && words[3] === key.word3 && port === key.port,
  )
  return { atPeak: match?.atPeak ?? 0, held: match?.held ?? 0 }
}

describe('OwnerTable', () => {
  it('is exact as long as it forgets nobody', () => {
    fc.assert(
      fc.property(stepsOf(40, 300), steps => {
        const table = new OwnerTable()
        const naive = play(steps, table)
        expect(table.heldError).toBe(0)
        for (const [owner, { held, atPeak }] of naive.entries) {
          expect(found(table, owner, naive.now)).toEqual({ atPeak, held })
        }
      }),
    )
  })

  it('forgets owners without entries, and says how much may be missing', () => {
    fc.assert(
      fc.property(stepsOf(60, 400), steps => {
        const table = new OwnerTable(8)
        const naive = play(steps, table)
        for (const [owner, { held, atPeak }] of naive.entries) {
          const known = found(table, owner, naive.now)
          expect(known.atPeak).toBe(atPeak)
          expect(known.held).toBeLessThanOrEqual(held)
          expect(known.held).toBeGreaterThanOrEqual(held - table.heldError)
        }
      }),
    )
  })

  it('holds no more than its capacity of owners that come and go', () => {
    const table = new OwnerTable(1000)
    for (let owner = 0; owner < 100_000; owner++) table.leave(table.enter(keyOf(owner), owner), owner + 5)
    expect(table.largest(1_000_000, 100_000).held.length).toBeLessThanOrEqual(1000)
    expect(table.heldError).toBeGreaterThan(0)
  })

  it('ranks by what it is asked for', () => {
    const table = new OwnerTable()
    const long = table.enter(keyOf(2), 0)
    for (let i = 0; i < 3; i++) table.enter(keyOf(4), 100)
    table.markPeak()
    table.leave(long, 900)
    expect(table.largest(1, 1000).atPeak).toMatchObject([{ words: [2, 0, 0, 0], atPeak: 3 }])
    expect(table.largest(2, 110).held).toMatchObject([{ held: 900 }, { held: 30 }])
  })
})
