// Tests src/packet/encapsulation/nflog.ts: attributes in both byte orders, the interface, a payload cut by the copy range.

import { expect, test } from 'vitest'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { FAULT_LINK_TRUNCATED, FAULT_NOT_IP } from '../../src/packet/fault.ts'
import { Packet } from '../../src/packet/packet.ts'
import { type Bytes, be16, be32, filler, frameOf, ipv4, ipv6, join, tcp, udp } from '../support/frames.ts'

const PACKET_HDR = 1
const INDEV = 4
const OUTDEV = 5
const PAYLOAD = 9
const PREFIX = 10

function message(attributes: [number, Bytes][], little = true): Bytes {
  const word = (value: number) => (little ? be16(value).reverse() : be16(value))
  const body = attributes.flatMap(([type, value]) => [
    ...word(value.length + 4),
    ...word(type),
    ...value,
    ...new Array(-value.length & 3).fill(0),
  ])
  return join('02 00 0005', body)
}

const hook = (number: number) => join('0800', number, 0)

for (const little of [true, false]) {
  test(`${little ? 'little' : 'big'}-endian attributes`, () => {
    const packet = new Packet()
    const bytes = message(
      [
        [PACKET_HDR, hook(1)],
        [PREFIX, join('616263')],
        [INDEV, join(be32(3))],
        [PAYLOAD, ipv4({ protocol: 6 }, tcp({ sourcePort: 7 }))],
      ],
      little,
    )
    expect(decode(frameOf(bytes, { linkType: 239 }), packet)).toBe(true)
    expect(packet).toMatchObject({ family: 4, sourcePort: 7, interfaceIndex: 3, packetType: 0 })
  })
}

test('outgoing: the hook and the only interface there is', () => {
  const packet = new Packet()
  const bytes = message([
    [PACKET_HDR, hook(4)],
    [OUTDEV, join(be32(9))],
    [PAYLOAD, ipv6({ nextHeader: 17 }, udp())],
  ])
  expect(decode(frameOf(bytes, { linkType: 239 }), packet)).toBe(true)
  expect(packet).toMatchObject({ family: 6, interfaceIndex: 9, packetType: 4 })
})

test('forwarded: the incoming interface', () => {
  const packet = new Packet()
  const bytes = message([
    [PACKET_HDR, hook(2)],
    [INDEV, join(be32(3))],
    [OUTDEV, join(be32(9))],
    [PAYLOAD, ipv4({ protocol: 17 }, udp())],
  ])
  decode(frameOf(bytes, { linkType: 239 }), packet)
  expect(packet).toMatchObject({ interfaceIndex: 3, packetType: 0 })
})

test('a payload cut by the copy range keeps the length its IP header has', () => {
  const packet = new Packet()
  const payload = ipv4({ protocol: 6 }, tcp({}, filler(1000))).subarray(0, 64)
  expect(decode(frameOf(message([[PAYLOAD, payload]]), { linkType: 239 }), packet)).toBe(true)
  expect(packet).toMatchObject({ networkLength: 1040, transportCaptured: 44 })
})

test('without a payload there is no packet, and a message that breaks off is cut', () => {
  const packet = new Packet()
  const bytes = message([[PACKET_HDR, hook(1)]])
  expect(decode(frameOf(bytes, { linkType: 239 }), packet)).toBe(false)
  expect(packet.fault).toBe(FAULT_NOT_IP)
  decode(frameOf(bytes.subarray(0, 10), { linkType: 239 }), packet)
  expect(packet.fault).toBe(FAULT_LINK_TRUNCATED)
})
