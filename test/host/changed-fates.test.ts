// What other rules would change: packets whose fates differ, those that stay the same, and those of which one ruleset tells none.
import { expect, it } from 'vitest'
import { ChangedFates } from '../../src/host/walk/changed-fates.ts'
import type { Fate } from '../../src/host/walk/packet-end.ts'
import { Packet } from '../../src/packet/packet.ts'

/** Counts of packets with one fate by the rules before, and another by those behind. */
function countsOf(...fates: [before: Fate, after: Fate][]): {
  changed: number
  untold: number
  pairs: number
} {
  const rules = (decided: number) => ({
    fate: 'unknown' as Fate,
    state: 'new',
    decided,
    numbers: { all: Array(9) },
  })
  const [before, after] = [rules(1), rules(2)]
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
