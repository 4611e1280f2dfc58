// One packet out of all its sightings: copies, translations, retransmissions, order, and what is held meanwhile.
import { describe, expect, it, vi } from 'vitest'
import { Frame } from '../../src/capture/frame.ts'
import { openCaptures } from '../../src/capture/open/open.ts'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { MET, SWITCHED } from '../../src/vantage/record/sighting.ts'
import { SightingWindow } from '../../src/vantage/window.ts'
import { filler } from '../support/frames.ts'
import { frameSeen, release, runWindow, type Sighting, windowOf } from '../support/sighted.ts'

// bounded by its inputs, not by the clock of a busy machine
vi.setConfig({ testTimeout: 60_000 })

const POD = '10.0.0.5:4000>10.9.0.1:80'
const BACKEND = '10.0.0.5:4000>10.0.0.7:8080'
const frames = (sightings: Sighting[]) => release(sightings).map(packet => packet.frames)

/** A packet on its way from a pod over a bridge and out, translated. */
function routed(at: number, more: Partial<Sighting> = {}): Sighting[] {
  return [
    { at, on: 4, type: 3, mac: 5, tuple: POD, ...more },
    { at: at + 2, on: 2, type: 0, mac: 5, tuple: POD, ...more },
    { at: at + 9, on: 3, type: 4, mac: 9, ttl: 63, tuple: BACKEND, ...more },
  ]
}

/** Neighbour discovery, then traceroute: each router's Time Exceeded quotes a probe like the others. */
const ERRORS = 'fixtures/report/icmp-errors-unrelated.pcap'

function copyOf(frame: Frame): Frame {
  const copy = Object.assign(new Frame(), frame)
  copy.bytes = frame.bytes.slice()
  copy.view = new DataView(copy.bytes.buffer)
  return copy
}

describe('sightings of one packet', () => {
  it('are one packet with its translation', () => {
    expect(release(routed(0))).toEqual([
      { frames: [1, 2, 3], tuple: POD, translated: BACKEND, meeting: 0, isLate: false, isDirect: false },
    ])
  })

  it('that all leave are of one destination: resets without numbers look alike', () => {
    const reset = { type: 4, mac: 9, flags: 0x04, sequence: 0 }
    const one: Sighting = { at: 0, on: 2, tuple: '10.9.0.1:80>10.0.0.5:4000', ...reset }
    const other: Sighting = { at: 9, on: 3, tuple: '10.9.0.1:443>10.7.0.5:5000', ...reset }
    expect(frames([one, other])).toEqual([[1], [2]])
    // a source is translated when a packet leaves, and a VRF passes it on to what is below
    expect(frames([one, { ...other, tuple: '10.8.0.1:80>10.0.0.5:4000' }])).toEqual([[1, 2]])
    expect(
      frames([
        { ...one, type: 0 },
        { ...other, ttl: 63 },
      ]),
    ).toEqual([[1, 2]])
  })

  it('come out in the order of their times', () => {
    const [first, second, third] = routed(0)
    expect(frames([third, second, first])).toEqual([[3, 2, 1]])
  })

  it('come out in the order of the first of them', () => {
    const later = routed(5, { id: 2, sequence: 200 })
    expect(frames([...later, ...routed(0)])).toEqual([
      [4, 5, 6],
      [1, 2, 3],
    ])
  })

  it('with another IP ID are a retransmission', () => {
    expect(frames([...routed(0), ...routed(200, { id: 2 })])).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ])
  })

  it('without IP ID are told apart by where they were seen', () => {
    const [a, b, c] = routed(0, { id: 0 })
    const twins = [a, { ...a, at: 1 }, b, { ...b, at: 3 }, c, { ...c, at: 10 }]
    expect(frames(twins)).toEqual([
      [1, 3, 5],
      [2, 4, 6],
    ])
  })

  it('at one place twice, with an IP ID, are a copy of the frame', () => {
    expect(frames([routed(0)[0], { ...routed(0)[0], at: 1 }])).toEqual([[1, 2]])
  })

  it('at one place again after a while was sent again, whatever its IP ID', () => {
    expect(frames([routed(0)[0], { ...routed(0)[0], at: 2000 }])).toEqual([[1], [2]])
  })

  it('too far apart in time are two packets, unless the IP ID says otherwise', () => {
    const [a, , c] = routed(0, { id: 0 })
    expect(frames([a, { ...c, at: 100_000 }])).toEqual([[1], [2]])
    // one point: nothing is held at the start
    const [x, , z] = routed(0, { on: 3 })
    const late = release([x, { ...x, id: 7, at: 200_000 }, { ...z, at: 900_000 }])
    expect(late.map(packet => [packet.frames, packet.isLate])).toEqual([
      [[1], false],
      [[2], false],
      [[1, 3], true],
    ])
    expect(late[2]).toMatchObject({ tuple: POD, translated: BACKEND })
  })
})

