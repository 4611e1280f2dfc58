// Instants as `--at` takes them.
import { describe, expect, it } from 'vitest'
import { parseInstant } from '../../src/cli/options/instant.ts'
import { WallClock } from '../../src/report/text/wall-clock.ts'

const UTC = new WallClock()

describe('--at', () => {
  it.each([
    ['peak', { kind: 'peak' }],
    ['end', { kind: 'end' }],
    ['+0', { kind: 'elapsed', nanoseconds: 0 }],
    ['+12.5', { kind: 'elapsed', nanoseconds: 12_500_000_000 }],
    ['+0.000000001', { kind: 'elapsed', nanoseconds: 1 }],
    ['1795320000', { kind: 'clock', epoch: 1795320000_000000000n }],
    ['1795320000.867446', { kind: 'clock', epoch: 1795320000_867446000n }],
    ['1970-01-01T00:00:01Z', { kind: 'clock', epoch: 1_000000000n }],
    ['1970-01-01 00:01Z', { kind: 'clock', epoch: 60_000000000n }],
    ['1970-01-01T01:00:00.000000001+01:00', { kind: 'clock', epoch: 1n }],
    ['1970-01-01t00:00:00,25-0130', { kind: 'clock', epoch: 5400_250000000n }],
  ])('%s', (text, instant) => {
    expect(parseInstant(text, UTC)).toEqual(instant)
  })

  it.each([
    ['UTC', '2026-11-22T12:03:07Z'],
    ['Europe/Berlin', '2026-11-22T12:03:07+01:00'],
    ['America/St_Johns', '2026-11-22T12:03:07-03:30'],
  ])('takes a time without a zone for one in %s', (zone, same) => {
    const clock = new WallClock(zone)
    expect(parseInstant('2026-11-22T12:03:07', clock)).toEqual(parseInstant(same, clock))
  })

  it.each(['', 'start', '-1', '+', '+1.0000000001', '1e3', '2026-11-22', '2026-13-22T00:00Z', '12:03:07'])(
    'refuses %j',
    text => {
      expect(() => parseInstant(text, UTC)).toThrow(`--at ${text}: not a time; expected peak`)
    },
  )
})
