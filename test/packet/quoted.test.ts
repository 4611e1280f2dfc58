// Tests src/packet/quoted.ts: what nf_ct_get_tuplepr() accepts of the packet in an ICMP error.

import { expect, test } from 'vitest'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { FAULT_IP_TRUNCATED, FAULT_NONE, FAULT_TRANSPORT_TRUNCATED } from '../../src/packet/fault.ts'
import { Packet } from '../../src/packet/packet.ts'
import { decodeQuoted } from '../../src/packet/quoted.ts'
import {
  type Bytes,
  be32,
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

function quote4(inner: Bytes, cutBy = 0): Packet & { ok: boolean } {
  return quote(ipv4({ protocol: 1 }, icmp(3, 3, join(be32(0), inner))), 28, 4, cutBy)
}

function quote6(inner: Bytes, cutBy = 0): Packet & { ok: boolean } {
  return quote(ipv6({ nextHeader: 58 }, icmp(1, 4, join(be32(0), inner))), 48, 6, cutBy)
}

function quote(error: Bytes, quotedAt: number, family: number, cutBy: number): Packet & { ok: boolean } {
  const packet = new Packet()
  const quoted = new Packet()
  const frame = frameOf(error, { linkType: 101, captured: error.length - cutBy, time: 99, number: 7 })
  expect(decode(frame, packet)).toBe(true)
  const ok = decodeQuoted(packet, packet.networkOffset + quotedAt, family, quoted)
  return Object.assign(quoted, { ok })
}

const DATAGRAM = { source: '10.1.1.1', destination: '192.0.2.9', protocol: 17 }

test('a quoted UDP datagram', () => {
  expect(quote4(ipv4(DATAGRAM, udp({ sourcePort: 4000, destinationPort: 53 })))).toMatchObject({
    ok: true,
    fault: FAULT_NONE,
    family: 4,
    source0: 0x0a010101,
    destination0: 0xc0000209 | 0,
    protocol: 17,
    sourcePort: 4000,
    destinationPort: 53,
    time: 99,
    frame: 7,
    depth: 1,
  })
})

test('neither version, length, checksum nor TTL of the quoted header matter', () => {
  const inner = ipv4({ ...DATAGRAM, totalLength: 9000, checksum: 0x1234, ttl: 0 }, udp({ sourcePort: 4000 }))
  expect(quote4(inner.with(0, 0x65))).toMatchObject({ ok: true, sourcePort: 4000 })
})

test('a header length of 0 makes the header itself the ports, as in the kernel', () => {
  const inner = ipv4(DATAGRAM, udp())
  expect(quote4(inner.with(0, 0x40))).toMatchObject({ ok: true, sourcePort: 0x4000 })
})

test.each([
  ['TCP', 6, tcp({ sourcePort: 1 }), 4],
  ['UDP', 17, udp({ sourcePort: 1 }), 4],
  ['ICMP', 1, icmp(8, 0, be(1)), 8],
  ['SCTP', 132, join('0001 0002', filler(8)), 4],
  ['ESP', 50, filler(8), 0],
  ['GRE', 47, join('3001 880b 0004 0007', filler(8)), 8],
])('%s: %i needs its first bytes', (_name, protocol, transport, needed) => {
  for (let length = 0; length <= transport.length; length++) {
    const { ok, fault } = quote4(ipv4({ protocol }, transport.subarray(0, length)))
    // GRE without a call id is tracked by its addresses
    expect({ ok, fault }).toEqual({ ok: length >= needed || protocol === 47, fault: FAULT_NONE })
  }
  const whole = ipv4({ protocol }, transport)
  for (let captured = 0; captured < transport.length; captured++) {
    const { ok, fault } = quote4(whole, transport.length - captured)
    expect({ captured, ok, cut: fault === FAULT_TRANSPORT_TRUNCATED }).toEqual({
      captured,
      ok: captured >= needed,
      cut: captured < needed,
    })
  }
})

function be(id: number): Bytes {
  return join([id >> 8, id & 0xff, 0, 1])
}

test('a quoted header that the error has no room for, or that was cut', () => {
  const inner = ipv4(DATAGRAM, udp())
  expect(quote4(inner.subarray(0, 19))).toMatchObject({ ok: false, fault: FAULT_NONE })
  expect(quote4(inner, 9)).toMatchObject({ ok: false, fault: FAULT_IP_TRUNCATED })
  expect(quote4(ipv4({ ...DATAGRAM, options: filler(40) }, join()).subarray(0, 40))).toMatchObject({
    ok: false,
    fault: FAULT_NONE,
  })
})

test('a quoted first fragment has a tuple, a later one has none', () => {
  expect(quote4(ipv4(DATAGRAM, udp()))).toMatchObject({ ok: true, fragmentOffset: 0, moreFragments: false })
  expect(quote4(ipv4({ ...DATAGRAM, moreFragments: true }, udp()))).toMatchObject({
    ok: true,
    fragmentOffset: 0,
    moreFragments: true,
  })
  expect(quote4(ipv4({ ...DATAGRAM, fragmentOffset: 0xfff8 }, udp()))).toMatchObject({
    ok: false,
    fault: FAULT_NONE,
    fragmentOffset: 0xfff8,
    moreFragments: false,
  })
  const first = join(fragmentHeader(17, 1, 0, true), udp({ sourcePort: 6 }))
  expect(quote6(ipv6({ nextHeader: 44 }, first))).toMatchObject({ ok: true, sourcePort: 6 })
  expect(quote6(ipv6({ nextHeader: 44 }, first), 6)).toMatchObject({
    ok: false,
    fault: FAULT_TRANSPORT_TRUNCATED,
  })
  const later = join(fragmentHeader(17, 1, 8, true), udp())
  expect(quote6(ipv6({ nextHeader: 44 }, later))).toMatchObject({ ok: false, fault: FAULT_NONE })
})

test('a quoted IPv6 packet with extension headers', () => {
  const inner = ipv6(
    { nextHeader: 0, source: '2001:db8::9', payloadLength: 5000 },
    join(extension(60), extension(6), tcp({ destinationPort: 443 })),
  )
  expect(quote6(inner)).toMatchObject({ ok: true, family: 6, source3: 9, protocol: 6, destinationPort: 443 })
  expect(quote6(ipv6({ nextHeader: 59 }, filler(8))).ok).toBe(false)
})