describe('one query to two servers', () => {
  const query = { protocol: 'udp', id: 0, payload: filler(40), on: 4, type: 3, mac: 5 } as const

  it('is no translation', () => {
    const packets = release([
      { at: 0, tuple: '10.0.0.5:4000>10.9.0.1:53', ...query },
      { at: 3, tuple: '10.0.0.5:4000>10.9.0.2:53', ...query },
    ])
    expect(packets.map(packet => packet.translated)).toEqual(['', ''])
  })

  it('keeps the two apart at the next point', () => {
    const packets = release([
      { at: 0, tuple: '10.0.0.5:4000>10.9.0.1:53', ...query },
      { at: 1, tuple: '10.0.0.5:4000>10.9.0.2:53', ...query },
      { at: 2, tuple: '10.0.0.5:4000>10.9.0.2:53', ...query, on: 2, type: 0 },
      { at: 3, tuple: '10.0.0.5:4000>10.9.0.1:53', ...query, on: 2, type: 0 },
    ])
    expect(packets.map(packet => packet.frames)).toEqual([
      [1, 4],
      [2, 3],
    ])
  })

  it('is one that was routed on when its TTL is lower, within 5 ms of it', () => {
    const routedAfter = (at: number, micros: number) =>
      release([
        { at, tuple: '10.0.0.5:4000>10.9.0.1:53', ...query },
        { at: at + micros, tuple: '10.0.0.5:4000>10.0.0.7:53', ...query, on: 3, type: 4, mac: 9, ttl: 63 },
      ]).map(packet => packet.translated)
    for (const at of [0, 1e6]) {
      expect(routedAfter(at, 9)).toEqual(['10.0.0.5:4000>10.0.0.7:53'])
      expect(routedAfter(at, 5000)).toEqual(['10.0.0.5:4000>10.0.0.7:53'])
      expect(routedAfter(at, 5001)).toEqual(['', ''])
    }
  })
})

describe('errors of two routers about probes alike', () => {
  it('are no translation', async () => {
    const source = await openCaptures([ERRORS])
    const window = new SightingWindow(source, {
      bridgeCalls: { ipv4: null, ipv6: null },
      keepsPayload: false,
    })
    const all: Frame[] = []
    do for (let frame = source.next(); frame !== null; frame = source.next()) all.push(copyOf(frame))
    while (await source.fill())
    await source.close()
    runWindow(all, window)
    expect([all.length > 20, window.copies, window.translations]).toEqual([true, 0, 0])
  })
})

describe('a hairpin', () => {
  it('is translated as far as the sighting that shows most, not the last one', () => {
    const both = '10.0.0.1:31027>10.0.0.7:8080'
    const half = '10.0.0.7:4000>10.0.0.7:8080'
    const packets = release([
      { at: 0, on: 4, type: 3, mac: 7, tuple: '10.0.0.7:4000>10.9.0.1:80' },
      { at: 3, on: 2, type: 4, mac: 1, tuple: half },
      { at: 6, on: 4, type: 4, mac: 7, tuple: both },
      { at: 9, on: 4, type: 4, mac: 1, ttl: 63, tuple: half },
    ])
    expect(packets).toMatchObject([{ frames: [1, 2, 3, 4], translated: both }])
  })
})

