// The clock of a pcapng interface against exact arithmetic.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PcapngClock } from '../../src/capture/formats/pcapng-clock.ts'

const BILLION = 1_000_000_000n
/** A day in 2026, in nanoseconds since 1970, and stamps within 100 days of it. */
const EPOCH = 1_795_000_000_123_456_789n
const nearby = fc.bigInt({ min: -100n * 86_400n * BILLION, max: 100n * 86_400n * BILLION })

function halves(units: bigint): [high: number, low: number] {
  const wrapped = BigInt.asUintN(64, units)
  return [Number(wrapped >> 32n), Number(wrapped & 0xffffffffn)]
}

/** Nanoseconds of a stamp, rounded down, by integers alone. */
function exact(units: bigint, perSecond: bigint, offset: bigint): bigint {
  const scaled = units * BILLION
  const quotient = scaled / perSecond
  return (scaled % perSecond < 0n ? quotient - 1n : quotient) + offset * BILLION
}

describe('decimal resolutions', () => {
  const cases = [0, 1, 3, 6, 7, 9].map(exponent => ({ exponent }))
  it.each(cases)('10^-$exponent s', ({ exponent }) => {
    const perSecond = 10n ** BigInt(exponent)
    fc.assert(
      fc.property(nearby, fc.bigInt({ min: -5_000_000_000n, max: 5_000_000_000n }), (delta, offset) => {
        const clock = new PcapngClock(exponent, offset)
        const units = ((EPOCH + delta - offset * BILLION) * perSecond) / BILLION
        expect(clock.absolute(...halves(units))).toBe(exact(units, perSecond, offset))
        clock.align(EPOCH)
        expect(BigInt(clock.since(...halves(units)))).toBe(exact(units, perSecond, offset) - EPOCH)
        expect(clock.absolute(...halves(units))).toBe(exact(units, perSecond, offset))
      }),
    )
  })

  it.each([{ exponent: 10 }, { exponent: 12 }, { exponent: 16 }, { exponent: 19 }])(
    '10^-$exponent s, finer than a nanosecond',
    ({ exponent }) => {
      const perSecond = 10n ** BigInt(exponent)
      fc.assert(
        fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), units => {
          const offset = 1_795_000_000n
          const clock = new PcapngClock(exponent, offset)
          expect(clock.absolute(...halves(units))).toBe(exact(units, perSecond, offset))
          clock.align(offset * BILLION)
          // Number() rounds what lies further than 104 days away
          expect(clock.since(...halves(units))).toBe(Number(exact(units, perSecond, 0n)))
        }),
      )
    },
  )
})

describe('binary resolutions', () => {
  it.each([0, 1, 8, 10, 20, 30, 31, 32].map(exponent => ({ exponent })))('2^-$exponent s', ({ exponent }) => {
    const perSecond = 2n ** BigInt(exponent)
    fc.assert(
      fc.property(nearby, delta => {
        const clock = new PcapngClock(0x80 | exponent, 0n)
        const units = ((EPOCH + delta) * perSecond) / BILLION
        expect(clock.absolute(...halves(units))).toBe(exact(units, perSecond, 0n))
        clock.align(EPOCH)
        expect(BigInt(clock.since(...halves(units)))).toBe(exact(units, perSecond, 0n) - EPOCH)
        expect(clock.absolute(...halves(units))).toBe(exact(units, perSecond, 0n))
      }),
    )
  })

  it.each([33, 40, 63, 64, 80].map(exponent => ({ exponent })))(
    '2^-$exponent s, to a nanosecond',
    ({ exponent }) => {
      const perSecond = 2n ** BigInt(exponent)
      fc.assert(
        fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), units => {
          const clock = new PcapngClock(0x80 | exponent, 0n)
          const difference = clock.absolute(...halves(units)) - exact(units, perSecond, 0n)
          expect(difference >= -1n && difference <= 1n).toBe(true)
          clock.align(clock.absolute(...halves(units)))
          expect(clock.since(...halves(units))).toBe(0)
        }),
      )
    },
  )
})

describe('resolution', () => {
  it('is what a unit lasts in nanoseconds', () => {
    expect(new PcapngClock(6, 0n).resolution).toBe(1000)
    expect(new PcapngClock(9, 0n).resolution).toBe(1)
    expect(new PcapngClock(0x88, 0n).resolution).toBe(3_906_250)
  })

  it('gives finite times for any byte, any offset, any stamp', () => {
    const offset = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    const half = fc.integer({ min: 0, max: 0xffffffff })
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), offset, half, half, (resolution, seconds, high, low) => {
        const clock = new PcapngClock(resolution, seconds)
        clock.absolute(high, low)
        clock.align(EPOCH)
        expect(Number.isInteger(clock.since(high, low))).toBe(true)
      }),
    )
  })
})

describe('stamps with their top bit set', () => {
  it('are negative where a unit is a nanosecond or more', () => {
    expect(new PcapngClock(6, 0n).absolute(0xffffffff, 0xffffffff)).toBe(-1000n)
    expect(new PcapngClock(9, 0n).absolute(0xffffffff, 0xfffffffe)).toBe(-2n)
  })

  it('are large where it is less', () => {
    expect(new PcapngClock(12, 0n).absolute(0xffffffff, 0xffffffff)).toBe(18_446_744_073_709_551n)
  })
})

describe('stamps millions of years away', () => {
  const [EARLIEST, LATEST] = [-(2n ** 63n), 2n ** 63n - 1n]

  it('are held within the 64 bits of a nanosecond clock', () => {
    const seconds = new PcapngClock(0, 0n)
    expect(seconds.absolute(0x7fffffff, 0)).toBe(LATEST)
    expect(seconds.absolute(0x80000000, 0)).toBe(EARLIEST)
    expect(new PcapngClock(0x80 | 1, 0n).absolute(0x7fffffff, 0)).toBe(LATEST)
    expect(new PcapngClock(6, -(2n ** 62n)).absolute(0, 0)).toBe(EARLIEST)
  })

  it('are so as well when they are counted from the first frame', () => {
    const seconds = new PcapngClock(0, 0n)
    seconds.align(EPOCH)
    expect(seconds.since(0x7fffffff, 0)).toBe(Number(LATEST - EPOCH))
    expect(seconds.since(0x80000000, 0)).toBe(Number(EARLIEST - EPOCH))
  })
})
