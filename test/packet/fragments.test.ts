// Tests src/packet/defrag/fragments.ts: what the kernel's reassembly queues, drops, completes and lets pass (checked against Linux 6.18).

import { expect, test } from 'vitest'
import { socketBufferMemory } from '../../src/packet/defrag/fragment-memory.ts'
import {
  Defragmenter,
  FRAGMENT_COMPLETED,
  FRAGMENT_DROPPED,
  FRAGMENT_NONE,
  FRAGMENT_QUEUED,
  FRAGMENT_UNREADABLE,
} from '../../src/packet/defrag/fragments.ts'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { FAULT_TRANSPORT_TRUNCATED } from '../../src/packet/fault.ts'
import { Packet } from '../../src/packet/packet.ts'
import {
  type Bytes,
  extension,
  filler,
  fragmentHeader,
  frameOf,
  type Ipv4Options,
  type Ipv6Options,
  ipv4,
  ipv6,
  join,
  tcp,
  udp,
} from '../support/frames.ts'

test('a waiting packet counts for the memory of its socket buffer, as Linux 6.18 counts it behind a veth device', () => {
  expect([20, 226, 227, 1500, 4065, 4066, 4097].map(socketBufferMemory)).toEqual([
    832, 832, 1280, 2304, 8448, 4928, 9024,
  ])
})

const NAMES: Record<number, string> = {
  [FRAGMENT_NONE]: 'none',
  [FRAGMENT_QUEUED]: 'queued',
  [FRAGMENT_DROPPED]: 'dropped',
  [FRAGMENT_COMPLETED]: 'completed',
  [FRAGMENT_UNREADABLE]: 'unreadable',
}

/** A reassembler with a clock in milliseconds; `take` says what became of a packet, which is `packet` afterwards. */
class Bench {
  readonly defragmenter: Defragmenter
  readonly packet = new Packet()
  time = 0

  constructor(settings = {}) {
    this.defragmenter = new Defragmenter(settings)
  }

  take(ip: Bytes, captured = ip.length): string {
    const frame = frameOf(ip, { linkType: 101, captured, time: this.time * 1e6 })
    expect(decode(frame, this.packet)).toBe(true)
    return NAMES[this.defragmenter.defragment(this.packet)]
  }

  takeAll(pieces: Bytes[]): string[] {
    return pieces.map(piece => this.take(piece))
  }

  /** The bytes of the IP packet. */
  content(): Bytes {
    const { bytes, networkOffset, networkLength } = this.packet
    return bytes.slice(networkOffset, networkOffset + networkLength)
  }
}

const DATAGRAM = udp({ sourcePort: 4000, destinationPort: 53 }, filler(40))

/** The piece [start, end) of a datagram; the last unless there is more behind it or `more` says so. */
function piece4(start: number, end: number, more = end < 48, options: Partial<Ipv4Options> = {}): Bytes {
  const data = join(DATAGRAM, filler(2000)).subarray(start, end)
  return ipv4(
    { protocol: 17, identification: 77, fragmentOffset: start, moreFragments: more, ...options },
    data,
  )
}

function piece6(
  start: number,
  end: number,
  more = end < 48,
  options: Partial<Ipv6Options> = {},
  id = 77,
): Bytes {
  const data = join(DATAGRAM, filler(2000)).subarray(start, end)
  return ipv6({ nextHeader: 44, ...options }, join(fragmentHeader(17, id, start, more), data))
}

test('a packet that is no fragment passes', () => {
  const bench = new Bench()
  expect(bench.take(ipv4({ protocol: 17 }, DATAGRAM))).toBe('none')
  expect(bench.take(ipv6({ nextHeader: 17 }, DATAGRAM))).toBe('none')
})

