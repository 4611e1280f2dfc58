// Rates in windows against the times themselves.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Rates } from '../../src/sizing/rates.ts'

const SECOND = 1e9

describe('Rates', () => {
  it('counts what ended in whole windows, whatever the order and the length of the capture', () => {
    const times = fc.array(fc.integer({ min: 0, max: 4000 }), { minLength: 1, maxLength: 300 })
    fc.assert(
      fc.property(times, fc.integer({ min: 0, max: 74 }), (milliseconds, occupancy) => {
        const rates = new Rates()
        for (const time of milliseconds) rates.add(occupancy, time * 1e6)
        rates.add(occupancy, 4.1 * SECOND)
        // a window is 128 ms then
        const [from, to] = [0.256, 3.84]
        const inside = milliseconds.filter(time => time >= from * 1e3 && time < to * 1e3).length
        const { mean } = rates.between(occupancy, from * SECOND, to * SECOND)
        expect(mean * SECOND).toBeCloseTo(inside / (to - from), 6)
        const other = (occupancy + 1) % 75
        expect(rates.between(other, from * SECOND, to * SECOND).mean).toBe(0)
      }),
    )
  })

  it('has no error where all windows are alike, and one where they differ', () => {
    const steady = new Rates()
    const bursts = new Rates()
    for (let i = 0; i < 6400; i++) {
      steady.add(0, i * 10e6)
      bursts.add(0, Math.floor(i / 800) * 8 * SECOND)
    }
    const [from, to] = [0, 64 * SECOND]
    expect(steady.between(0, from, to).error).toBeLessThan(0.2 / SECOND)
    expect(bursts.between(0, from, to).error).toBeGreaterThan(10 / SECOND)
    expect(Math.abs(bursts.between(0, from, to).mean * SECOND - 100)).toBeLessThan(2)
  })

  it('reaches the end of a capture in which nothing has ended for long', () => {
    const rates = new Rates()
    for (let i = 0; i < 64; i++) rates.add(0, i * 1e6)
    expect(rates.between(0, 0, 3600 * SECOND).mean * SECOND).toBeCloseTo(64 / 3600, 2)
    // two captures whose clocks are half a century apart
    const { mean } = rates.between(0, 0, 1.8e18)
    // whole windows: the last one may be cut away
    expect((mean * 1.8e18) / 64).toBeGreaterThan(0.95)
    expect((mean * 1.8e18) / 64).toBeLessThan(1.05)
  })

  it('takes a capture of a few windows as a whole', () => {
    const rates = new Rates()
    for (let i = 0; i < 9; i++) rates.add(3, 1e5 * i)
    const { mean, error } = rates.between(3, 0, 1e6)
    expect(mean).toBeCloseTo(9 / 1e6, 9)
    expect(error).toBeCloseTo(3 / 1e6, 9)
    expect(rates.between(3, 0, 0)).toEqual({ mean: 0, error: 0 })
  })
})