describe('a capture of one point', () => {
  const packet = (n: number): Sighting => ({
    at: n * 10,
    tuple: POD,
    id: 1 + (n % 65_535),
    sequence: n * 100,
  })

  it('is passed on at once after many frames without a copy, all of them in order', () => {
    const window = windowOf()
    const sent = Array.from({ length: 9000 }, (_, n) => frameSeen(packet(n), n + 1))
    const released = runWindow(sent, window)
    expect(released.map(({ frames: [frame] }) => frame)).toEqual(sent.map(({ number }) => number))
    expect(released.filter(({ isDirect }) => isDirect).length).toBeGreaterThan(4000)
    expect(window.copies).toBe(0)
  })

  it('shows copies of what was passed on, with the tuple that was tracked', () => {
    const sent = Array.from({ length: 6000 }, (_, n) => frameSeen(packet(n), n + 1))
    const copy = { ...packet(5999), at: 59_995, ttl: 63, mac: 2, toMac: 7, tuple: BACKEND }
    const released = runWindow([...sent, frameSeen(copy, 6001)], windowOf())
    expect(released.length).toBe(6001)
    expect(released[6000]).toMatchObject({
      frames: [6000, 6001],
      isLate: true,
      tuple: POD,
      translated: BACKEND,
    })
  })

  it('notices the first copy of a new connection, however long there were none', () => {
    const sent = Array.from({ length: 20_000 }, (_, n) => frameSeen(packet(n), n + 1))
    const syn = { ...packet(20_000), flags: 0x02 }
    const copy = { ...syn, at: syn.at + 5, ttl: 63, mac: 2, toMac: 7, tuple: BACKEND }
    const released = runWindow([...sent, frameSeen(syn, 20_001), frameSeen(copy, 20_002)], windowOf())
    expect(released.at(-1)).toMatchObject({ frames: [20_001, 20_002], isLate: true, translated: BACKEND })
  })

  it('notices copies in the middle of a connection before there are many', () => {
    const sent = Array.from({ length: 20_000 }, (_, n) => packet(n))
    for (let n = 20_000; n < 21_000; n++) {
      sent.push(packet(n), { ...packet(n), at: n * 10 + 2, ttl: 63, mac: 2, toMac: 7, tuple: BACKEND })
    }
    const window = windowOf()
    runWindow(
      sent.map((sighting, index) => frameSeen(sighting, index + 1)),
      window,
    )
    expect(window.copies).toBeGreaterThan(950)
  })

  it('waits again when copies come often', () => {
    const sent: Sighting[] = Array.from({ length: 5000 }, (_, n) => packet(n))
    for (let n = 5000; n < 6000; n++) {
      sent.push(packet(n), { ...packet(n), at: n * 10 + 2, ttl: 63, mac: 2, toMac: 7, tuple: BACKEND })
    }
    const window = windowOf()
    const released = runWindow(
      sent.map((sighting, index) => frameSeen(sighting, index + 1)),
      window,
    )
    expect(window.copies).toBe(1000)
    expect(released.filter(({ isLate }) => !isLate).every(({ tuple }) => tuple === POD)).toBe(true)
    expect(released.at(-1)).toMatchObject({ isLate: false, translated: BACKEND })
  })
})

describe('the window', () => {
  it('holds a bounded number of frames and loses none, whatever their stamps', () => {
    const window = windowOf()
    // one frame that is overwritten for the next, as a source does it
    const frame = frameSeen({ at: 0, on: 1, tuple: POD }, 0)
    const sequenceAt = frame.offset + 20 + 20 + 4
    const sent = (function* () {
      for (let n = 0; n < 100_000; n++) {
        frame.view.setInt32(sequenceAt, n)
        frame.time = (n % 7) * 1000 + (n % 1000 === 0 ? 1e15 : 0)
        frame.number = n
        frame.view.setInt32(frame.offset + 4, 1 + (n % 2))
        yield frame
      }
    })()
    const seen = new Set(runWindow(sent, window).flatMap(({ frames: numbers }) => numbers))
    expect(seen.size).toBe(100_000)
  })

  it('names its points', () => {
    const window = windowOf(2)
    runWindow(
      [frameSeen({ at: 0, tuple: POD }, 1), frameSeen({ at: 5, on: 4, capture: 1, tuple: POD }, 2)],
      window,
    )
    expect(window.points.all.map((_, point) => window.points.name(point))).toEqual(['c0', 'c1#4'])
  })
})

