// Tests src/packet/decode.ts: which link types decode, what is carried over, and that nothing is read beyond the capture.

import { expect, test } from 'vitest'
import { decode, supportsLinkType } from '../../src/packet/decode.ts'
import { FAULT_LINK_TYPE, FAULT_NONE, faultText } from '../../src/packet/fault.ts'
import { Packet } from '../../src/packet/packet.ts'
import { decodeQuoted } from '../../src/packet/quoted.ts'
import { decodeInner } from '../../src/packet/tunnel.ts'
import {
  type Bytes,
  be16,
  be32,
  ethernet,
  extension,
  filler,
  fragmentHeader,
  frameOf,
  icmp,
  ipv4,
  ipv6,
  join,
  tcp,
  udp,
} from '../support/frames.ts'

const IP = ipv4({ protocol: 6 }, tcp({}, filler(4)))

const FRAMES: Record<string, { linkType: number; bytes: Bytes }> = {
  ethernet: { linkType: 1, bytes: ethernet(IP) },
  'double tag': { linkType: 1, bytes: ethernet(IP, { vlans: [{ type: 0x88a8, id: 7 }, { id: 8 }] }) },
  snap: { linkType: 1, bytes: ethernet(join('aaaa03 000000 0800', IP), { type: 8 + IP.length }) },
  mpls: { linkType: 1, bytes: ethernet(join('00010040 00012140', IP), { type: 0x8847 }) },
  pppoe: {
    linkType: 1,
    bytes: ethernet(join('11 00 0001', be16(IP.length + 2), '0021', IP), { type: 0x8864 }),
  },
  cooked: { linkType: 113, bytes: join('0004 0001 0006 000000000000 0000 0800', IP) },
  'cooked 2': { linkType: 276, bytes: join('0800 0000 00000003 0001 04 06 0000000000000000', IP) },
  raw: { linkType: 101, bytes: IP },
  'raw 12': { linkType: 12, bytes: IP },
  'raw 14': { linkType: 14, bytes: IP },
  'ipv4 link': { linkType: 228, bytes: IP },
  'ipv6 link': { linkType: 229, bytes: ipv6({ nextHeader: 17 }, udp()) },
  null: { linkType: 0, bytes: join('02000000', IP) },
  loop: { linkType: 108, bytes: join('00000002', IP) },
  ppp: { linkType: 9, bytes: join('ff03 0021', IP) },
  'ppp hdlc': { linkType: 50, bytes: join('0f00 0800', IP) },
  'pppoe link': { linkType: 51, bytes: join('11 00 0001', be16(IP.length + 2), '0021', IP) },
  nflog: { linkType: 239, bytes: join('02 00 0005 0800 0100 0800 01 00', [IP.length + 4, 0], '0900', IP) },
  'ipv4 options': {
    linkType: 1,
    bytes: ethernet(ipv4({ protocol: 17, options: filler(8) }, udp({}, filler(3)))),
  },
  'ipv6 chain': {
    linkType: 1,
    bytes: ethernet(
      ipv6(
        { nextHeader: 0 },
        join(
          extension(43),
          extension(60, 16),
          extension(51),
          '3a01000000000000 00000000',
          icmp(128, 0, filler(8)),
        ),
      ),
    ),
  },
  'ipv6 fragment': {
    linkType: 1,
    bytes: ethernet(ipv6({ nextHeader: 44 }, join(fragmentHeader(17, 9, 0, true), udp({}, filler(8))))),
  },
  'icmp error': {
    linkType: 1,
    bytes: ethernet(ipv4({ protocol: 1 }, icmp(3, 3, join(be32(0), ipv4({ protocol: 17 }, udp()))))),
  },
  'icmpv6 error': {
    linkType: 1,
    bytes: ethernet(
      ipv6(
        { nextHeader: 58 },
        icmp(1, 4, join(be32(0), ipv6({ nextHeader: 60 }, join(extension(6), tcp())))),
      ),
    ),
  },
  sctp: { linkType: 1, bytes: ethernet(ipv4({ protocol: 132 }, filler(32))) },
  gre: { linkType: 1, bytes: ethernet(ipv4({ protocol: 47 }, join('2000 0800 00000007', IP))) },
  vxlan: {
    linkType: 1,
    bytes: ethernet(
      ipv4({ protocol: 17 }, udp({ destinationPort: 4789 }, join('08000000 00002a00', ethernet(IP)))),
    ),
  },
  gtp: {
    linkType: 1,
    bytes: ethernet(
      ipv4(
        { protocol: 17 },
        udp({ destinationPort: 2152 }, join('34ff 0000 00000009 0000 00 85 01000085 01000000', IP)),
      ),
    ),
  },
}

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
