// Handshakes that points show in part in front of NAT and in part behind it: joined by the client's acknowledgment alone.
import { describe, expect, it } from 'vitest'
import type { Frame } from '../../src/capture/frame.ts'
import { MET, ONE_SIDED } from '../../src/vantage/record/sighting.ts'
import { frameSeen, type Released, release, runWindow, type Sighting, windowOf } from '../support/sighted.ts'

const SYN = 0x02
const RST = 0x04
const ACK = 0x10
const CLIENT = '10.1.0.5:4000'
const BACKEND = '10.2.0.9:8080'
const SERVICE = '10.9.0.1:80'
const CLIENT_MAC = 5
const BRIDGE_MAC = 1

const request = (at: number, more: Partial<Sighting> = {}): Sighting => ({
  at,
  tuple: `${CLIENT}>${BACKEND}`,
  mac: CLIENT_MAC,
  toMac: BRIDGE_MAC,
  id: at,
  flags: ACK,
  sequence: 101,
  acknowledgment: 501,
  ...more,
})
const answer = (at: number, more: Partial<Sighting> = {}): Sighting => ({
  at,
  tuple: `${SERVICE}>${CLIENT}`,
  mac: BRIDGE_MAC,
  toMac: CLIENT_MAC,
  id: at,
  flags: ACK,
  sequence: 501,
  acknowledgment: 101,
  ...more,
})
const syn = (at: number, more: Partial<Sighting> = {}) =>
  request(at, { flags: SYN, sequence: 100, acknowledgment: 0, ...more })
const synAck = (at: number, more: Partial<Sighting> = {}) =>
  answer(at, { flags: SYN | ACK, sequence: 500, ...more })
const handshake = (at = 0) => [syn(at + 1), synAck(at + 50), request(at + 60)]

/** Packets of others, which let time go by. */
const ticks = (at: number): Sighting[] =>
  [0, 6000, 12_000].map(later => ({ at: at + later, tuple: '10.8.0.1:9>10.8.0.2:9', id: 7 + later }))

const tuples = (packets: readonly Released[]) => packets.map(({ tuple, translated }) => [tuple, translated])
const TRANSLATED_REQUEST = [`${CLIENT}>${SERVICE}`, `${CLIENT}>${BACKEND}`]
const TRANSLATED_ANSWER = [`${BACKEND}>${CLIENT}`, `${SERVICE}>${CLIENT}`]
/** What came out as it was seen. */
const plain = (sightings: readonly Sighting[]) => sightings.map(({ tuple }) => [tuple, ''])

