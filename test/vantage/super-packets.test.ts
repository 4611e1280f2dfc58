// What was captured in one piece and goes on in segments: the parts are sightings of it, and nothing else is.
import { describe, expect, it } from 'vitest'
import { be32, filler, join } from '../support/frames.ts'
import { release, type Sighting } from '../support/sighted.ts'

const INSIDE = '10.0.0.5:4000>192.0.2.20:80'
const OUTSIDE = '192.0.2.10:4000>192.0.2.20:80'
const SEGMENT = 1448

/** How it comes in from a pod, and goes out to the network. */
const incoming: Sighting = { at: 0, on: 4, type: 0, mac: 5, tuple: INSIDE, id: 100 }
const outgoing = { on: 3, type: 4, mac: 9, ttl: 63, tuple: OUTSIDE }

const stamps = (value: number) => join(1, 1, 8, 10, be32(value), be32(7))

/** Three segments' payload in one. */
const whole: Sighting = {
  ...incoming,
  sequence: 1000,
  options: stamps(50),
  payload: filler(3 * SEGMENT),
}

/** The segment at `index`. */
function segment(index: number, more: Partial<Sighting> = {}): Sighting {
  return {
    ...whole,
    ...outgoing,
    at: 10 + index,
    id: 100 + index,
    sequence: 1000 + index * SEGMENT,
    payload: filler(SEGMENT),
    ...more,
  }
}

const frames = (sightings: Sighting[]) => release(sightings).map(packet => packet.frames)
const outcomes = (sightings: Sighting[]) =>
  release(sightings).map(({ frames, translated }) => ({ frames, translated }))

describe('segments of a packet that was seen whole', () => {
  it('are sightings of it, and show its translation', () => {
    expect(outcomes([whole, segment(0), segment(1), segment(2)])).toEqual([
      { frames: [1, 2, 3, 4], translated: OUTSIDE },
    ])
  })

  it('are so without a translation, too', () => {
    const routed = { tuple: INSIDE }
    expect(frames([whole, segment(0, routed), segment(1, routed)])).toEqual([[1, 2, 3]])
  })

  it('may come when the next one has been seen', () => {
    const next = { ...whole, at: 1, id: 103, sequence: 1000 + 3 * SEGMENT }
    const all = [whole, next, ...[0, 1, 2, 3, 4, 5].map(index => segment(index))]
    expect(frames(all)).toEqual([[1], [2, 3, 4, 5, 6, 7, 8]])
  })
})

describe('other segments', () => {
  it.each([
    ['sent again from where the whole came', { on: 4, type: 0, mac: 5, ttl: 64, tuple: INSIDE, id: 200 }],
    ['with another timestamp', { options: stamps(51) }],
    ['with another acknowledgment', { acknowledgment: 1 }],
    ['beyond its end', { sequence: 1000 + 3 * SEGMENT - 10 }],
    ['in front of it', { sequence: 999 }],
    ['much later', { at: 60_000 }],
  ])('are packets of their own: %s', (_, more) => {
    expect(frames([whole, segment(1, more)])).toEqual([[1], [2]])
  })

  it('begin and end within the whole, to the byte', () => {
    const [start, end] = [1000, 1000 + 3 * SEGMENT]
    const last = end - SEGMENT
    const from = (sequence: number) => frames([whole, segment(0, { sequence })]).length
    expect([start - 1, start, last, last + 1].map(from)).toEqual([2, 1, 1, 2])
  })

  it('come within 50 ms of it', () => {
    expect([50_000, 50_001].map(at => frames([whole, segment(1, { at })]).length)).toEqual([1, 2])
  })

  it('have the flags of one that can be cut, its window and its echo', () => {
    const echo = join(1, 1, 8, 10, be32(50), be32(8))
    for (const more of [{ flags: 0x14 }, { flags: 0x12 }, { options: echo }, { options: undefined }])
      expect(frames([whole, segment(1, more)])).toEqual([[1], [2]])
    expect(frames([whole, segment(1, { flags: 0x18 })])).toEqual([[1, 2]])
  })

  it('are of what no frame of the usual size has room for: 1461 bytes', () => {
    const cut = (length: number) => {
      const one = { ...whole, payload: filler(length) }
      return frames([one, segment(0, { payload: filler(700) })]).length
    }
    expect([1460, 1461].map(cut)).toEqual([2, 1])
  })

  it('are not looked for where nothing was larger than a frame', () => {
    const small = { ...whole, payload: filler(1400) }
    expect(frames([small, segment(0, { payload: filler(700) })])).toEqual([[1], [2]])
  })
})

describe('datagrams cut out of one that was seen whole', () => {
  const datagram: Sighting = { ...incoming, protocol: 'udp', payload: filler(3000) }
  const part = (index: number, more: Partial<Sighting> = {}): Sighting => ({
    ...datagram,
    ...outgoing,
    at: 10 + index,
    id: 100 + index,
    payload: filler(index === 2 ? 600 : 1200),
    ...more,
  })
  it('are sightings of it, and show its translation', () => {
    expect(outcomes([datagram, part(0), part(1), part(2)])).toEqual([
      { frames: [1, 2, 3, 4], translated: OUTSIDE },
    ])
  })

  it('are so by one end that is the same where there are no IP IDs', () => {
    const without = { id: 0 }
    expect(frames([{ ...datagram, ...without }, part(0, without), part(1, without)])).toEqual([[1, 2, 3]])
  })

  it.each([
    ['of another host', { tuple: '192.0.2.99:9>192.0.2.98:8' }],
    ['with an IP ID far off', { id: 200 }],
    ['with a higher TTL', { ttl: 65 }],
    ['from where the whole came', { on: 4, type: 0, mac: 5, ttl: 64, tuple: INSIDE }],
    ['later', { at: 6000 }],
    ['as long as it', { payload: filler(3000) }],
  ])('are no others: %s', (_, more) => {
    expect(frames([datagram, part(1, more)])).toEqual([[1], [2]])
  })

  it.each([
    ['source address', '10.0.0.5:9>192.0.2.99:9'],
    ['source port', '192.0.2.10:4000>192.0.2.99:9'],
    ['destination address', '192.0.2.10:9>192.0.2.20:9'],
    ['destination port', '192.0.2.10:9>192.0.2.99:80'],
  ])(
    'need no more than its %s with an IP ID that is counted on; without one that is too little',
    (_, tuple) => {
      expect(frames([datagram, part(0, { tuple })])).toEqual([[1, 2]])
      expect(frames([{ ...datagram, id: 0 }, part(0, { tuple, id: 0 })])).toEqual([[1], [2]])
    },
  )

  it('are whole, as it is: fragments are cut by IP', () => {
    const fragment = { moreFragments: true }
    expect(frames([datagram, part(0, fragment)])).toEqual([[1], [2]])
    expect(frames([{ ...datagram, ...fragment }, part(0)])).toEqual([[1], [2]])
  })

  it('have no more payload than it, all together', () => {
    const more = { at: 20, id: 103, payload: filler(900) }
    expect(frames([datagram, part(0), part(1), part(2), part(1, more)])).toEqual([[1, 2, 3, 4], [5]])
  })

  it('are so at each place that shows them', () => {
    const further = (index: number) => part(index, { at: 20 + index, on: 7, mac: 11 })
    const all = [datagram, part(0), part(1), part(2), further(0), further(1), further(2)]
    expect(frames(all)).toEqual([[1, 2, 3, 4, 5, 6, 7]])
  })
})
