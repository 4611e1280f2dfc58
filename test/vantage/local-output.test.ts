// Connections of the host itself to an address of its own that OUTPUT sent elsewhere: the SYN's segment size tells, others' translations whom they were for.
import { describe, expect, it } from 'vitest'
import { be16, join } from '../support/frames.ts'
import { release, type Sighting } from '../support/sighted.ts'

const SYN = 0x02
const SYN_ACK = 0x12
const ACK = 0x10
/** The MTU of a loopback interface less the headers of IPv6, which is the least. */
const LOOPBACK_MSS = 65_475

const mss = (size: number) => join('0204', be16(size))

/** A connection from outside to port 80 of the host, which goes on to port 8080 of a backend. */
const fromOutside: Sighting[] = [
  { at: 0, on: 3, type: 0, tuple: '203.0.113.1:4000>192.0.2.10:80', flags: SYN, id: 7 },
  { at: 5, on: 4, type: 4, mac: 9, ttl: 63, tuple: '203.0.113.1:4000>10.0.0.7:8080', flags: SYN, id: 7 },
]

const fromHost = (more: Partial<Sighting> = {}): Sighting => ({
  at: 100,
  on: 4,
  type: 4,
  mac: 9,
  tuple: '192.0.2.10:5000>10.0.0.7:8080',
  flags: SYN,
  options: mss(LOOPBACK_MSS),
  ...more,
})

/** The ends of the packets behind those from outside, in front of their translation and behind it. */
const ends = (...sightings: Sighting[]) =>
  release([...fromOutside, ...sightings])
    .slice(1)
    .map(({ tuple, translated }) => [tuple, translated])

const RESTORED = ['192.0.2.10:5000>192.0.2.10:80', '192.0.2.10:5000>10.0.0.7:8080']

describe('a connection to an address of the host', () => {
  it('has the port that others were translated from, in its SYN and behind it', () => {
    const next = { options: undefined, flags: ACK, sequence: 101 }
    expect(ends(fromHost(), fromHost({ at: 200, id: 2, ...next }))).toEqual([RESTORED, RESTORED])
  })

  it('has the same however often the SYN is sent', () => {
    expect(ends(fromHost(), fromHost({ at: 200, id: 2 }))).toEqual([RESTORED, RESTORED])
  })

  it('may offer any size that a loopback interface has room for', () => {
    expect(ends(fromHost({ options: mss(65_535) }))).toEqual([RESTORED])
  })
})

describe('nothing is restored of', () => {
  it.each<[string, Partial<Sighting>]>([
    ['a SYN of the size of another interface', { options: mss(LOOPBACK_MSS - 1) }],
    ['a SYN without options', { options: undefined }],
    ['a SYN that begins with another option', { options: join('0101', be16(LOOPBACK_MSS), mss(1460)) }],
    ['an answer', { flags: SYN_ACK }],
    ['a segment without a SYN', { flags: ACK, options: undefined }],
    ['a packet that came in', { type: 0 }],
    ['a datagram', { protocol: 'udp' }],
    ['a connection to another port', { tuple: '192.0.2.10:5000>10.0.0.7:8081' }],
    ['a connection to another backend', { tuple: '192.0.2.10:5000>10.0.0.8:8080' }],
    [
      'a connection from an address that nobody was translated from',
      { tuple: '192.0.2.11:5000>10.0.0.7:8080' },
    ],
  ])('%s', (_, more) => {
    const sighting = fromHost(more)
    expect(ends(sighting)).toEqual([[sighting.tuple, '']])
  })

  it('another connection of the host beside one that was', () => {
    const other = fromHost({
      at: 200,
      id: 2,
      tuple: '192.0.2.10:5001>10.0.0.7:8080',
      flags: ACK,
      options: undefined,
    })
    expect(ends(fromHost(), other)).toEqual([RESTORED, [other.tuple, '']])
  })
})
