// What other rules would change: packets whose fates differ, those that stay the same, and those of which one ruleset tells none.
import { expect, it } from 'vitest'
import { ChangedFates } from '../../src/host/walk/changed-fates.ts'
import type { Fate } from '../../src/host/walk/packet-end.ts'
import { Packet } from '../../src/packet/packet.ts'

/** What rules made of a packet, as ReplayedRules tells it. */
function rulesWith(decided: number) {
  return {
    fate: 'unknown' as Fate,
    stateNumber: 0,
    decided,
    numbers: { all: Array(9) },
    ct: -1,
    isFirst: false,
    isContradicted: false,
    isAnswering: false,
    get isPassed() {
      return this.fate === 'forwarded'
    },
    get isRefused() {
      return this.fate === 'dropped'
    },
  }
}

/** Counts of packets with one fate by the rules before, and another by those behind. */
function countsOf(...fates: [before: Fate, after: Fate][]): {
  changed: number
  untold: number
  pairs: number
} {
  const [before, after] = [rulesWith(1), rulesWith(2)]
  const changes = new ChangedFates(before as never, after as never)
  for (const [own, other] of fates) {
    before.fate = own
    after.fate = other
    changes.add(new Packet())
  }
  const { changed, untold, pairs } = changes
  return { changed, untold, pairs: pairs.length }
}

it('are counted by the fates of both', () => {
  expect(countsOf(['dropped', 'dropped'], ['forwarded', 'forwarded'])).toEqual({
    changed: 0,
    untold: 0,
    pairs: 0,
  })
  expect(countsOf(['dropped', 'forwarded'], ['dropped', 'forwarded'], ['forwarded', 'dropped'])).toEqual({
    changed: 3,
    untold: 0,
    pairs: 2,
  })
})

it('are not told where either ruleset leaves it open', () => {
  expect(countsOf(['unknown', 'dropped'], ['dropped', 'unknown'], ['unknown', 'unknown'])).toEqual({
    changed: 0,
    untold: 3,
    pairs: 0,
  })
})

it('break a connection once, with its first packet that no longer gets through', () => {
  const [before, after] = [rulesWith(1), rulesWith(2)]
  const changes = new ChangedFates(before as never, after as never)
  const add = (ct: number, own: Fate, other: Fate, isFirst = false): void => {
    Object.assign(before, { ct, fate: own, isFirst })
    Object.assign(after, { fate: other, isFirst })
    changes.add(new Packet())
  }
  add(7, 'forwarded', 'forwarded', true)
  add(7, 'forwarded', 'dropped')
  add(7, 'forwarded', 'dropped')
  add(8, 'forwarded', 'dropped', true)
  // another connection in the place of the first
  add(7, 'forwarded', 'dropped', true)
  expect([changes.broken, changes.opened, changes.connections]).toEqual([3, 0, [3]])
  // what was refused and would not be; its repetition makes it no second time
  add(-1, 'dropped', 'forwarded', true)
  add(-1, 'dropped', 'forwarded')
  expect([changes.broken, changes.opened]).toEqual([3, 1])
})

it('are not told where the traffic contradicts the rules that ran', () => {
  const [before, after] = [rulesWith(1), rulesWith(2)]
  const changes = new ChangedFates(before as never, after as never)
  Object.assign(before, { fate: 'forwarded', ct: 3, isContradicted: true })
  Object.assign(after, { fate: 'dropped' })
  changes.add(new Packet())
  expect([changes.changed, changes.untold, changes.broken]).toEqual([0, 1, 0])
})
