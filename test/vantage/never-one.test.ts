// Two different connections are never one, whatever of their addresses, ports, sequence numbers and IP IDs is equal.
import { describe, expect, it } from 'vitest'
import { release, type Sighting } from '../support/sighted.ts'

const SYN = 0x02
const ACK = 0x10
const FIN = 0x01

/** What two connections may have in common, a bit each. */
const COMMON = [
  'client',
  'client port',
  'server',
  'server port',
  'sequence',
  'answer',
  'IP ID',
  'moment',
] as const
const COMBINATIONS = 1 << COMMON.length

interface Connection {
  client: string
  server: string
  sequence: number
  answer: number
  id: number
  at: number
  mac: number
  serverMac: number
}

function first(): Connection {
  return {
    client: '10.0.0.5:4000',
    server: '10.0.1.9:80',
    sequence: 1000,
    answer: 9000,
    id: 77,
    at: 0,
    mac: 5,
    serverMac: 1,
  }
}

function second(common: number): Connection {
  const has = (what: (typeof COMMON)[number]): boolean => (common & (1 << COMMON.indexOf(what))) !== 0
  const client = `${has('client') ? '10.0.0.5' : '10.0.0.6'}:${has('client port') ? 4000 : 4001}`
  const server = `${has('server') ? '10.0.1.9' : '10.0.1.8'}:${has('server port') ? 80 : 8080}`
  return {
    client,
    server,
    sequence: has('sequence') ? 1000 : 5000,
    answer: has('answer') ? 9000 : 7000,
    id: has('IP ID') ? 77 : 700,
    at: has('moment') ? 3 : 4000,
    mac: has('client') ? 5 : 6,
    serverMac: 1,
  }
}

/** A short conversation, as the one interface between client and server shows it. */
function packetsOf({ client, server, sequence, answer, id, at, mac, serverMac }: Connection): Sighting[] {
  const there = { tuple: `${client}>${server}`, mac, toMac: serverMac }
  const back = { tuple: `${server}>${client}`, mac: serverMac, toMac: mac }
  const [next, answered] = [sequence + 1, answer + 1]
  return [
    { ...there, at, id, flags: SYN, sequence },
    { ...back, at: at + 100, id: 0, flags: SYN | ACK, sequence: answer, acknowledgment: next },
    { ...there, at: at + 200, id: id + 1, flags: ACK, sequence: next, acknowledgment: answered },
    { ...back, at: at + 300, id: id + 1, flags: ACK, sequence: answered, acknowledgment: next },
    { ...there, at: at + 400, id: id + 2, flags: ACK | FIN, sequence: next, acknowledgment: answered },
  ]
}

const named = (common: number): string =>
  COMMON.filter((_, bit) => (common & (1 << bit)) !== 0).join(', ') || 'nothing'

/** Those that are not one connection by all that names it. */
const different = Array.from({ length: COMBINATIONS }, (_, common) => common).filter(
  common => (common & 0b1111) !== 0b1111,
)

describe('two connections at one point that have in common', () => {
  it.each(different.map(common => [named(common), common] as const))('%s are two', (_, common) => {
    const sightings = [...packetsOf(first()), ...packetsOf(second(common))].toSorted((a, b) => a.at - b.at)
    const packets = release(sightings)
    expect(packets.map(({ tuple, translated, frames }) => [tuple, translated, frames.length])).toEqual(
      sightings.map(({ tuple }) => [tuple, '', 1]),
    )
    expect(new Set(packets.map(({ meeting }) => meeting))).toEqual(new Set([0]))
  })
})

describe('packets at one point with equal TTL, IP ID and numbers', () => {
  const segment = { sequence: 1000, acknowledgment: 500, id: 9 }

  it('of two clients are two', () => {
    const packets = release([
      { at: 0, tuple: '10.0.1.22:49800>198.51.100.1:80', mac: 22, toMac: 1, ...segment },
      { at: 5, tuple: '10.0.1.23:49800>198.51.100.1:80', mac: 23, toMac: 1, ...segment },
    ])
    expect(packets.map(({ translated }) => translated)).toEqual(['', ''])
  })

  it('of two directions are two', () => {
    const packets = release([
      { at: 0, tuple: '10.0.1.1:3784>10.0.1.3:3784', mac: 1, toMac: 3, id: 9, protocol: 'udp' },
      { at: 5, tuple: '10.0.1.3:3784>10.0.1.1:3784', mac: 3, toMac: 1, id: 9, protocol: 'udp' },
    ])
    expect(packets.map(({ translated }) => translated)).toEqual(['', ''])
  })

  it('routed on to another station, with a lower TTL, are one that was translated', () => {
    const [packet] = release([
      { at: 0, tuple: '10.0.1.22:49800>10.9.0.1:80', mac: 22, toMac: 1, ...segment },
      { at: 5, tuple: '10.0.1.22:49800>10.0.1.7:8080', mac: 1, toMac: 7, ttl: 63, ...segment },
    ])
    expect(packet.translated).toBe('10.0.1.22:49800>10.0.1.7:8080')
  })

  it('that came back from the station they were sent to are two connections', () => {
    const packets = release(
      [
        { at: 0, capture: 0, tuple: '10.0.1.22:49800>10.9.0.1:30080', mac: 22, toMac: 1, ...segment },
        {
          at: 5,
          capture: 1,
          tuple: '10.0.1.22:49800>10.9.0.1:30080',
          mac: 11,
          toMac: 12,
          ttl: 63,
          ...segment,
        },
        {
          at: 9,
          capture: 1,
          tuple: '10.0.1.22:49800>10.0.1.7:8080',
          mac: 12,
          toMac: 11,
          ttl: 62,
          ...segment,
        },
      ],
      2,
    )
    expect(packets.map(({ tuple, translated }) => [tuple, translated])).toEqual([
      ['10.0.1.22:49800>10.9.0.1:30080', ''],
      ['10.0.1.22:49800>10.0.1.7:8080', ''],
    ])
  })
})

it('an acknowledgment stamped too early comes behind what it acknowledges', () => {
  const packets = release([
    { at: 0, tuple: '10.0.0.5:4000>10.0.1.9:80', id: 1, flags: ACK },
    {
      at: 106,
      tuple: '10.0.1.9:80>10.0.0.5:4000',
      id: 2,
      flags: ACK | FIN,
      sequence: 500,
      acknowledgment: 100,
    },
    { at: 100, tuple: '10.0.0.5:4000>10.0.1.9:80', id: 3, flags: ACK, sequence: 100, acknowledgment: 501 },
  ])
  expect(packets.map(({ frames }) => frames[0])).toEqual([1, 2, 3])
})
