// Tests src/packet/encapsulation/decode.ts: which link types decode, what is carried over, and that nothing is read beyond the capture.

import { expect, test } from 'vitest'
import { decode, supportsLinkType } from '../../src/packet/encapsulation/decode.ts'
import { decodeInner } from '../../src/packet/encapsulation/tunnel.ts'
import { FAULT_LINK_TYPE, FAULT_NONE, faultText } from '../../src/packet/fault.ts'
import { Packet } from '../../src/packet/packet.ts'
import { decodeQuoted } from '../../src/packet/quoted.ts'
import { type Bytes, ethernet, filler, frameOf, ipv4, tcp } from '../support/frames.ts'
import { FRAMES } from './samples.ts'

/** Every field but those that refer to the buffer. */
function fields(packet: Packet): Record<string, unknown> {
  const { bytes: _bytes, view: _view, ...rest } = packet
  return rest
}

function everything(content: Bytes, linkType: number, captured: number, surround: number) {
  const packet = new Packet()
  const quoted = new Packet()
  const inner = new Packet()
  const ok = decode(frameOf(content, { linkType, captured, surround }), packet)
  const isQuoted = ok && decodeQuoted(packet, packet.transportOffset + 8, packet.family, quoted)
  const isInner = ok && decodeInner(packet, inner)
  return { ok, isQuoted, isInner, packet: fields(packet), quoted: fields(quoted), inner: fields(inner) }
}

for (const [name, { linkType, bytes }] of Object.entries(FRAMES)) {
  test(`${name}: decodes whole, and cut at any byte reads nothing beyond the cut`, () => {
    const packet = new Packet()
    expect(decode(frameOf(bytes, { linkType }), packet)).toBe(true)
    expect(packet.fault).toBe(FAULT_NONE)
    expect(supportsLinkType(linkType)).toBe(true)
    for (let captured = 0; captured <= bytes.length; captured++) {
      const one = everything(bytes, linkType, captured, 0x00)
      const other = everything(bytes, linkType, captured, 0xff)
      expect(other).toEqual(one)
      expect(one.ok).toBe(one.packet.fault === FAULT_NONE)
    }
  })
}

test('a cut packet decodes as long as what conntrack reads is there', () => {
  const packet = new Packet()
  const bytes = ethernet(ipv4({ protocol: 6 }, tcp({ sequence: 7 }, filler(100))))
  expect(decode(frameOf(bytes, { captured: 14 + 20 + 20 }), packet)).toBe(true)
  expect(packet).toMatchObject({
    networkLength: 140,
    transportLength: 120,
    transportCaptured: 20,
    sequence: 7,
  })
})

test('where and when the frame was seen travels with the packet', () => {
  const packet = new Packet()
  const frame = frameOf(FRAMES.ethernet.bytes, { time: 123_456_789_012_345, number: 42 })
  frame.capture = 3
  frame.interface = 4
  decode(frame, packet)
  expect(packet).toMatchObject({
    time: 123_456_789_012_345,
    frame: 42,
    capture: 3,
    interface: 4,
    linkType: 1,
    linkOffset: 5,
  })
})

test('nothing of the previous frame shows through', () => {
  const packet = new Packet()
  decode(frameOf(FRAMES['cooked 2'].bytes, { linkType: 276 }), packet)
  decode(frameOf(FRAMES['double tag'].bytes), packet)
  expect(packet).toMatchObject({ interfaceIndex: 0, packetType: -1, vlan: 7, innerVlan: 8 })
  decode(frameOf(FRAMES.ethernet.bytes), packet)
  expect(packet).toMatchObject({ vlan: -1, innerVlan: -1, depth: 0, tunnel: 0 })
  decode(frameOf(ethernet(filler(40), { type: 0x0806 })), packet)
  expect(packet.family).toBe(0)
})

test('an unknown link type is a fault, not an error', () => {
  const packet = new Packet()
  expect(decode(frameOf(filler(60), { linkType: 253 }), packet)).toBe(false)
  expect(packet.fault).toBe(FAULT_LINK_TYPE)
  expect(supportsLinkType(253)).toBe(false)
  expect(faultText(packet.fault)).toBe('link type not supported')
})

test('an absurd original length is not believed', () => {
  const packet = new Packet()
  expect(decode(frameOf(FRAMES.ethernet.bytes, { originalLength: 0xffffffff }), packet)).toBe(true)
  expect(packet.wireEnd).toBeLessThan(2 ** 30)
})
