// What NAT and routing change must not count, everything else must.
import { describe, expect, it } from 'vitest'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { Fingerprint } from '../../src/vantage/record/fingerprint.ts'
import {
  type Bytes,
  be16,
  be32,
  ethernet,
  filler,
  frameOf,
  type Ipv4Options,
  icmp,
  ipv4,
  ipv6,
  join,
  tcp,
  udp,
} from '../support/frames.ts'

function printOf(
  packet: Bytes,
  rewrittenPorts: readonly number[] = [],
): { hash: string; weak: boolean; identified: boolean } {
  const decoded = new Packet()
  const print = new Fingerprint(rewrittenPorts)
  if (!decode(frameOf(ethernet(packet)), decoded)) throw new Error('the frame holds no packet')
  print.read(decoded)
  return { hash: `${print.first} ${print.second}`, weak: print.weak, identified: print.identified }
}

const hash = (packet: Bytes) => printOf(packet).hash
const inside: Partial<Ipv4Options> = {
  source: '10.0.0.5',
  destination: '10.9.0.1',
  ttl: 64,
  identification: 7,
}
const outside: Partial<Ipv4Options> = {
  source: '192.0.2.1',
  destination: '198.51.100.7',
  ttl: 62,
  identification: 7,
}
const timestamps = (value: number) => join('0101080a', be32(value), be32(9))

describe('a packet before and behind a router that translates it', () => {
  it('is the same over TCP', () => {
    const segment = { sequence: 5, acknowledgment: 6, flags: 0x18, options: timestamps(8) }
    const before = tcp({ ...segment, sourcePort: 4000, destinationPort: 80, checksum: 1 }, filler(9))
    const behind = tcp({ ...segment, sourcePort: 31000, destinationPort: 8080, checksum: 2 }, filler(9))
    expect(hash(ipv4({ ...inside, protocol: 6 }, before))).toBe(
      hash(ipv4({ ...outside, protocol: 6 }, behind)),
    )
  })

  it('is the same with a clamped MSS', () => {
    const syn = (mss: number) => tcp({ flags: 2, sequence: 5, options: join('0204', be16(mss)) })
    expect(hash(ipv4({ ...inside, protocol: 6 }, syn(1460)))).toBe(
      hash(ipv4({ ...outside, protocol: 6 }, syn(1400))),
    )
  })

  it('is the same over UDP', () => {
    const before = udp({ sourcePort: 4000, checksum: 1 }, filler(50))
    const behind = udp({ sourcePort: 5000, destinationPort: 5353, checksum: 2 }, filler(50))
    expect(hash(ipv4({ ...inside, protocol: 17 }, before))).toBe(
      hash(ipv4({ ...outside, protocol: 17 }, behind)),
    )
  })

  it('is the same echo with another id', () => {
    const echo = (id: number) => icmp(8, 0, join(be16(id), be16(3), filler(40)))
    expect(hash(ipv4({ ...inside, protocol: 1 }, echo(1)))).toBe(
      hash(ipv4({ ...outside, protocol: 1 }, echo(999))),
    )
  })

  it('is the same error, whose quoted packet was translated, too', () => {
    const error = (from: string, port: number) =>
      icmp(
        3,
        1,
        join(be32(0), ipv4({ source: from, protocol: 17, identification: 4 }, udp({ sourcePort: port }))),
      )
    const before = ipv4({ ...inside, protocol: 1 }, error('192.0.2.1', 31000))
    expect(hash(before)).toBe(hash(ipv4({ ...outside, protocol: 1 }, error('10.0.0.5', 4000))))
  })
})