describe('a capture of several points', () => {
  /** Numbers of the packets that are out when each of these frames has been taken in. */
  function released(sightings: Sighting[], bridgeCalls: number | null = null): number[][] {
    const window = windowOf(1, bridgeCalls)
    const packet = new Packet()
    return sightings.map((sighting, index) => {
      const frame = frameSeen(sighting, index + 1)
      decode(frame, packet)
      window.add(frame, packet)
      const out: number[] = []
      while (window.next(packet)) out.push(packet.frame)
      return out
    })
  }

  const at = (seconds: number, on: number): Sighting => ({
    at: seconds * 1e6,
    on,
    tuple: `10.0.0.${on}:1000>10.1.0.1:80`,
    id: Math.round(seconds * 100) + 1,
  })

  it('waits no longer when one has told', () => {
    const later = [at(1, 3), at(2, 4), at(3, 3)]
    const [request, , translated] = routed(0)
    expect(released([request, translated, ...later], 1).flat()).toContain(1)
    expect(released([request, ...later], 1).flat()).toEqual([])
  })

  it('waits for ten seconds at its start for a packet that tells about the host', () => {
    const out = released([at(0, 3), at(1, 4), at(9.9, 3), at(10.02, 4), at(10.2, 3), at(10.3, 4)])
    expect(out.slice(0, 4).flat()).toEqual([])
    expect(out.slice(4).flat().slice(0, 3)).toEqual([1, 2, 3])
  })
})

describe('a frame on a host of whose bridges nobody knows', () => {
  it('met conntrack, even after a packet was translated and routed', () => {
    const switched = { tuple: '10.0.0.5:4001>10.0.0.6:80', mac: 5, id: 9 }
    const [request, , translated] = routed(0)
    const packets = release([
      request,
      translated,
      { at: 20, on: 4, type: 3, ...switched },
      { at: 23, on: 6, type: 4, ...switched },
    ])
    expect(packets.map(({ frames, meeting }) => [frames.length, meeting])).toEqual([
      [2, MET],
      [2, MET],
    ])
  })
})

describe('a frame on a host whose bridges do not call iptables', () => {
  const meeting = (...sightings: Partial<Sighting>[]): number => {
    const frame = { tuple: POD, mac: 5, on: 4, type: 3 }
    const frames = sightings.map((more, index) => frameSeen({ ...frame, at: index * 3, ...more }, index + 1))
    return runWindow(frames, windowOf(1, 0))[0].meeting
  }
  const port = { on: 4, type: 3 }

  it('was switched when it came in at a port and went out at another, and nothing of it changed', () => {
    expect(meeting(port, { on: 6, type: 4 })).toBe(SWITCHED)
    expect(meeting(port, { on: 2, type: 3 }, { on: 6, type: 4 })).toBe(SWITCHED)
  })

  it('met conntrack when the bridge took it in, when it went out where it came from, or was routed', () => {
    expect(meeting(port, { on: 2, type: 0 })).toBe(MET)
    expect(meeting(port, { on: 4, type: 4 })).toBe(MET)
    expect(meeting(port, { on: 6, type: 4, ttl: 63 })).toBe(MET)
    expect(meeting(port, { on: 6, type: 4, mac: 7 })).toBe(MET)
    expect(meeting(port)).toBe(MET)
  })

  it('met conntrack when it went to more than one station', () => {
    expect(meeting({ on: 4, type: 1 }, { on: 6, type: 4 })).toBe(MET)
  })
})
