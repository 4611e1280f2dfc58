// The kernel's sentences about a packet: numbers of 32 bits without a sign, addresses, several complaints in a row.
import { describe, expect, it } from 'vitest'
import { CURRENT_KERNEL } from '../../src/conntrack/kernel.ts'
import {
  REASON_COUNT,
  REASON_OUTER_ADDRESS,
  REASON_OUTER_ADDRESS_IPV6,
  REASON_SCTP_VTAG,
  REASON_TCP_IGNORED,
  Reasons,
  reasonTitle,
} from '../../src/conntrack/reason.ts'

/** A complaint as it is written. */
function text(code: number, ...values: number[]): string {
  const reasons = new Reasons(CURRENT_KERNEL.traits)
  const [a, b, c, d, ...rest] = values
  reasons.add(code, a, b, c, d)
  for (const [index, value] of rest.entries()) reasons.setValue(4 + index, value)
  return reasons.text()
}

const codes = Array.from({ length: REASON_COUNT }, (_, code) => code)

describe('a sentence', () => {
  it('has a title for each code, and begins with no minus', () => {
    for (const code of codes) {
      expect(reasonTitle(code)).toMatch(/^[A-Za-z]/)
      if (code !== REASON_TCP_IGNORED) expect(text(code, 0, 0, 0, 0)).not.toContain('undefined')
    }
  })

  it('has bounds without a sign', () => {
    const withBound = codes.filter(code => text(code, 12345, 1, 1, 1).includes('bound 12345'))
    expect(withBound).toHaveLength(4)
    for (const code of withBound) expect(text(code, -2)).toContain('bound 4294967294')
    const bytes = codes.filter(code => text(code, 12345, 1, 1, 1).startsWith('12345 bytes more'))
    expect(bytes.map(code => text(code, -1))).toEqual(['4294967295 bytes more than expected'])
    const lowered = codes.filter(code => text(code, 1, 1, 1, 1).endsWith('lower timeout to 1'))
    expect(lowered.map(code => text(code, 0, 1, 2, -1))).toEqual([
      'packet (index 0, dir 1) response for index 2 lower timeout to 4294967295',
    ])
  })

  it('has numbers and addresses as the kernel prints them', () => {
    expect(text(REASON_TCP_IGNORED, 1, 0, 7)).toBe('packet (index 1) in dir 0 ignored, state TIME_WAIT')
    expect(text(REASON_SCTP_VTAG, -1, 0xab, 1)).toBe('verification tag check failed ffffffff vs ab for dir 1')
    expect(text(REASON_OUTER_ADDRESS, 0x0a000001, -1)).toBe('outer daddr 10.0.0.1 != inner 255.255.255.255')
    expect(text(REASON_OUTER_ADDRESS_IPV6, 0xfe800000, 0, 0, 1, -1, 2, 3, 4)).toBe(
      'outer daddr fe80:0000:0000:0000:0000:0000:0000:0001 != inner ffff:ffff:0000:0002:0000:0003:0000:0004',
    )
  })
})

it('four complaints have room, in their order, and none is left by the packet before', () => {
  const reasons = new Reasons(CURRENT_KERNEL.traits)
  for (let number = 1; number <= 5; number++) reasons.add(REASON_OUTER_ADDRESS, number, 0)
  const one = (number: number) => `outer daddr 0.0.0.${number} != inner 0.0.0.0`
  expect(reasons.text('x: ')).toBe([1, 2, 3, 4].map(number => `x: ${one(number)}`).join(' | '))
  reasons.clear()
  expect(reasons.text('x: ')).toBe('')
})