describe('a connection half translated', () => {
  it('is one to the service, answered by the backend', () => {
    const data = [request(100), answer(110), request(120, { flags: ACK | 0x01 })]
    expect(tuples(release([...handshake(), ...data]))).toEqual([
      TRANSLATED_REQUEST,
      TRANSLATED_ANSWER,
      TRANSLATED_REQUEST,
      TRANSLATED_REQUEST,
      TRANSLATED_ANSWER,
      TRANSLATED_REQUEST,
    ])
  })

  it('is one with its SYN sent again, and its answer too', () => {
    const packets = release([syn(1), syn(20), synAck(50), synAck(55), request(60)])
    expect(tuples(packets)).toEqual([
      TRANSLATED_REQUEST,
      TRANSLATED_REQUEST,
      TRANSLATED_ANSWER,
      TRANSLATED_ANSWER,
      TRANSLATED_REQUEST,
    ])
  })

  it('keeps the name of its entry where the SYN was tracked long before the answer', () => {
    const packets = release([
      syn(1),
      ...ticks(100_000),
      syn(1_000_000),
      synAck(1_000_050),
      request(1_000_060),
      answer(1_000_070),
    ])
    const asSeen = [`${CLIENT}>${BACKEND}`, '']
    expect(tuples(packets).filter(([tuple]) => !tuple.startsWith('10.8.'))).toEqual([
      asSeen,
      asSeen,
      TRANSLATED_ANSWER,
      asSeen,
      TRANSLATED_ANSWER,
    ])
  })

  it('lets answers through that came untranslated, and the RST that meets them', () => {
    const bare = answer(100, { tuple: `${BACKEND}>${CLIENT}`, sequence: 90_000 })
    const reset = request(110, { flags: RST, sequence: 101, acknowledgment: 0, id: 0 })
    const packets = release([...handshake(), bare, reset, request(120)])
    expect(tuples(packets).slice(3)).toEqual([...plain([bare, reset]), TRANSLATED_REQUEST])
  })

  it('waits for the acknowledgment as long as a round trip takes', () => {
    const packets = release([syn(1), synAck(50), ...ticks(100_000), request(200_000), answer(200_010)])
    const own = packets.filter(({ tuple }) => !tuple.startsWith('10.8.'))
    const asSeen = [`${CLIENT}>${BACKEND}`, '']
    expect(tuples(own)).toEqual([asSeen, TRANSLATED_ANSWER, asSeen, TRANSLATED_ANSWER])
  })

  it('is one where its request is seen on both sides of the translation, its answer behind it', () => {
    const before = syn(1, { tuple: `${CLIENT}>${SERVICE}` })
    const packets = release([before, syn(2, { id: 1, mac: BRIDGE_MAC, ttl: 63 }), synAck(50), request(60)])
    expect(tuples(packets)).toEqual([TRANSLATED_REQUEST, TRANSLATED_ANSWER, TRANSLATED_REQUEST])
  })

  it('is one where its answer is seen on both sides of the translation, its request in front of it', () => {
    const toService = { tuple: `${CLIENT}>${SERVICE}` }
    const packets = release([
      syn(1, toService),
      synAck(50, { tuple: `${BACKEND}>${CLIENT}` }),
      synAck(51, { id: 50, ttl: 63 }),
      request(60, toService),
    ])
    expect(tuples(packets)).toEqual([TRANSLATED_REQUEST, TRANSLATED_ANSWER, TRANSLATED_REQUEST])
  })

  it('ends with another one from the same port', () => {
    const second = [
      syn(200_000, { sequence: 7000 }),
      answer(200_010, {
        tuple: `${BACKEND}>${CLIENT}`,
        flags: SYN | ACK,
        sequence: 9000,
        acknowledgment: 7001,
      }),
      request(200_020, { sequence: 7001, acknowledgment: 9001 }),
    ]
    const packets = release([...handshake(), ...second])
    expect(tuples(packets).slice(3)).toEqual(plain(second))
  })
})

describe('nothing is joined', () => {
  const same = (sightings: Sighting[]) => expect(tuples(release(sightings))).toEqual(plain(sightings))

  it('where the client resets what a stranger answered', () => {
    same([
      syn(1, { tuple: `${CLIENT}>${SERVICE}` }),
      synAck(50, { tuple: `${BACKEND}>${CLIENT}` }),
      request(60, { flags: RST, acknowledgment: 0, id: 0 }),
      syn(70, { tuple: `${CLIENT}>${SERVICE}` }),
    ])
  })

  it('without the acknowledgment of the client', () => {
    same([syn(1), synAck(50), answer(60), answer(70)])
    same([syn(1), synAck(50), request(60, { acknowledgment: 777 })])
    same([syn(1), synAck(50), request(60, { sequence: 900 })])
    same([syn(1), synAck(50), request(60, { tuple: `${CLIENT}>${SERVICE}` })])
  })

  it('where the answer acknowledges something else, or other stations talk', () => {
    same([syn(1), synAck(50, { acknowledgment: 4711 }), request(60)])
    same([syn(1), synAck(50, { mac: 77 }), request(60)])
    same([syn(1), synAck(50, { toMac: 77 }), request(60)])
  })

  it('where the acknowledgment comes after the answer was tracked: what is left of the connection is one-sided', () => {
    const late = [request(800_000), answer(800_010)]
    const sightings = [syn(1), synAck(50), ...ticks(600_000), ...late]
    same(sightings)
    const meetings = release(sightings).filter(({ tuple }) => !tuple.startsWith('10.8.'))
    expect(meetings.map(({ meeting }) => meeting)).toEqual([MET, ONE_SIDED, ONE_SIDED, ONE_SIDED])
  })

  it('over UDP', () => {
    same([request(1, { protocol: 'udp' }), answer(50, { protocol: 'udp' }), request(60, { protocol: 'udp' })])
  })
})

