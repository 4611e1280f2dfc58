// Tests src/packet/encapsulation/cooked.ts: both versions of the Linux cooked header.

import { expect, test } from 'vitest'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { frameOf, ipv4, ipv6, join, tcp } from '../support/frames.ts'

const FOUR = ipv4({ protocol: 6 }, tcp({ destinationPort: 443 }))
const SIX = ipv6({ nextHeader: 6 }, tcp({ destinationPort: 443 }))

test.each([0, 1, 2, 3, 4])('version 1, packet type %i', type => {
  const packet = new Packet()
  const bytes = join(0, type, '0001 0006 020000000001 0000 0800', FOUR)
  expect(decode(frameOf(bytes, { linkType: 113 }), packet)).toBe(true)
  expect(packet).toMatchObject({ packetType: type, interfaceIndex: 0, family: 4, destinationPort: 443 })
})

test('version 2 tells the interface index, too', () => {
  const packet = new Packet()
  const bytes = join('86dd 0000 00010203 0001 04 06 0200000000010000', SIX)
  expect(decode(frameOf(bytes, { linkType: 276 }), packet)).toBe(true)
  expect(packet).toMatchObject({ packetType: 4, interfaceIndex: 0x10203, family: 6, destinationPort: 443 })
})

test('a tag that libpcap put back is read', () => {
  const packet = new Packet()
  const bytes = join('0000 0001 0006 020000000001 0000 8100 0064 0800', FOUR)
  expect(decode(frameOf(bytes, { linkType: 113 }), packet)).toBe(true)
  expect(packet.vlan).toBe(100)
})
