// Tests src/packet/encapsulation/loopback.ts: address families of several systems in both byte orders.

import { expect, test } from 'vitest'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { FAULT_NOT_IP } from '../../src/packet/fault.ts'
import { Packet } from '../../src/packet/packet.ts'
import { be32, frameOf, ipv4, ipv6, join, udp } from '../support/frames.ts'

const FOUR = ipv4({ protocol: 17 }, udp())
const SIX = ipv6({ nextHeader: 17 }, udp())

for (const linkType of [0, 108]) {
  for (const family of [2, 10, 23, 24, 28, 30]) {
    test(`link type ${linkType}, family ${family}`, () => {
      const packet = new Packet()
      const ip = family === 2 ? FOUR : SIX
      expect(decode(frameOf(join(be32(family), ip), { linkType }), packet)).toBe(true)
      expect(decode(frameOf(join(be32(family).reverse(), ip), { linkType }), packet)).toBe(true)
      expect(packet.family).toBe(family === 2 ? 4 : 6)
    })
  }
}

test('another family is not IP', () => {
  const packet = new Packet()
  expect(decode(frameOf(join('07000000', FOUR), { linkType: 0 }), packet)).toBe(false)
  expect(packet.fault).toBe(FAULT_NOT_IP)
})

test('an EtherType in the second half is taken for one', () => {
  const packet = new Packet()
  expect(decode(frameOf(join('0f000800', FOUR), { linkType: 0 }), packet)).toBe(true)
})
