// The highest count there can have been, against a list of all expiries.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { CountBound } from '../../src/sizing/count-bound.ts'

const MINUTE = 60e9

it('is live entries and what expired within a minute, and a little more at the most', () => {
  const steps = fc.array(fc.record({ wait: fc.integer({ min: 0, max: 40e9 }), creates: fc.boolean() }), {
    maxLength: 200,
  })
  fc.assert(
    fc.property(steps, all => {
      const bound = new CountBound()
      const expiries: number[] = []
      let now = 0
      let live = 0
      let least = 0
      let most = 0
      for (const { wait, creates } of all) {
        now += wait
        if (creates) {
          live++
          bound.created(live, now)
          least = Math.max(least, live + expiries.filter(time => time > now - MINUTE).length)
          // expiries are gathered by the second
          most = Math.max(most, live + expiries.filter(time => time > now - MINUTE - 1e9).length)
        } else if (live > 0) {
          live--
          expiries.push(now)
          bound.expired(now)
        }
      }
      expect(bound.peak).toBeGreaterThanOrEqual(least)
      expect(bound.peak).toBeLessThanOrEqual(most)
    }),
  )
})
