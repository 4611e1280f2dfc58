// Times of day: one form, the zone beside them.
import { describe, expect, it } from 'vitest'
import { instantOf, WallClock } from '../../src/report/text/wall-clock.ts'

const AT = instantOf('2026-11-22T04:19:30.527725Z')

describe('a time of day', () => {
  it('says that it is UTC', () => {
    expect(new WallClock().at(AT)).toBe('2026-11-22 04:19:30.527 UTC')
    expect(new WallClock().timeAt(AT)).toBe('04:19:30.527 UTC')
  })

  it('says how far another zone is from it', () => {
    expect(new WallClock('Europe/Berlin').at(AT)).toBe('2026-11-22 05:19:30.527 UTC+01:00')
    expect(new WallClock('America/St_Johns').at(AT)).toBe('2026-11-22 00:49:30.527 UTC-03:30')
  })

  it('has the second day of a span only where it is another', () => {
    const clock = new WallClock()
    expect(clock.span(AT, AT + 4_103_000_000n)).toBe('2026-11-22 04:19:30.527 to 04:19:34.630 UTC (4.103 s)')
    expect(clock.span(AT, AT + 86_400_000_000_000n)).toBe(
      '2026-11-22 04:19:30.527 to 2026-11-23 04:19:30.527 UTC (1 d)',
    )
    expect(clock.span(AT, AT)).toBe('2026-11-22 04:19:30.527 UTC')
  })

  it('names both offsets where the clocks were changed between', () => {
    const first = instantOf('2026-10-25T00:59:59.000000Z')
    expect(new WallClock('Europe/Berlin').span(first, first + 2_000_000_000n)).toBe(
      '2026-10-25 02:59:59.000 UTC+02:00 to 02:00:01.000 UTC+01:00 (2 s)',
    )
  })

  it('is rounded down before 1970, too, and in seconds where no calendar goes', () => {
    expect(new WallClock().at(-1n)).toBe('1969-12-31 23:59:59.999 UTC')
    expect(new WallClock().at(10n ** 25n)).toBe('second 10000000000000000 since 1970')
  })
})

describe('an instant of a report', () => {
  it.each([
    ['2026-11-22T04:19:30.527725Z', 1795321170_527725000n],
    ['2026-11-22T04:19:30.527725123Z', 1795321170_527725123n],
    ['1969-12-31T23:59:59.999999Z', -1000n],
  ])('%s', (text, instant) => expect(instantOf(text)).toBe(instant))

  it.each(['2026-03-29T02:30', '2026-11-22T12:00'])('of a zone is found again: %s', text => {
    const clock = new WallClock('Europe/Berlin')
    const local = BigInt(Date.parse(`${text}Z`)) * 1_000_000n
    const hour = 3_600_000_000_000n
    // an hour that the clocks leave out is the one behind it
    expect([local - hour, local - 2n * hour]).toContain(clock.ofLocal(local))
  })
})
