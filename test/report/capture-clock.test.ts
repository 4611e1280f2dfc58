// Times of a replay in words: exact to the nanosecond, before and after the first frame, and before 1970.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ascii } from '../../src/report/text/ascii.ts'
import { CaptureClock, formatElapsed } from '../../src/report/text/capture-clock.ts'

function stamp(epoch: bigint, time: number): string {
  const out = new Ascii()
  new CaptureClock(epoch).writeStamp(out, time)
  return out.take().toString()
}

function microStamp(epoch: bigint, time: number): string {
  const out = new Ascii()
  new CaptureClock(epoch).writeMicroStamp(out, time)
  return out.take().toString()
}

describe('CaptureClock', () => {
  it('adds time to the epoch without losing a nanosecond', () => {
    expect(stamp(1506945812_535132000n, 0)).toBe('1506945812.535132000')
    expect(stamp(1506945812_535132000n, 464867999)).toBe('1506945812.999999999')
    expect(stamp(1506945812_535132000n, 464868000)).toBe('1506945813.000000000')
    expect(stamp(1506945812_535132000n, -535132001)).toBe('1506945811.999999999')
  })

  it('agrees with whole nanoseconds', () => {
    const epochs = fc.bigInt({ min: 0n, max: 2n ** 62n })
    fc.assert(
      fc.property(epochs, fc.integer({ min: 0, max: 2 ** 52 }), (epoch, time) => {
        const whole = (epoch + BigInt(time)).toString().padStart(10, '0')
        expect(stamp(epoch, time)).toBe(`${whole.slice(0, -9)}.${whole.slice(-9)}`)
        expect(microStamp(epoch, time)).toBe(`${whole.slice(0, -9)}.${whole.slice(-9, -3)}`)
      }),
    )
  })

  it('counts seconds before 1970 downwards', () => {
    expect(stamp(-1n, 0)).toBe('-1.999999999')
    expect(new CaptureClock(-1n).secondsAt(1)).toBe(0)
  })
})

it('formatElapsed cuts to microseconds', () => {
  expect([0, 999, 1000, 12_023_655_999, -12_000].map(formatElapsed)).toEqual([
    '0.000000',
    '0.000000',
    '0.000001',
    '12.023655',
    '-0.000012',
  ])
})