for (const order of [
  [0, 1, 2],
  [2, 1, 0],
  [1, 2, 0],
  [1, 0, 2],
]) {
  test(`IPv4: pieces in the order ${order}`, () => {
    const bench = new Bench()
    const pieces = [piece4(0, 16), piece4(16, 32), piece4(32, 48)]
    expect(bench.takeAll(order.map(index => pieces[index]))).toEqual(['queued', 'queued', 'completed'])
    const whole = ipv4({ protocol: 17, identification: 77 }, DATAGRAM)
    // but for the header's checksum
    expect([...bench.content().subarray(0, 10), ...bench.content().subarray(12)]).toEqual([
      ...whole.subarray(0, 10),
      ...whole.subarray(12),
    ])
    expect(bench.packet).toMatchObject({
      fault: 0,
      networkLength: 68,
      transportLength: 48,
      fragmentOffset: 0,
      moreFragments: false,
      hasTuple: true,
      sourcePort: 4000,
      destinationPort: 53,
    })
    expect(bench.defragmenter.waiting).toBe(0)
  })

  test(`IPv6: pieces in the order ${order}`, () => {
    const bench = new Bench()
    const pieces = [piece6(0, 16), piece6(16, 32), piece6(32, 48)]
    expect(bench.takeAll(order.map(index => pieces[index]))).toEqual(['queued', 'queued', 'completed'])
    expect(bench.content()).toEqual(ipv6({ nextHeader: 17 }, DATAGRAM))
    expect(bench.packet).toMatchObject({
      fragmentHeader: false,
      hasTuple: true,
      protocol: 17,
      sourcePort: 4000,
    })
  })
}

test('IPv6: extension headers before the fragment header stay, it goes', () => {
  const bench = new Bench()
  const pieces = [0, 24].map(start =>
    ipv6(
      { nextHeader: 0 },
      join(
        extension(60),
        extension(44, 16),
        fragmentHeader(17, 5, start, start === 0),
        DATAGRAM.subarray(start, start + 24),
      ),
    ),
  )
  expect(bench.takeAll(pieces)).toEqual(['queued', 'completed'])
  expect(bench.content()).toEqual(ipv6({ nextHeader: 0 }, join(extension(60), extension(17, 16), DATAGRAM)))
})

test('IPv6: behind 256 bytes of extension headers the kernel writes the next header to a wrong place', () => {
  const bench = new Bench()
  const pieces = [0, 24].map(start =>
    ipv6(
      { nextHeader: 60 },
      join(
        extension(60, 328),
        extension(44),
        fragmentHeader(17, 5, start, start === 0),
        DATAGRAM.subarray(start, start + 24),
      ),
    ),
  )
  expect(bench.takeAll(pieces)).toEqual(['queued', 'completed'])
  expect(bench.packet.hasTuple).toBe(false)
})

test("the header is the first fragment's: its TTL and options count", () => {
  const bench = new Bench()
  const pieces = [
    piece4(24, 48, false, { ttl: 9 }),
    piece4(0, 24, true, { ttl: 33, options: join('01010100') }),
  ]
  expect(bench.takeAll(pieces)).toEqual(['queued', 'completed'])
  expect(bench.packet).toMatchObject({ ttl: 33, networkLength: 72, transportOffset: 24 })
})

test.each([
  ['identification', { identification: 78 }],
  ['protocol', { protocol: 132 }],
  ['source', { source: '10.0.0.9' }],
  ['destination', { destination: '10.0.0.9' }],
])('IPv4: another %s is another datagram', (_name, options) => {
  const bench = new Bench()
  expect(bench.takeAll([piece4(0, 24), piece4(24, 48, false, options), piece4(24, 48)])).toEqual([
    'queued',
    'queued',
    'completed',
  ])
  expect(bench.defragmenter.waiting).toBe(1)
})

test('IPv6: another identification is another datagram', () => {
  const bench = new Bench()
  expect(bench.takeAll([piece6(0, 24), piece6(24, 48, false, {}, 78), piece6(24, 48)])).toEqual([
    'queued',
    'queued',
    'completed',
  ])
})

test.each(['2001:db8::1', '1::1', '0:1::1', '0:0:1::1', '::1:0:0:1', '::1:0:1', '::1:1', '::2'])(
  'IPv6: another source or destination is another datagram, by whichever word: %s',
  other => {
    for (const which of ['source', 'destination'] as const) {
      const bench = new Bench()
      const ends = { source: '::1', destination: '::1' }
      const pieces = [
        piece6(0, 24, true, ends),
        piece6(24, 48, false, { ...ends, [which]: other }),
        piece6(24, 48, false, ends),
      ]
      expect(bench.takeAll(pieces)).toEqual(['queued', 'queued', 'completed'])
      expect(bench.defragmenter.waiting).toBe(1)
    }
  },
)