describe('a packet that a helper may have rewritten', () => {
  const of = (packet: Bytes) => printOf(packet, [21, 5060])
  const segment = { sequence: 5, acknowledgment: 6, flags: 0x18, options: timestamps(8), destinationPort: 21 }
  const inFtp = (own: Partial<Ipv4Options>, changed: object, payload = filler(0)) =>
    of(ipv4({ ...own, protocol: 6 }, tcp({ ...segment, ...changed }, payload)))

  it('is the same with other numbers and another length, of the ports alone that helpers are at', () => {
    const before = inFtp(inside, {}, filler(22))
    expect(inFtp(outside, { sequence: 9, acknowledgment: 2 }, filler(26))).toEqual(before)
    expect(inFtp(outside, { flags: 0x10 }, filler(26))).not.toEqual(before)
    expect(inFtp(outside, { options: timestamps(9) }, filler(26))).not.toEqual(before)
    expect(inFtp({ ...outside, identification: 8 }, {}, filler(26))).not.toEqual(before)
    const other = { destinationPort: 22 }
    expect(inFtp(outside, { ...other, sequence: 9 })).not.toEqual(inFtp(inside, other))
  })

  it('is told by its timestamp where it has no id and is an acknowledgment', () => {
    const bare = { ...inside, identification: 0 }
    const before = inFtp(bare, {})
    expect(before.weak).toBe(true)
    expect(inFtp(bare, { acknowledgment: 10 })).toEqual(before)
    expect(inFtp(bare, { options: timestamps(9) })).not.toEqual(before)
    // data, a SYN, one without a timestamp
    const numbers = { sequence: 9 }
    expect(inFtp(bare, numbers, filler(9))).not.toEqual(inFtp(bare, {}, filler(9)))
    expect(inFtp(bare, { ...numbers, flags: 0x12 })).not.toEqual(inFtp(bare, { flags: 0x12 }))
    const without = { options: new Uint8Array() }
    expect(inFtp(bare, { ...numbers, ...without })).not.toEqual(inFtp(bare, without))
  })

  const sip = (first: string, lines: readonly string[], own: Partial<Ipv4Options> = {}) =>
    of(
      ipv4(
        { ...inside, identification: 0, ...own, protocol: 17 },
        udp({ sourcePort: 5060 }, Uint8Array.from(Buffer.from(`${[first, ...lines].join('\r\n')}\r\n\r\n`))),
      ),
    )

  it('is the same SIP message by its call and number, whatever its addresses', () => {
    const call = ['Call-ID: 7@10.0.0.5', 'CSeq: 1 INVITE']
    const before = sip('INVITE sip:b@10.9.0.1 SIP/2.0', ['Via: SIP/2.0/UDP 10.0.0.5', ...call])
    expect(before.weak).toBe(true)
    expect(sip('INVITE sip:b@198.51.100.7 SIP/2.0', ['i: 7@10.0.0.5', 'cseq: 1 INVITE']).weak).toBe(true)
    expect(sip('INVITE sip:b@198.51.100.7 SIP/2.0', ['Via: SIP/2.0/UDP 192.0.2.1:31000', ...call])).toEqual(
      before,
    )
    expect(sip('INVITE sip:b@10.9.0.1 SIP/2.0', ['Call-ID: 8@10.0.0.5', 'CSeq: 1 INVITE'])).not.toEqual(
      before,
    )
    expect(sip('INVITE sip:b@10.9.0.1 SIP/2.0', ['Call-ID: 7@10.0.0.5', 'CSeq: 2 INVITE'])).not.toEqual(
      before,
    )
    const [trying, ringing] = [100, 180].map(code => sip(`SIP/2.0 ${code} such`, call))
    expect(trying).not.toEqual(ringing)
    expect(trying).not.toEqual(before)
  })

  it('is its payload where that is no SIP message', () => {
    expect(sip('keep-alive 1', [])).not.toEqual(sip('keep-alive 2', []))
    expect(sip('keep-alive 1', [])).toEqual(sip('keep-alive 1', []))
  })
})

