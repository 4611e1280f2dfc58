// Tests src/packet/checksum.ts and crc32c.ts against an independent sum and published check values.

import { expect, test } from 'vitest'
import { CHECKSUM_BAD, CHECKSUM_OK, CHECKSUM_UNKNOWN, transportChecksum } from '../../src/packet/checksum.ts'
import { crc32c } from '../../src/packet/crc32c.ts'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import {
  type Bytes,
  be32,
  filler,
  frameOf,
  icmp,
  internetChecksum,
  ipv4,
  ipv6,
  join,
  pseudoHeader,
  tcp,
  udp,
} from '../support/frames.ts'

const FOUR = { source: '10.0.0.1', destination: '10.0.0.2' }
const SIX = { source: '2001:db8::1', destination: '2001:db8::2' }

function check(ip: Bytes, captured = ip.length): number {
  const packet = new Packet()
  expect(decode(frameOf(ip, { linkType: 101, captured }), packet)).toBe(true)
  return transportChecksum(packet)
}

const in4 = (protocol: number, payload: Bytes) => ipv4({ ...FOUR, protocol }, payload)
const in6 = (nextHeader: number, payload: Bytes) => ipv6({ ...SIX, nextHeader }, payload)
const sum4 = (protocol: number, payload: Bytes, length = payload.length) =>
  internetChecksum(pseudoHeader(FOUR.source, FOUR.destination, protocol, length), payload)
const sum6 = (protocol: number, payload: Bytes, length = payload.length) =>
  internetChecksum(pseudoHeader(SIX.source, SIX.destination, protocol, length), payload)

for (const length of [0, 1, 2, 3, 4, 5, 1459, 1460]) {
  test(`TCP and UDP with ${length} bytes of data`, () => {
    const data = filler(length)
    const checks = [
      in4(6, tcp({ checksum: sum4(6, tcp({}, data)) }, data)),
      in4(17, udp({ checksum: sum4(17, udp({}, data)) }, data)),
      in6(6, tcp({ checksum: sum6(6, tcp({}, data)) }, data)),
      in6(17, udp({ checksum: sum6(17, udp({}, data)) }, data)),
    ]
    for (const ip of checks) {
      expect(check(ip)).toBe(CHECKSUM_OK)
      const last = ip.length - 1
      expect(check(ip.with(last, ip[last] ^ 1))).toBe(CHECKSUM_BAD)
      if (length > 0) expect(check(ip, last)).toBe(CHECKSUM_UNKNOWN)
    }
  })
}

test('a sum with many carries: 64 KiB of ones', () => {
  const data = new Uint8Array(65_000).fill(0xff)
  expect(check(in4(6, tcp({ checksum: sum4(6, tcp({}, data)) }, data)))).toBe(CHECKSUM_OK)
})

test('UDP: the kernel sums the whole IP payload, also behind the UDP length', () => {
  const trailing = filler(6)
  const short = udp({ length: 8 }, trailing)
  expect(check(in4(17, udp({ length: 8, checksum: sum4(17, udp()) }, trailing)))).toBe(CHECKSUM_BAD)
  expect(check(in4(17, udp({ length: 8, checksum: sum4(17, short) }, trailing)))).toBe(CHECKSUM_OK)
})

test('UDP-Lite: summed as protocol 17, as far as its coverage', () => {
  const data = filler(20)
  const whole = (protocol: number) =>
    udp({ length: 0, checksum: sum4(protocol, udp({ length: 0 }, data)) }, data)
  expect(check(in4(136, whole(136)))).toBe(CHECKSUM_BAD)
  expect(check(in4(136, whole(17)))).toBe(CHECKSUM_OK)
  const covered = udp({ length: 12 }, data).subarray(0, 12)
  const partial = in4(136, udp({ length: 12, checksum: sum4(17, covered, 28) }, data))
  expect(check(partial)).toBe(CHECKSUM_OK)
  expect(check(partial.with(47, 0))).toBe(CHECKSUM_OK)
  expect(check(partial, 32)).toBe(CHECKSUM_OK)
  expect(check(partial, 31)).toBe(CHECKSUM_UNKNOWN)
})