test('a piece wholly inside what came is a duplicate; the datagram still completes', () => {
  for (const piece of [piece4, piece6]) {
    const bench = new Bench()
    const pieces = [piece(0, 16), piece(16, 32), piece(0, 16), piece(8, 24), piece(32, 48)]
    expect(bench.takeAll(pieces)).toEqual(['queued', 'queued', 'dropped', 'dropped', 'completed'])
  }
})

test('any other overlap discards the datagram so far', () => {
  for (const piece of [piece4, piece6]) {
    const bench = new Bench()
    expect(bench.takeAll([piece(0, 16), piece(8, 24), piece(16, 48)])).toEqual([
      'queued',
      'dropped',
      'queued',
    ])
    expect(bench.take(piece(0, 16))).toBe('completed')
  }
})

test('pieces that came out of order are not joined: what spans them overlaps', () => {
  const bench = new Bench()
  expect(bench.takeAll([piece4(16, 32), piece4(0, 16), piece4(0, 32)])).toEqual([
    'queued',
    'queued',
    'dropped',
  ])
  expect(bench.defragmenter.waiting).toBe(0)
})

test('two different ends: IPv4 discards the datagram, IPv6 only the fragment', () => {
  const four = new Bench()
  expect(four.takeAll([piece4(32, 48), piece4(48, 64, false), piece4(0, 32)])).toEqual([
    'queued',
    'dropped',
    'queued',
  ])
  expect(four.take(piece4(32, 48))).toBe('completed')
  const six = new Bench()
  expect(six.takeAll([piece6(32, 48), piece6(48, 64, false), piece6(0, 32)])).toEqual([
    'queued',
    'dropped',
    'completed',
  ])
})

test('a middle piece that is no multiple of 8: IPv4 cuts it, IPv6 gives up and passes it on', () => {
  const four = new Bench()
  expect(four.takeAll([piece4(0, 21, true), piece4(16, 48)])).toEqual(['queued', 'completed'])
  expect(four.content().subarray(20)).toEqual(DATAGRAM)
  const six = new Bench()
  expect(six.takeAll([piece6(0, 16), piece6(16, 37, true)])).toEqual(['queued', 'none'])
  expect(six.defragmenter.waiting).toBe(0)
})

test('a piece without data: IPv4 discards the datagram, IPv6 only the fragment', () => {
  const four = new Bench()
  expect(four.takeAll([piece4(0, 24), piece4(24, 24, true), piece4(24, 48)])).toEqual([
    'queued',
    'dropped',
    'queued',
  ])
  const six = new Bench()
  expect(six.takeAll([piece6(0, 24), piece6(24, 24, true), piece6(24, 48)])).toEqual([
    'queued',
    'dropped',
    'completed',
  ])
})

test('IPv6: a first fragment without its whole upper-layer header goes to conntrack as it is', () => {
  for (const [nextHeader, header, needed] of [
    [6, tcp(), 20],
    [17, udp(), 8],
    [58, filler(8), 8],
    [50, filler(8), 1],
  ] as const) {
    for (const length of [0, 8, 16].filter(length => length <= header.length)) {
      const bench = new Bench()
      const first = ipv6(
        { nextHeader: 44 },
        join(fragmentHeader(nextHeader, 1, 0, true), header.subarray(0, length)),
      )
      expect([nextHeader, length, bench.take(first)]).toEqual([
        nextHeader,
        length,
        length < needed ? 'none' : 'queued',
      ])
    }
  }
})

test('IPv6: a packet that ends within the fragment header is dropped, unless its offset can be read', () => {
  const bench = new Bench()
  const fates = Array.from({ length: 8 }, (_, length) =>
    bench.take(ipv6({ nextHeader: 44 }, fragmentHeader(17, 1, 0, true).subarray(0, length))),
  )
  expect(fates).toEqual(['none', 'dropped', 'dropped', 'dropped', 'none', 'none', 'none', 'none'])
})

