// Tests src/packet/ipv4.ts: fields, lengths and the tests by which ip_rcv() drops a packet.

import { expect, test } from 'vitest'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { FAULT_IP_CHECKSUM, FAULT_IP_HEADER, FAULT_IP_TRUNCATED, FAULT_NONE } from '../../src/packet/fault.ts'
import { Packet } from '../../src/packet/packet.ts'
import {
  type Bytes,
  ethernet,
  type FrameOptions,
  filler,
  frameOf,
  ipv4,
  join,
  tcp,
  udp,
} from '../support/frames.ts'

function decoded(ip: Bytes, options: FrameOptions = {}): Packet & { ok: boolean } {
  const packet = new Packet()
  const ok = decode(frameOf(ip, { linkType: 228, ...options }), packet)
  return Object.assign(packet, { ok })
}

test('fields of the header', () => {
  const packet = decoded(
    ipv4(
      {
        source: '192.168.1.2',
        destination: '203.0.113.250',
        protocol: 17,
        ttl: 63,
        identification: 0xbeef,
        dontFragment: true,
      },
      udp({ sourcePort: 53, destinationPort: 60000 }),
    ),
  )
  expect(packet).toMatchObject({
    ok: true,
    family: 4,
    networkOffset: 5,
    networkLength: 28,
    source0: 0xc0a80102 | 0,
    destination0: 0xcb0071fa | 0,
    protocol: 17,
    ttl: 63,
    identification: 0xbeef,
    fragmentOffset: 0,
    moreFragments: false,
    hasTuple: true,
    transportOffset: 25,
    transportLength: 8,
  })
})

test('options move the transport header', () => {
  const packet = decoded(ipv4({ protocol: 17, options: filler(40) }, udp({ sourcePort: 99 })))
  expect(packet).toMatchObject({ ok: true, transportOffset: 65, sourcePort: 99 })
})

test.each([
  ['version 5', (ip: Bytes) => ip.with(0, 0x55)],
  ['header length below 20', (ip: Bytes) => ip.with(0, 0x44)],
  ['total length below the header', (ip: Bytes) => ip.with(3, 19)],
  ['total length beyond the wire', (ip: Bytes) => ip.with(2, 1)],
])('%s: the kernel drops it', (_name, spoil) => {
  expect(decoded(spoil(ipv4({ protocol: 17 }, udp())))).toMatchObject({
    ok: false,
    fault: FAULT_IP_HEADER,
    family: 0,
  })
})

test('a header that the frame never held is malformed, one that was cut is truncated', () => {
  const ip = ipv4({ protocol: 17, options: filler(8) }, udp())
  expect(decoded(ip.subarray(0, 19)).fault).toBe(FAULT_IP_HEADER)
  expect(decoded(ip, { captured: 19 }).fault).toBe(FAULT_IP_TRUNCATED)
  expect(decoded(ip, { captured: 27 }).fault).toBe(FAULT_IP_TRUNCATED)
  expect(decoded(ip, { captured: 36 }).fault).toBe(FAULT_NONE)
})

test('a wrong checksum is a fault, yet everything is decoded', () => {
  const sound = ipv4({ protocol: 6 }, tcp({ sourcePort: 7 }))
  const packet = decoded(sound.with(8, 63))
  expect(packet).toMatchObject({
    ok: false,
    fault: FAULT_IP_CHECKSUM,
    family: 4,
    sourcePort: 7,
    ttl: 63,
    headerUnsummed: false,
  })
})

test('wrong options are in the checksum, too', () => {
  const ip = ipv4({ protocol: 17, options: join('01010100') }, udp())
  expect(decoded(ip).ok).toBe(true)
  expect(decoded(ip.with(22, 2)).fault).toBe(FAULT_IP_CHECKSUM)
})

test('a checksum left to hardware is accepted, and told', () => {
  expect(decoded(ipv4({ protocol: 6, checksum: 0 }, tcp()))).toMatchObject({ ok: true, headerUnsummed: true })
  expect(decoded(ipv4({ protocol: 6 }, tcp()))).toMatchObject({ ok: true, headerUnsummed: false })
})

test('a checksum that is rightly zero is a checksum', () => {
  const identification = (ip: Bytes) => (ip[10] << 8) | ip[11]
  const zero = ipv4(
    { protocol: 6, identification: 1 + identification(ipv4({ protocol: 6, identification: 1 }, tcp())) },
    tcp(),
  )
  expect([zero[10], zero[11]]).toEqual([0, 0])
  expect(decoded(zero)).toMatchObject({ ok: true, headerUnsummed: false })
})

test("total length 0 of a TCP super-packet: the length is the frame's", () => {
  const ip = ipv4({ protocol: 6, totalLength: 0 }, tcp({}, filler(100)))
  expect(decoded(ip, { captured: 60, originalLength: 80_000 })).toMatchObject({
    ok: true,
    networkLength: 80_000,
  })
  expect(decoded(ipv4({ protocol: 17, totalLength: 0 }, udp())).fault).toBe(FAULT_IP_HEADER)
})

test('fragment fields; a later fragment has no ports', () => {
  const first = decoded(ipv4({ protocol: 17, moreFragments: true }, udp({ sourcePort: 9 }, filler(8))))
  expect(first).toMatchObject({ ok: true, fragmentOffset: 0, moreFragments: true, sourcePort: 9 })
  const later = decoded(ipv4({ protocol: 17, fragmentOffset: 65528 }, filler(4)))
  expect(later).toMatchObject({
    ok: true,
    fragmentOffset: 65528,
    moreFragments: false,
    hasTuple: false,
    sourcePort: 0,
  })
})

test('a first fragment cut before its ports is no fault: the datagram is judged', () => {
  const ip = ipv4({ protocol: 17, moreFragments: true }, udp({}, filler(8)))
  expect(decoded(ip, { captured: 22 }).ok).toBe(true)
})

test('Ethernet and raw IP agree', () => {
  const ip = ipv4({ protocol: 6 }, tcp({ sequence: 0x80000001 }))
  const packet = new Packet()
  decode(frameOf(ethernet(ip)), packet)
  const raw = decoded(ip, { linkType: 101 })
  expect(packet.networkOffset - raw.networkOffset).toBe(14)
  expect(packet.sequence).toBe(raw.sequence)
})