/** Enough plain segments for packets to wait no longer. */
function* quiet(from: number, count = 6000): Generator<Frame> {
  for (let i = 0; i < count; i++) {
    const tuple = '10.7.0.1:1000>10.7.0.2:2000'
    yield frameSeen({ at: from + i * 10, tuple, id: (i % 65_000) + 1, sequence: i * 100 }, i + 1)
  }
}

/** Frames of sightings, numbered so that they can be told from `quiet`. */
const numbered = (sightings: Sighting[]) => sightings.map((sighting, i) => frameSeen(sighting, 100_001 + i))
const ofNumbered = (packets: readonly Released[]) => packets.filter(({ frames }) => frames[0] > 100_000)

describe('during a calm', () => {
  it('plain segments go on as they come, and so do handshakes', () => {
    const direct = [
      syn(70_000),
      synAck(70_050, { tuple: `${BACKEND}>${CLIENT}` }),
      request(70_060),
      answer(70_070, { tuple: `${BACKEND}>${CLIENT}` }),
    ]
    const packets = ofNumbered(runWindow([...quiet(0), ...numbered(direct)], windowOf()))
    expect(packets.map(({ isDirect }) => isDirect)).toEqual([true, true, true, true])
    expect(tuples(packets)).toEqual(plain(direct))
  })

  it('an answer from elsewhere ends it; answers join the entry that the SYN has made', () => {
    const packets = ofNumbered(
      runWindow([...quiet(0), ...numbered([...handshake(70_000), answer(70_100)])], windowOf()),
    )
    expect(packets.map(({ isDirect }) => isDirect)).toEqual([true, false, false, false])
    const asSeen = [`${CLIENT}>${BACKEND}`, '']
    expect(tuples(packets)).toEqual([asSeen, TRANSLATED_ANSWER, asSeen, TRANSLATED_ANSWER])
  })

  it('comes again when no client took such an answer', () => {
    const refused = [syn(70_000), synAck(70_050), request(70_060, { flags: RST, acknowledgment: 0, id: 0 })]
    const after = runWindow([...quiet(0), ...numbered(refused), ...quiet(70_100)], windowOf())
    expect(after.at(-1)?.isDirect).toBe(true)
  })

  it('comes again after such an answer of which no client says anything', () => {
    const frames = [...quiet(0), ...numbered([syn(70_000), synAck(70_050)]), ...quiet(70_100)]
    const packets = runWindow(frames, windowOf())
    expect(packets[6100].isDirect).toBe(false)
    expect(packets.at(-1)?.isDirect).toBe(true)
  })
})

describe('a flood', () => {
  it('of SYNs and forged answers joins nothing, and drives out no connection that is joined', () => {
    const flood: Sighting[] = []
    for (let i = 0; i < 20_000; i++) {
      const from = `10.3.${i >> 8}.${i & 255}:${1024 + i}`
      flood.push(syn(100 + i * 2, { tuple: `${from}>${BACKEND}`, id: (i % 65_000) + 1, sequence: i }))
      flood.push(
        synAck(101 + i * 2, { tuple: `${SERVICE}>${from}`, id: 0, sequence: i, acknowledgment: i + 1 }),
      )
    }
    const packets = release([...handshake(), ...flood, request(50_000), answer(50_010)])
    const translated = packets.filter(packet => packet.translated !== '')
    expect(tuples(translated)).toEqual([
      TRANSLATED_REQUEST,
      TRANSLATED_ANSWER,
      TRANSLATED_REQUEST,
      TRANSLATED_REQUEST,
      TRANSLATED_ANSWER,
    ])
  })
})
