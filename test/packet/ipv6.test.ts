// Tests src/packet/ipv6.ts: the header, the extension chain as ipv6_skip_exthdr() walks it, jumbograms.

import { expect, test } from 'vitest'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { FAULT_EXTENSION_TRUNCATED, FAULT_IP_HEADER, FAULT_IP_TRUNCATED } from '../../src/packet/fault.ts'
import { Packet } from '../../src/packet/packet.ts'
import {
  type Bytes,
  be32,
  extension,
  type FrameOptions,
  filler,
  fragmentHeader,
  frameOf,
  ipv6,
  join,
  tcp,
  udp,
} from '../support/frames.ts'

function decoded(ip: Bytes, options: FrameOptions = {}): Packet & { ok: boolean } {
  const packet = new Packet()
  const ok = decode(frameOf(ip, { linkType: 229, ...options }), packet)
  return Object.assign(packet, { ok })
}

test('fields of the header', () => {
  const packet = decoded(
    ipv6(
      { source: '2001:db8:1:2:3:4:5:6', destination: 'fe80::8000:1', nextHeader: 17, hopLimit: 255 },
      udp({ sourcePort: 5 }),
    ),
  )
  expect(packet).toMatchObject({
    ok: true,
    family: 6,
    networkLength: 48,
    ttl: 255,
    identification: 0,
    source0: 0x20010db8,
    source1: 0x00010002,
    source2: 0x00030004,
    source3: 0x00050006,
    destination0: 0xfe800000 | 0,
    destination1: 0,
    destination2: 0,
    destination3: 0x80000001 | 0,
    protocol: 17,
    sourcePort: 5,
    hasTuple: true,
  })
})

test('hop-by-hop, routing, destination options, authentication', () => {
  const authentication = join(6, 4, filler(22))
  const chain = join(extension(43), extension(60, 24), extension(51), authentication, tcp({ sourcePort: 77 }))
  const packet = decoded(ipv6({ nextHeader: 0 }, chain))
  expect(packet).toMatchObject({
    ok: true,
    protocol: 6,
    sourcePort: 77,
    transportOffset: 5 + 40 + 8 + 24 + 8 + 24,
    transportLength: 20,
  })
})

test('mobility and ESP end the walk', () => {
  for (const protocol of [135, 50]) {
    expect(decoded(ipv6({ nextHeader: 60 }, join(extension(protocol), filler(8))))).toMatchObject({
      ok: true,
      protocol,
      hasTuple: true,
    })
  }
})

test('no next header: conntrack gets it, without a tuple', () => {
  expect(decoded(ipv6({ nextHeader: 59 }, filler(4)))).toMatchObject({
    ok: true,
    protocol: 59,
    hasTuple: false,
  })
})

test('a chain that ends within the packet has no tuple; one that was cut is a fault', () => {
  const whole = ipv6({ nextHeader: 60 }, join(extension(60), 6))
  expect(decoded(whole)).toMatchObject({ ok: true, hasTuple: false })
  const long = ipv6({ nextHeader: 60 }, join(extension(60), extension(17), udp()))
  expect(decoded(long, { captured: 50 }).fault).toBe(FAULT_EXTENSION_TRUNCATED)
})

test('a last header that claims more than the packet has leaves nothing to read', () => {
  const packet = decoded(ipv6({ nextHeader: 60 }, join(17, 4, filler(6))))
  expect(packet).toMatchObject({
    ok: true,
    protocol: 17,
    hasTuple: false,
    transportLength: 0,
    transportCaptured: 0,
  })
  expect(decoded(ipv6({ nextHeader: 60 }, join(50, 4, filler(6)))).hasTuple).toBe(true)
})