test('IPv6: an atomic fragment completes at once, but goes through the queue of its id', () => {
  const bench = new Bench()
  expect(bench.take(piece6(0, 48))).toBe('completed')
  expect(bench.content()).toEqual(ipv6({ nextHeader: 17 }, DATAGRAM))
  expect(bench.takeAll([piece6(16, 48, true), piece6(0, 40, false)])).toEqual(['queued', 'dropped'])
})

test('mixing ECN-capable and not ECN-capable fragments discards the datagram', () => {
  const four = new Bench()
  expect(four.takeAll([piece4(0, 24, true, { tos: 2 }), piece4(24, 48, false, { tos: 0 })])).toEqual([
    'queued',
    'dropped',
  ])
  expect(four.takeAll([piece4(0, 24, true, { tos: 2 }), piece4(24, 48, false, { tos: 3 })])).toEqual([
    'queued',
    'completed',
  ])
  const six = new Bench()
  expect(six.takeAll([piece6(0, 24, true, { trafficClass: 1 }), piece6(24, 48)])).toEqual([
    'queued',
    'dropped',
  ])
})

test('a datagram longer than 65535 bytes is discarded', () => {
  const long = (start: number, length: number, more: boolean) =>
    ipv4({ protocol: 17, fragmentOffset: start, moreFragments: more }, new Uint8Array(length))
  const bench = new Bench()
  expect(bench.takeAll([long(0, 32_000, true), long(32_000, 33_528, true)])).toEqual(['queued', 'queued'])
  expect(bench.take(long(65_528, 8, false))).toBe('dropped')
  expect(bench.defragmenter.waiting).toBe(0)
})

test('IPv4: 64 or more fragments of other datagrams of the source in between start reassembly again', () => {
  for (const others of [63, 64]) {
    const bench = new Bench()
    bench.take(piece4(0, 24))
    for (let i = 0; i < others; i++) bench.take(piece4(0, 24, true, { identification: 1000 + i }))
    expect(bench.take(piece4(24, 48))).toBe(others < 64 ? 'completed' : 'queued')
    if (others === 64) expect(bench.take(piece4(0, 24))).toBe('completed')
  }
})

test('fragments of other sources do not count, nor does distance in IPv6 or with ipfrag_max_dist=0', () => {
  const bench = new Bench()
  bench.take(piece4(0, 24))
  for (let i = 0; i < 100; i++) bench.take(piece4(0, 24, true, { identification: i, source: '10.3.3.3' }))
  expect(bench.take(piece4(24, 48))).toBe('completed')
  bench.take(piece6(0, 24))
  for (let i = 100; i < 200; i++) bench.take(piece6(0, 24, true, {}, i))
  expect(bench.take(piece6(24, 48))).toBe('completed')
  const unlimited = new Bench({ ipfrag_max_dist: 0 })
  unlimited.take(piece4(0, 24))
  for (let i = 0; i < 100; i++) unlimited.take(piece4(0, 24, true, { identification: 1000 + i }))
  expect(unlimited.take(piece4(24, 48))).toBe('completed')
})

test('the timeout counts from the first fragment', () => {
  for (const [piece, seconds] of [
    [piece4, 30],
    [piece6, 60],
  ] as const) {
    const bench = new Bench()
    bench.takeAll([piece(0, 16)])
    bench.time = seconds * 1000 - 10
    expect(bench.take(piece(16, 32))).toBe('queued')
    expect(bench.take(piece(32, 48))).toBe('completed')
    bench.take(piece(0, 16))
    bench.time += seconds * 1000
    expect(bench.take(piece(16, 48))).toBe('queued')
    expect(bench.defragmenter.waiting).toBe(1)
  }
})

test('a datagram that was started again waits anew, and holds up no other', () => {
  const bench = new Bench()
  const other = (identification: number) => piece4(0, 24, true, { identification, source: '10.3.3.3' })
  bench.take(piece4(0, 24))
  bench.time = 1000
  for (let i = 0; i < 100; i++) bench.take(piece4(0, 24, true, { identification: 1000 + i }))
  bench.take(other(1))
  bench.time = 20_000
  // too many others of its source have come
  expect(bench.take(piece4(24, 48))).toBe('queued')
  expect(bench.defragmenter.waiting).toBe(102)
  bench.time = 32_000
  bench.take(other(2))
  expect(bench.defragmenter.waiting).toBe(2)
  expect(bench.take(piece4(0, 24))).toBe('completed')
})

