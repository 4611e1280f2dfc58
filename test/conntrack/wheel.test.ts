// The timing wheel against a list: every entry expires at the jiffy of its timeout, whatever happened to it in between.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { STATUS_EXPIRED } from '../../src/conntrack/status.ts'
import { Table } from '../../src/conntrack/table.ts'
import { ENTRY_SHIFT, STATUS, TIMEOUT } from '../../src/conntrack/table-layout.ts'
import { Wheel } from '../../src/conntrack/wheel.ts'
import { addEntry, emptyTable, removeEntry } from '../support/table-entries.ts'

const table = new Table(64)

/** A wheel, and what it should do. */
class Bench {
  readonly expired: { ct: number; jiffy: number }[] = []
  readonly wheel: Wheel
  private readonly due = new Map<number, number>()
  private readonly expected: { ct: number; jiffy: number }[] = []
  private number = 0

  constructor(start: number) {
    emptyTable(table)
    this.wheel = new Wheel(table, (ct, jiffy) => {
      table.entries[(ct << ENTRY_SHIFT) + STATUS] |= STATUS_EXPIRED
      table.retire(ct)
      this.expired.push({ ct, jiffy })
    })
    this.wheel.advance(start)
  }

  add(left: number): void {
    const ct = addEntry(table, { number: this.number++, timeout: (this.wheel.now + left) | 0 })
    this.due.set(ct, this.wheel.now + left)
    if (left <= 0) this.expect(ct, this.wheel.now)
    this.wheel.add(ct)
  }

  refresh(index: number, left: number): void {
    const ct = this.pick(index)
    if (ct === undefined) return
    this.due.set(ct, this.wheel.now + left)
    table.entries[(ct << ENTRY_SHIFT) + TIMEOUT] = (this.wheel.now + left) | 0
    this.wheel.refresh(ct)
  }

  remove(index: number): void {
    const ct = this.pick(index)
    if (ct === undefined) return
    this.due.delete(ct)
    removeEntry(table, ct)
  }

  advance(by: number): void {
    const to = this.wheel.now + by
    const over = [...this.due].filter(([, jiffy]) => jiffy <= to).sort(([, a], [, b]) => a - b)
    for (const [ct, jiffy] of over) this.expect(ct, jiffy)
    this.wheel.advance(to)
    this.check()
  }

  /** Of one jiffy the order is the wheel's own. */
  check(): void {
    const inOrder = (list: { ct: number; jiffy: number }[]) =>
      list.toSorted((a, b) => a.jiffy - b.jiffy || a.ct - b.ct)
    expect(this.expired.map(({ jiffy }) => jiffy)).toEqual(this.expected.map(({ jiffy }) => jiffy))
    expect(inOrder(this.expired)).toEqual(inOrder(this.expected))
  }

  private pick(index: number): number | undefined {
    return [...this.due.keys()][index % Math.max(this.due.size, 1)]
  }

  private expect(ct: number, jiffy: number): void {
    this.due.delete(ct)
    this.expected.push({ ct, jiffy })
  }
}

/** Spans around those of the wheel's levels. */
const span = fc.oneof(
  fc.integer({ min: 1, max: 600 }),
  fc.constantFrom(255, 256, 257, 65_535, 65_536, 65_537, 1 << 24, (1 << 24) + 1),
  fc.integer({ min: 1, max: 1 << 18 }),
  fc.integer({ min: 1, max: 1 << 26 }),
)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('add' as const), left: span }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('refresh' as const), index: fc.nat(), left: span }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), index: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('advance' as const), by: span }) },
)

describe('the wheel', () => {
  it('reports every expiry at its jiffy, in order of time', { timeout: 60_000 }, () => {
    const start = fc.constantFrom(0, 250, 0x7fff_ff00, 0xffff_ff00)
    fc.assert(
      fc.property(start, fc.array(step, { maxLength: 40, size: 'max' }), (from, steps) => {
        const bench = new Bench(from)
        for (const one of steps) {
          if (one.kind === 'add') bench.add(one.left)
          else if (one.kind === 'refresh') bench.refresh(one.index, one.left)
          else if (one.kind === 'remove') bench.remove(one.index)
          else bench.advance(one.by)
        }
        bench.advance(1 << 27)
        expect(table.count).toBe(table.expiredCount)
      }),
      { numRuns: 60, endOnFailure: true },
    )
  })

  it('holds as many as there are in one slot', () => {
    const bench = new Bench(0)
    for (let i = 0; i < 1000; i++) bench.add(5 + (i % 2) * 100_000)
    bench.advance(4)
    expect(bench.expired).toEqual([])
    bench.advance(1)
    expect(bench.expired).toHaveLength(500)
    bench.advance(100_000)
    expect(bench.expired).toHaveLength(1000)
  })

  it('reports at once what is over when it is added', () => {
    const bench = new Bench(1000)
    bench.add(0)
    bench.check()
    bench.add(-5)
    bench.check()
    expect(bench.expired).toHaveLength(2)
  })

  it('takes a step of any length', () => {
    const bench = new Bench(0)
    bench.add(0x7fff_ffff)
    bench.advance(0x7fff_fffe)
    bench.advance(2 ** 40)
    expect(bench.expired).toHaveLength(1)
  })
})
