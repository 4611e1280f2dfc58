// Numbers, durations, times, sparklines, and text made safe.
import { describe, expect, it } from 'vitest'
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatInstant,
  formatMemory,
  formatShare,
  formatTime,
  plural,
  printable,
  sparkline,
} from '../../src/report/text/format.ts'

describe('numbers for people', () => {
  it.each([
    [0, '0'],
    [999, '999'],
    [1000, '1,000'],
    [1234567, '1,234,567'],
  ])('a count of %d', (count, text) => expect(formatCount(count)).toBe(text))

  it.each([
    [0, '0 packets'],
    [1, '1 packet'],
    [12000, '12,000 packets'],
  ])('%d packets', (count, text) => expect(plural(count, 'packet')).toBe(text))

  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [9949, '9.9 kB'],
    [9951, '10 kB'],
    [999_499, '999 kB'],
    [999_500, '1.0 MB'],
    [1.5e9, '1.5 GB'],
    [2e16, '20 PB'],
  ])('traffic of %d bytes', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

  it('memory in binary units', () => {
    expect(formatMemory(98 * 2 ** 20)).toBe('98 MiB')
    expect(formatMemory(384)).toBe('384 B')
    expect(formatMemory(1536)).toBe('1.5 KiB')
  })

  it.each([
    [0, '0 s'],
    [0.000012, '12 µs'],
    [0.0009999, '1 ms'],
    [0.0123, '12.3 ms'],
    [0.9999, '1 s'],
    [2.1034, '2.103 s'],
    [59.9999, '1 min'],
    [61, '1 min 1 s'],
    [3600, '1 h'],
    [3599.7, '1 h'],
    [5400, '1 h 30 min'],
    [86399, '1 d'],
    [432000, '5 d'],
    [100000, '1 d 4 h'],
  ])('a duration of %d s', (seconds, text) => expect(formatDuration(seconds)).toBe(text))

  it('an instant as Wireshark writes relative time', () => expect(formatInstant(2.10349)).toBe('+2.103 s'))

  it.each([
    [0, 10, '0 %'],
    [1, 1e6, '<0.01 %'],
    [1, 3000, '0.033 %'],
    [1, 3, '33 %'],
    [3, 2, '150 %'],
    [1, 0, '0 %'],
  ])('%d of %d', (part, whole, text) => expect(formatShare(part, whole)).toBe(text))
})

describe('a time of day', () => {
  it.each([
    [1700000000123456000n, '2023-11-14T22:13:20.123456Z'],
    [1700000000123456789n, '2023-11-14T22:13:20.123456789Z'],
    [0n, '1970-01-01T00:00:00.000000Z'],
    [-1n, '1969-12-31T23:59:59.999999999Z'],
    [-1_000_000_000n, '1969-12-31T23:59:59.000000Z'],
  ])('%d ns', (epoch, text) => expect(formatTime(epoch)).toBe(text))

  it('beyond what a date can hold is a number of seconds', () => {
    expect(formatTime((1n << 63n) - 1n)).toBe('2262-04-11T23:47:16.854775807Z')
    expect(formatTime(10n ** 26n)).toBe('100000000000000000.000000Z')
  })
})

describe('sparkline', () => {
  it('spans the series, its largest value at the full height', () => {
    expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7, 8], 8, 80)).toBe(' ▁▂▃▄▅▆▇█')
  })

  it('never hides a value that is not 0, nor the peak of a wide series', () => {
    expect(sparkline([1, 0], 1e6, 80)).toBe('▁ ')
    const series = new Array(512).fill(1)
    series[300] = 100
    const line = sparkline(series, 100, 64)
    expect(line).toHaveLength(64)
    expect([...line].filter(bar => bar === '█')).toHaveLength(1)
    expect(line[Math.floor(300 / 8)]).toBe('█')
  })

  it('of nothing is flat', () => expect(sparkline([0, 0], 0, 80)).toBe('  '))
})

describe('printable', () => {
  it('leaves no control, escape or direction character as it is', () => {
    expect(printable('a\u001b[31mb\nc\u009bd\u202ee')).toBe('a\\x1b[31mb\\x0ac\\x9bd\\x202ee')
  })

  it('leaves other text alone', () => expect(printable('größe 東京 /a b.pcap')).toBe('größe 東京 /a b.pcap'))
})