test('time that runs backwards expires nothing', () => {
  const bench = new Bench()
  bench.time = 100_000
  bench.take(piece4(0, 24))
  bench.time = 1
  expect(bench.take(piece4(24, 48))).toBe('completed')
})

// with ipfrag_high_thresh = nf_conntrack_frag6_high_thresh = 20400, Linux 6.18 completes a datagram beside so many others
for (const [version, length, most] of [
  [4, 24, 19],
  [6, 24, 20],
  [4, 600, 13],
  [6, 600, 13],
  [4, 1480, 8],
  [6, 1480, 8],
  [4, 5000, 2],
  [6, 5000, 2],
]) {
  const piece = (isLast: boolean, id: number) => {
    const start = isLast ? length : 0
    const data = filler(length + 24).subarray(start, isLast ? length + 24 : length)
    return version === 4
      ? ipv4({ protocol: 17, identification: id, fragmentOffset: start, moreFragments: !isLast }, data)
      : ipv6({ nextHeader: 44 }, join(fragmentHeader(17, id, start, !isLast), data))
  }
  const full = (waiting: number) => {
    const bench = new Bench({ ipfrag_high_thresh: 20_400, nf_conntrack_frag6_high_thresh: 20_400 })
    for (let id = 0; id < waiting; id++) expect(bench.take(piece(false, id))).toBe('queued')
    return bench
  }
  const name = `IPv${version}, pieces of ${length} bytes`

  test(`${name}: while ${most} datagrams wait one of them can be completed, with one more none can`, () => {
    expect(full(most).take(piece(true, 0))).toBe('completed')
    const bench = full(most + 1)
    expect(bench.take(piece(true, 0))).toBe('dropped')
    expect(bench.take(piece(false, 1000))).toBe('dropped')
    expect(bench.defragmenter.waiting).toBe(most + 1)
  })

  test(`${name}: when they expire, all memory is there again`, () => {
    const bench = full(most + 1)
    bench.time = 60_000
    for (let id = 0; id <= most; id++) expect(bench.take(piece(false, 2000 + id))).toBe('queued')
    expect(bench.take(piece(false, 3000))).toBe('dropped')
    expect(bench.defragmenter.waiting).toBe(most + 1)
  })
}

test('memory is given back: datagrams without end complete', () => {
  const bench = new Bench({ ipfrag_high_thresh: 20_000 })
  for (let id = 0; id < 1000; id++) {
    const pieces = [
      piece4(0, 24, true, { identification: id }),
      piece4(24, 48, false, { identification: id }),
    ]
    expect(bench.takeAll(pieces)).toEqual(['queued', 'completed'])
  }
})

test('cut fragments complete by their lengths; what is missing begins at the first cut', () => {
  const bench = new Bench()
  expect(bench.take(piece4(0, 24), 20 + 10)).toBe('queued')
  expect(bench.take(piece4(24, 48), 20 + 4)).toBe('completed')
  expect(bench.packet).toMatchObject({ transportLength: 48, transportCaptured: 10, sourcePort: 4000 })
  expect(bench.take(piece4(0, 24), 20 + 7)).toBe('queued')
  expect(bench.take(piece4(24, 48))).toBe('unreadable')
  expect(bench.packet.fault).toBe(FAULT_TRANSPORT_TRUNCATED)
})

test('a datagram does not show bytes of the one before it', () => {
  const bench = new Bench()
  bench.takeAll([piece4(0, 24), piece4(24, 48)])
  const ones = new Uint8Array(24).fill(0xee)
  const pieces = [
    ipv4({ protocol: 50, identification: 9, moreFragments: true }, ones),
    ipv4({ protocol: 50, identification: 9, fragmentOffset: 24 }, ones),
  ]
  expect(bench.takeAll(pieces)).toEqual(['queued', 'completed'])
  expect(new Set(bench.content().subarray(20))).toEqual(new Set([0xee]))
})
