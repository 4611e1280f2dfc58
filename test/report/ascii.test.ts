// Bytes of text: every kind of number, and room for whatever is appended.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatIpv4 } from '../../src/net/address.ts'
import { Ascii } from '../../src/report/text/ascii.ts'

function textOf(write: (out: Ascii) => void): string {
  const out = new Ascii()
  write(out)
  return out.take().toString('latin1')
}

describe('Ascii', () => {
  it('writes whole numbers as String() does', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), value => {
        expect(textOf(out => out.decimal(value))).toBe(String(value))
      }),
    )
    for (const value of [0, 9, 10, 99, 100, 0x7fffffff, 0x80000000, 0xffffffff]) {
      expect(textOf(out => out.decimal(value))).toBe(String(value))
    }
  })

  it('writes leading zeros', () => {
    expect(textOf(out => out.digits(0, 6))).toBe('000000')
    expect(textOf(out => out.digits(535132, 9))).toBe('000535132')
    expect(textOf(out => out.digits(999999999, 9))).toBe('999999999')
  })

  it('writes 16 bits in hexadecimal without leading zeros, 32 with a colon', () => {
    for (const value of [0, 1, 0xf, 0x10, 0x1234, 0xffff]) {
      expect(textOf(out => out.hex16(value))).toBe(value.toString(16))
    }
    expect(textOf(out => out.groups(0x20010db8))).toBe('2001:0db8')
    expect(textOf(out => out.groups(-1))).toBe('ffff:ffff')
  })

  it('writes IPv4 addresses', () => {
    fc.assert(
      fc.property(fc.integer(), word => {
        expect(textOf(out => out.ipv4(word))).toBe(formatIpv4(word))
      }),
    )
  })

  it('pads to a width, and not beyond it', () => {
    const padded = (text: string, width: number) =>
      textOf(out => {
        out.text('>')
        const start = out.length
        out.text(text)
        out.padFrom(start, width)
      })
    expect(padded('ab', 4)).toBe('>ab  ')
    expect(padded('abcd', 2)).toBe('>abcd')
  })

  it('grows with what it gets, and starts anew when it is taken', () => {
    const out = new Ascii()
    const long = 'x'.repeat(300_000)
    out.text('start ')
    out.text(long)
    out.text(' end')
    expect(out.take().toString()).toBe(`start ${long} end`)
    expect(out.length).toBe(0)
    out.text('first')
    const first = out.take()
    out.text('other')
    expect(first.toString()).toBe('first')
  })
})
