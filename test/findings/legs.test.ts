// The memory of connections by point against a naive one: whatever is opened, moved and freed, each packet finds its leg.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Table } from '../../src/conntrack/table.ts'
import { invertTuple, Tuple } from '../../src/conntrack/tuple.ts'
import { Legs } from '../../src/findings/evidence/legs.ts'
import { Observation } from '../../src/findings/evidence/observation.ts'

// few ends and points, so that flows meet: the same ends at several points, one sender with many servers, ports of 0
const END = fc.record({ address: fc.constantFrom(0, 1, 0x0a000001), port: fc.constantFrom(0, 1, 53, 40_000) })
const STEP = fc.record({
  from: END,
  to: END,
  point: fc.nat({ max: 2 }),
  protocol: fc.constantFrom(6, 17),
  family: fc.constantFrom(4, 6),
  hasEntry: fc.boolean(),
  frees: fc.nat({ max: 9 }),
})
type Step = {
  from: End
  to: End
  point: number
  protocol: number
  family: number
  hasEntry: boolean
  frees: number
}
type End = { address: number; port: number }

/** Tables reserve much; one serves all runs of a test. */
const table = new Table(1024)

class Pair {
  readonly legs = new Legs(table)
  readonly naive = new Map<string, number>()
  private readonly entries = new Map<string, number>()
  private readonly seen = new Observation()

  take(step: Step): void {
    const { legs, naive } = this
    const seen = this.observe(step)
    // a packet without an entry of its own is laid to that of its flow, where there is one (entry-lookup.ts)
    const ct = step.hasEntry || this.entries.has(entryKey(step)) ? this.entryOf(step) : -1
    const forth = key(step, step.from, step.to)
    const back = key(step, step.to, step.from)
    const known = naive.get(forth) ?? naive.get(back)
    const found = legs.find(seen, ct)
    expect(found, forth).toBe(known ?? -1)
    if (known === undefined) naive.set(forth, legs.open(seen, false, ct))
    else if (forth !== back) expect(legs.direction).toBe(naive.has(forth) ? 0 : 1)
    if (step.frees === 1 && known !== undefined && naive.has(back)) this.turn(known, forth, back)
    if (step.frees === 0) this.end(step)
  }

  /** Every leg is found from its sender. */
  check(): void {
    const { legs, naive } = this
    expect(legs.count).toBe(naive.size)
    for (const leg of naive.values()) {
      const siblings = new Set([leg, ...legs.siblings(leg)])
      const expected = [...naive.values()].filter(
        other => legs.sameInitiator(other, leg) && legs.protocol(other) === legs.protocol(leg),
      )
      expect([...siblings].sort(), 'siblings').toEqual(expected.sort())
    }
  }

  /** Who opened it was the other side, as it turns out. */
  private turn(leg: number, forth: string, back: string): void {
    const { legs, naive } = this
    const [initiator, responder] = [legs.initiatorEnd(leg), legs.responderEnd(leg)]
    legs.turn(leg)
    expect([legs.initiatorEnd(leg), legs.responderEnd(leg)]).toEqual([responder, initiator])
    naive.delete(back)
    naive.set(forth, leg)
  }

  /** All that an entry has goes with it, as at its end. */
  private end(step: Step): void {
    const ct = this.entries.get(entryKey(step))
    if (ct === undefined) return
    const { legs } = this
    for (let leg = legs.detach(ct), next = -1; leg >= 0; leg = next) {
      next = legs.next(leg)
      for (const [name, known] of this.naive) if (known === leg) this.naive.delete(name)
      legs.free(leg)
    }
    this.entries.delete(entryKey(step))
  }

  private observe({ from, to, point, protocol, family }: Step): Observation {
    const { seen } = this
    seen.point = point
    seen.protocol = protocol
    seen.family = family
    seen.sourcePort = from.port
    seen.destinationPort = to.port
    seen.sourceWord = from.address
    seen.destinationWord = to.address
    seen.source.fill(family === 6 ? from.address : 0)
    seen.destination.fill(family === 6 ? to.address : 0)
    return seen
  }

  private entryOf(step: Step): number {
    const name = entryKey(step)
    let ct = this.entries.get(name)
    if (ct === undefined) {
      const original = new Tuple()
      original.kind = step.protocol
      original.ports = (step.from.port << 16) | step.to.port
      original.source = step.from.address
      original.destination = step.to.address
      const reply = new Tuple()
      invertTuple(original, reply)
      ct = table.allocate(original, reply, 0, 1)
      this.entries.set(name, ct)
    }
    return ct
  }
}

/** One for both directions. */
function entryKey({ from, to, protocol, family }: Step): string {
  return `${family} ${protocol} ${[from, to]
    .map(({ address, port }) => `${address}:${port}`)
    .sort()
    .join(' ')}`
}

function key({ point, protocol, family }: Step, from: End, to: End): string {
  return `${family} ${protocol} ${point} ${from.address}:${from.port} ${to.address}:${to.port}`
}

describe('legs', () => {
  it('are found by every packet of theirs, with an entry or without', () => {
    fc.assert(
      fc.property(fc.array(STEP, { maxLength: 200 }), steps => {
        const pair = new Pair()
        for (const step of steps) pair.take(step)
        pair.check()
      }),
      { numRuns: 100 },
    )
  })
})