describe('another packet', () => {
  const segment = { sequence: 5, acknowledgment: 6, flags: 0x10, options: timestamps(8) }
  const base = hash(ipv4({ ...inside, protocol: 6 }, tcp(segment)))
  const others: [string, Bytes][] = [
    ['sequence number', ipv4({ ...inside, protocol: 6 }, tcp({ ...segment, sequence: 6 }))],
    ['acknowledgment', ipv4({ ...inside, protocol: 6 }, tcp({ ...segment, acknowledgment: 7 }))],
    [
      'sequence and acknowledgment, swapped',
      ipv4({ ...inside, protocol: 6 }, tcp({ ...segment, sequence: 6, acknowledgment: 5 })),
    ],
    ['flags', ipv4({ ...inside, protocol: 6 }, tcp({ ...segment, flags: 0x11 }))],
    ['window', ipv4({ ...inside, protocol: 6 }, tcp({ ...segment, window: 1 }))],
    ['timestamp', ipv4({ ...inside, protocol: 6 }, tcp({ ...segment, options: timestamps(9) }))],
    ['length', ipv4({ ...inside, protocol: 6 }, tcp(segment, filler(1)))],
    ['IP ID', ipv4({ ...inside, identification: 8, protocol: 6 }, tcp(segment))],
  ]
  for (const [name, packet] of others) it(`differs by its ${name}`, () => expect(hash(packet)).not.toBe(base))

  it('differs by length, IP ID, protocol and sequence of what an error quotes, and by its MTU', () => {
    const error = (mtu: number, quoted: Bytes) =>
      ipv4({ ...inside, protocol: 1 }, icmp(3, 4, join(be32(mtu), quoted)))
    const four = { source: '10.0.0.5', protocol: 17, identification: 4 }
    const packets = [
      error(1400, ipv4(four, udp({}, filler(9)))),
      error(1300, ipv4(four, udp({}, filler(9)))),
      error(1400, ipv4(four, udp({}, filler(10)))),
      error(1400, ipv4({ ...four, identification: 5 }, udp({}, filler(9)))),
      error(1400, ipv4({ ...four, protocol: 6 }, tcp({ sequence: 1 }))),
      error(1400, ipv4({ ...four, protocol: 6 }, tcp({ sequence: 2 }))),
    ]
    expect(new Set(packets.map(hash)).size).toBe(packets.length)
  })

  it('differs by length and protocol of what an ICMPv6 error quotes, but not by its flow label', () => {
    const error = (label: number, nextHeader: number, payload: Bytes) => {
      const quoted = ipv6({ nextHeader }, payload)
      quoted[3] = label
      return ipv6({ nextHeader: 58 }, icmp(1, 4, join(be32(0), quoted)))
    }
    const base = hash(error(0, 17, filler(20)))
    expect(hash(error(5, 17, filler(20)))).toBe(base)
    expect(hash(error(0, 17, filler(21)))).not.toBe(base)
    expect(hash(error(0, 132, filler(20)))).not.toBe(base)
  })

  it('differs by payload, type of error, and fragment offset', () => {
    const packets = [
      ipv4({ ...inside, protocol: 17 }, udp({}, filler(40))),
      ipv4({ ...inside, protocol: 17 }, udp({}, filler(40).reverse())),
      ipv4({ ...inside, protocol: 1 }, icmp(3, 1, filler(40))),
      ipv4({ ...inside, protocol: 1 }, icmp(3, 2, filler(40))),
      ipv4({ ...inside, protocol: 17, fragmentOffset: 8, moreFragments: true }, filler(40)),
      ipv4({ ...inside, protocol: 17, fragmentOffset: 48, moreFragments: true }, filler(40)),
    ]
    expect(new Set(packets.map(hash)).size).toBe(packets.length)
  })
})

describe('a packet without IP ID', () => {
  it('is weak where payload alone tells it from its like', () => {
    const of = (protocol: number, transport: Bytes) =>
      printOf(ipv4({ ...inside, identification: 0, protocol }, transport))
    expect(of(17, udp({}, filler(20)))).toMatchObject({ weak: true, identified: false })
    expect(of(6, tcp({ sequence: 5 }))).toMatchObject({ weak: false, identified: false })
    expect(printOf(ipv4({ ...inside, protocol: 17 }, udp({}, filler(20))))).toMatchObject({
      weak: false,
      identified: true,
    })
  })
})
