// Tests src/packet/encapsulation/ppp.ts and hdlc.ts: framings and compressed fields.

import { expect, test } from 'vitest'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { FAULT_NOT_IP } from '../../src/packet/fault.ts'
import { Packet } from '../../src/packet/packet.ts'
import { frameOf, ipv4, ipv6, join, udp } from '../support/frames.ts'

const FOUR = ipv4({ protocol: 17 }, udp())
const SIX = ipv6({ nextHeader: 17 }, udp())

for (const linkType of [9, 50]) {
  test.each([
    ['bare', join('0021', FOUR), 4],
    ['HDLC-like framing', join('ff03 0057', SIX), 6],
    ['compressed protocol', join('21', FOUR), 4],
    ['both', join('ff03 57', SIX), 6],
    ['Cisco HDLC, unicast', join('0f00 0800', FOUR), 4],
    ['Cisco HDLC, multicast', join('8f00 86dd', SIX), 6],
    ['MPLS', join('ff03 0281 0001 2140', FOUR), 4],
  ])(`link type ${linkType}: %s`, (_name, bytes, family) => {
    const packet = new Packet()
    expect(decode(frameOf(bytes, { linkType }), packet)).toBe(true)
    expect(packet.family).toBe(family)
  })
}

test('a frame of one byte is none', () => {
  for (const first of ['0f', 'ff', '21']) {
    expect(decode(frameOf(join(first), { linkType: 50 }), new Packet()), first).toBe(false)
  }
})

test('link control is not IP', () => {
  const packet = new Packet()
  expect(decode(frameOf(join('ff03 c021 01010004'), { linkType: 9 }), packet)).toBe(false)
  expect(packet.fault).toBe(FAULT_NOT_IP)
})