test('DCCP: as far as its coverage, in IPv4 with the low byte of the length', () => {
  const data = filler(300)
  const header = (coverage: number, checksum = 0) =>
    join('0f a0 00 50 03', [coverage, checksum >> 8, checksum & 0xff], '00 00 00 01')
  const [whole, partly] = [0, 3].map(coverage => join(header(coverage), data))
  const sealed = (coverage: number, checksum: number) => join(header(coverage, checksum), data)
  const low = whole.length & 0xff
  expect(check(in4(33, sealed(0, sum4(33, whole, low))))).toBe(CHECKSUM_OK)
  expect(check(in4(33, sealed(0, sum4(33, whole))))).toBe(CHECKSUM_BAD)
  const partial = in4(33, sealed(3, sum4(33, partly.subarray(0, 8), low)))
  expect(check(partial)).toBe(CHECKSUM_OK)
  expect(check(partial.with(28, 77))).toBe(CHECKSUM_OK)
  expect(check(partial.with(20, 77))).toBe(CHECKSUM_BAD)
  expect(check(in6(33, sealed(0, sum6(33, whole))))).toBe(CHECKSUM_OK)
  expect(check(in6(33, sealed(0, sum6(33, whole, low))))).toBe(CHECKSUM_BAD)
})

test('ICMP and ICMPv6', () => {
  const echo = in4(1, icmp(8, 0, filler(9)))
  expect(check(echo)).toBe(CHECKSUM_OK)
  expect(check(echo.with(28, 77))).toBe(CHECKSUM_BAD)
  const bare = join('80 00 0000', filler(9))
  const sum = sum6(58, bare)
  const echo6 = in6(58, join('80 00', [sum >> 8, sum & 0xff], filler(9)))
  expect(check(echo6)).toBe(CHECKSUM_OK)
  expect(check(echo6.with(45, 77))).toBe(CHECKSUM_BAD)
  // right without the pseudo header is wrong for ICMPv6
  expect(check(in6(58, icmp(128, 0, filler(9))))).toBe(CHECKSUM_BAD)
})

test('ICMP of the other IP version is not verified', () => {
  expect(check(in6(1, icmp(8, 0, filler(8)).with(2, 1)))).toBe(CHECKSUM_OK)
  expect(check(in4(58, icmp(128, 0, filler(8)).with(2, 1)))).toBe(CHECKSUM_OK)
})

test('UDP-Lite in IPv4: of the payload length only the low byte is summed, as the kernel does', () => {
  const data = filler(300)
  const header = { length: 0 }
  const low = udp({ ...header, checksum: sum4(17, udp(header, data), 308 & 0xff) }, data)
  const full = udp({ ...header, checksum: sum4(17, udp(header, data)) }, data)
  expect([check(in4(136, low)), check(in4(136, full))]).toEqual([CHECKSUM_OK, CHECKSUM_BAD])
  const six = udp({ ...header, checksum: sum6(17, udp(header, data)) }, data)
  expect(check(in6(136, six))).toBe(CHECKSUM_OK)
})

test('protocols without a checksum that conntrack verifies', () => {
  expect(check(in4(47, filler(8)))).toBe(CHECKSUM_OK)
  expect(check(in4(50, filler(8)))).toBe(CHECKSUM_OK)
})

test('CRC32c check values of RFC 3720, appendix B.4', () => {
  const crc = (bytes: Bytes) => ~crc32c(bytes, 0, bytes.length, -1) >>> 0
  expect(crc(new Uint8Array(32))).toBe(0x8a9136aa)
  expect(crc(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43)
  expect(crc(filler(32))).toBe(0x46dd794e)
  expect(crc(new TextEncoder().encode('123456789'))).toBe(0xe3069283)
})

test('SCTP: CRC32c, little-endian, over the packet with a zero field', () => {
  const packet = (crc: number[]) => in4(132, join('0b59 8e74 cafebabe', crc, '03 00 0010', filler(12)))
  const bare = packet([0, 0, 0, 0]).subarray(20)
  const crc = be32(~crc32c(bare, 0, bare.length, -1)).reverse()
  expect(check(packet(crc))).toBe(CHECKSUM_OK)
  expect(check(packet([...crc].reverse()))).toBe(CHECKSUM_BAD)
  expect(check(packet(crc), 47)).toBe(CHECKSUM_UNKNOWN)
})

test.each([
  // RFC 3720, B.4
  ['32 zeroes', new Uint8Array(32), 0x8a9136aa],
  ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['32 bytes upwards', filler(32), 0x46dd794e],
  ['32 bytes downwards', filler(32).reverse(), 0x113fdb5c],
  ['digits', new TextEncoder().encode('123456789'), 0xe3069283],
])('CRC32c of %s', (_, bytes, sum) => {
  expect(~crc32c(bytes, 0, bytes.length, -1) >>> 0).toBe(sum)
  // in two pieces, and in the middle of others
  const within = Uint8Array.of(1, ...bytes, 2)
  expect(~crc32c(within, 6, within.length - 1, crc32c(within, 1, 6, -1)) >>> 0).toBe(sum)
})
