// Records of a pool: words and doubles of one are no other's, whatever their number, and stay when the memory grows.
import { describe, expect, it } from 'vitest'
import { RecordPool } from '../../src/net/record-pool.ts'

describe('record pool', () => {
  it.each([6, 7])('keeps the words and doubles of records of %i words apart', words => {
    const pool = new RecordPool(words)
    const records = Array.from({ length: 4 }, () => pool.allocate())
    for (const record of records) {
      for (let word = 0; word < words; word++) pool.set(record, word, record * 100 + word)
      pool.setDouble(record, 4, record + 0.1)
    }
    for (const record of records) {
      const others = [0, 1, 2, 3, ...(words > 6 ? [6] : [])]
      expect(others.map(word => pool.get(record, word))).toEqual(others.map(word => record * 100 + word))
      expect(pool.getDouble(record, 4)).toBe(record + 0.1)
    }
  })

  it('keeps what is known when it grows, and gives out zeros', () => {
    const pool = new RecordPool(32)
    const first = pool.allocate()
    pool.set(first, 31, -7)
    pool.setDouble(first, 2, 0.25)
    for (let i = 0; i < 100_000; i++) pool.set(pool.allocate(), 5, i)
    expect(pool.get(first, 31)).toBe(-7)
    expect(pool.getDouble(first, 2)).toBe(0.25)
    expect(pool.get(100_000, 5)).toBe(99_999)
    expect(pool.count).toBe(100_001)
    pool.free(first)
    const again = pool.allocate()
    expect(again).toBe(first)
    expect(Array.from({ length: 32 }, (_, word) => pool.get(again, word)).every(word => word === 0)).toBe(
      true,
    )
  })
})