test('a first fragment', () => {
  const packet = decoded(
    ipv6(
      { nextHeader: 60 },
      join(extension(44), fragmentHeader(17, 0xdeadbeef, 0, true), udp({ sourcePort: 3 }, filler(8))),
    ),
  )
  expect(packet).toMatchObject({
    ok: true,
    fragmentHeader: true,
    fragmentHeaderOffset: 5 + 48,
    fragmentNextHeaderOffset: 5 + 40,
    identification: 0xdeadbeef | 0,
    fragmentOffset: 0,
    moreFragments: true,
    protocol: 17,
    sourcePort: 3,
  })
})

test('a later fragment and an atomic one', () => {
  const later = decoded(ipv6({ nextHeader: 44 }, join(fragmentHeader(17, 1, 1448, false), filler(8))))
  expect(later).toMatchObject({
    ok: true,
    fragmentOffset: 1448,
    moreFragments: false,
    protocol: 17,
    hasTuple: false,
  })
  const atomic = decoded(
    ipv6({ nextHeader: 44 }, join(fragmentHeader(17, 1, 0, false), udp({ sourcePort: 8 }))),
  )
  expect(atomic).toMatchObject({
    ok: true,
    fragmentHeader: true,
    fragmentOffset: 0,
    moreFragments: false,
    sourcePort: 8,
  })
})

test('of two fragment headers the first counts for reassembly', () => {
  const packet = decoded(
    ipv6(
      { nextHeader: 44 },
      join(fragmentHeader(44, 1, 0, false), fragmentHeader(17, 2, 8, true), filler(8)),
    ),
  )
  expect(packet).toMatchObject({
    ok: true,
    identification: 1,
    fragmentOffset: 0,
    moreFragments: false,
    hasTuple: false,
  })
})

test.each([
  ['version 4', (ip: Bytes) => ip.with(0, 0x40)],
  ['payload length beyond the wire', (ip: Bytes) => ip.with(4, 1)],
])('%s: the kernel drops it', (_name, spoil) => {
  expect(decoded(spoil(ipv6({ nextHeader: 17 }, udp()))).fault).toBe(FAULT_IP_HEADER)
})

test('a header cut', () => {
  const ip = ipv6({ nextHeader: 17 }, udp())
  expect(decoded(ip, { captured: 39 }).fault).toBe(FAULT_IP_TRUNCATED)
  expect(decoded(ip.subarray(0, 39)).fault).toBe(FAULT_IP_HEADER)
})

test("payload length 0: a TCP super-packet has the frame's length, anything else is empty", () => {
  const ip = ipv6({ nextHeader: 6, payloadLength: 0 }, tcp({}, filler(40)))
  expect(decoded(ip, { originalLength: 90_000 })).toMatchObject({ ok: true, networkLength: 90_000 })
  expect(decoded(ipv6({ nextHeader: 17, payloadLength: 0 }, udp()))).toMatchObject({
    ok: true,
    networkLength: 40,
    hasTuple: false,
  })
})

const jumbo = (option: string, length: number) =>
  ipv6({ nextHeader: 0, payloadLength: 0 }, join('06 00', option, be32(length), tcp({ sourcePort: 6 })))

test('a jumbogram', () => {
  const packet = decoded(jumbo('c2 04', 80_000), { originalLength: 80_040 })
  expect(packet).toMatchObject({ ok: true, networkLength: 80_040, transportLength: 79_992, sourcePort: 6 })
})

test.each([
  ['a jumbo length that fits 16 bits', jumbo('c2 04', 65_535), 80_040],
  ['a jumbo length beyond the wire', jumbo('c2 04', 80_000), 80_039],
  ['a jumbo option of another length', jumbo('c2 03', 80_000), 80_040],
  ['an option beyond its header', ipv6({ nextHeader: 0 }, join('11 00 05 05 0000 0000', udp())), 0],
  ['a hop-by-hop header beyond the wire', ipv6({ nextHeader: 0 }, join('11 09 0000 0000 0000', udp())), 0],
])('%s: the kernel drops it', (_name, ip, originalLength) => {
  expect(decoded(ip, originalLength > 0 ? { originalLength } : {}).fault).toBe(FAULT_IP_HEADER)
})
