// A bounded map that forgets what nobody asked for: against a list of keys in the order of their last use.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { RecentMap } from '../../src/findings/evidence/bounded-map.ts'

it('knows the keys that were used last, and none that twice as many were used after', () => {
  const use = fc.record({ key: fc.nat(20), isSet: fc.boolean() })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.array(use, { maxLength: 200 }), (room, uses) => {
      const map = new RecentMap<number, number>(room)
      const values = new Map<number, number>()
      let used: number[] = []
      for (const [number, { key, isSet }] of uses.entries()) {
        const found = map.get(key)
        if (used.slice(-room).includes(key)) expect(found).toBe(values.get(key))
        if (!used.slice(-2 * room).includes(key)) expect(found).toBeUndefined()
        if (isSet) {
          map.set(key, number)
          values.set(key, number)
        } else if (found === undefined) continue
        used = [...used.filter(other => other !== key), key]
      }
    }),
  )
})
