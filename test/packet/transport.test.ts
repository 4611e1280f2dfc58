// Tests src/packet/transport.ts, udp.ts, icmp.ts, sctp.ts, gre.ts: tuples as nf_ct_get_tuple() finds them.

import { expect, test } from 'vitest'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { FAULT_LINK_TRUNCATED, FAULT_NONE, FAULT_TRANSPORT_TRUNCATED } from '../../src/packet/fault.ts'
import { Packet } from '../../src/packet/packet.ts'
import { verificationTag } from '../../src/packet/sctp.ts'
import { udpChecksum, udpLength } from '../../src/packet/udp.ts'
import { type Bytes, be16, be32, filler, frameOf, icmp, ipv4, ipv6, join, udp } from '../support/frames.ts'

function decoded(ip: Bytes, captured = ip.length): Packet & { ok: boolean } {
  const packet = new Packet()
  const ok = decode(frameOf(ip, { linkType: 101, captured }), packet)
  return Object.assign(packet, { ok })
}

const over4 = (protocol: number, payload: Bytes) => ipv4({ protocol }, payload)
const over6 = (nextHeader: number, payload: Bytes) => ipv6({ nextHeader }, payload)

test.each([
  ['UDP', 17],
  ['UDP-Lite', 136],
])('%s', (_name, protocol) => {
  const packet = decoded(
    over4(protocol, udp({ sourcePort: 5353, destinationPort: 33, length: 11, checksum: 0xabcd }, filler(3))),
  )
  expect(packet).toMatchObject({
    ok: true,
    hasTuple: true,
    sourcePort: 5353,
    destinationPort: 33,
    transportLength: 11,
  })
  expect(udpLength(packet)).toBe(11)
  expect(udpChecksum(packet)).toBe(0xabcd)
})

test.each([
  ['IPv4', over4(1, icmp(8, 3, join(be16(0x1234), be16(1)))), 0x0803],
  ['IPv6', over6(58, icmp(129, 0, join(be16(0x1234), be16(1)))), 0x8100],
  ['ICMP in IPv6', over6(1, icmp(0, 0, join(be16(0x1234), be16(1)))), 0],
])('ICMP: id as source, type and code as destination: %s', (_name, ip, typeAndCode) => {
  expect(decoded(ip)).toMatchObject({
    ok: true,
    hasTuple: true,
    sourcePort: 0x1234,
    destinationPort: typeAndCode,
  })
})

test('SCTP', () => {
  const packet = decoded(
    over4(132, join(be16(2905), be16(36412), be32(0xcafebabe), be32(0), '03 00 0010', filler(12))),
  )
  expect(packet).toMatchObject({ ok: true, hasTuple: true, sourcePort: 2905, destinationPort: 36412 })
  expect(verificationTag(packet)).toBe(0xcafebabe | 0)
})

test.each([
  ['version 0', '2000 0800 00000007', true, 0],
  ['PPTP', '3001 880b 0010 4242 00000001', true, 0x4242],
  ['version 1 without PPP', '3001 0800 0010 4242', false, 0],
  ['version 1 too short for a call id', '3001 880b 0010 42', true, 0],
  ['too short for a version', '30 01', true, 0],
  ['nothing', '', true, 0],
])('GRE: %s', (_name, header, hasTuple, destinationPort) => {
  expect(decoded(over4(47, join(header)))).toMatchObject({
    ok: true,
    hasTuple,
    sourcePort: 0,
    destinationPort,
  })
})

test.each([
  ['ESP', 50],
  ['DCCP', 33],
  ['OSPF', 89],
])('%s is generic: addresses only', (_name, protocol) => {
  expect(decoded(over4(protocol, filler(8)))).toMatchObject({
    ok: true,
    hasTuple: true,
    sourcePort: 0,
    destinationPort: 0,
  })
  expect(decoded(over4(protocol, join()))).toMatchObject({ ok: true, hasTuple: true, transportLength: 0 })
})

test.each([
  ['UDP', 17, 8, 4],
  ['UDP-Lite', 136, 8, 4],
  ['SCTP', 132, 20, 4],
  ['ICMP', 1, 8, 8],
  ['ICMPv6', 58, 8, 8],
  ['TCP', 6, 20, 4],
])(
  '%s: what conntrack reads must be captured, unless the packet has less',
  (_name, protocol, needed, tuple) => {
    const long = over4(protocol, filler(60))
    expect(decoded(long, 20 + needed).fault).toBe(FAULT_NONE)
    expect(decoded(long, 20 + needed - 1).fault).toBe(FAULT_TRANSPORT_TRUNCATED)
    for (let length = 0; length < needed; length++) {
      expect(decoded(over4(protocol, filler(length)))).toMatchObject({ ok: true, hasTuple: length >= tuple })
    }
  },
)

test('GRE: cut in the version, cut in the call id', () => {
  const pptp = over4(47, join('3001 880b 0010 4242 00000001', filler(20)))
  expect(decoded(pptp, 23).fault).toBe(FAULT_TRANSPORT_TRUNCATED)
  expect(decoded(pptp, 27).fault).toBe(FAULT_TRANSPORT_TRUNCATED)
  expect(decoded(pptp, 28)).toMatchObject({ ok: true, destinationPort: 0x4242 })
  expect(decoded(over4(47, join('0000 0800', filler(20))), 24).ok).toBe(true)
})

test('GRE: of a header too short to tell nothing is missed that a capture has cut off', () => {
  for (let captured = 20; captured <= 23; captured++)
    expect(decoded(over4(47, filler(3)), captured)).toMatchObject({
      ok: true,
      hasTuple: true,
      fault: FAULT_NONE,
    })
})

test('a frame without a byte of IP is cut off, whatever stands behind it', () => {
  for (const surround of [0x45, 0x60, 0xa5]) {
    const packet = new Packet()
    expect(decode(frameOf(join(), { linkType: 101, surround }), packet)).toBe(false)
    expect(packet.fault).toBe(FAULT_LINK_TRUNCATED)
  }
})
