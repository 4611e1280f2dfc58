// The largest N against a sorted list.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TopList } from '../../src/sizing/owners/top-list.ts'

describe('TopList', () => {
  it('keeps the largest keys, the lower order first among equals', () => {
    const keys = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 60 })
    fc.assert(
      fc.property(keys, fc.integer({ min: 0, max: 12 }), (all, capacity) => {
        const list = new TopList<string>(capacity)
        all.forEach((key, order) => {
          if (list.admits(key, order)) list.add(key, order, `${key} ${order}`)
        })
        const expected = all
          .map((key, order) => ({ key, order }))
          .sort((a, b) => b.key - a.key || a.order - b.order)
          .slice(0, capacity)
          .map(({ key, order }) => `${key} ${order}`)
        expect(list.sorted()).toEqual(expected)
      }),
    )
  })

  it('asks for the item only when it gets in', () => {
    const list = new TopList<string>(1)
    expect(list.admits(5, 1)).toBe(true)
    list.add(5, 1, 'five')
    expect(list.admits(5, 2)).toBe(false)
    expect(list.admits(5, 0)).toBe(true)
    expect(list.admits(4, 0)).toBe(false)
    expect(list.admits(6, 9)).toBe(true)
  })
})
