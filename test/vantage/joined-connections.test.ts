// What packets of joined connections were in front of the translation, and how many such connections are kept.
import { describe, expect, it } from 'vitest'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { isSameTuple, TUPLE_WORDS, writeInverse, writeTuple } from '../../src/vantage/record/seen-tuple.ts'
import {
  ANSWER,
  JoinedConnections,
  NOT_JOINED,
  ONE_SIDED_PACKET,
  REQUEST,
  RESTORED_ANSWER,
  RESTORED_REQUEST,
} from '../../src/vantage/restore/joined-connections.ts'
import { ethernet, frameOf, ipv4, ipv6, type TcpOptions, tcp } from '../support/frames.ts'

const SYN = 0x02
const RST = 0x04
const ACK = 0x10
const PLACE = 8

interface Ends {
  client: string
  service: string
  backend: string
}
const WIDE: Ends = { client: '2001:db8:1::5', service: '2001:db8:9::1', backend: '2001:db8:2::9' }
const ENDS: Ends = { client: '10.0.0.5', service: '10.9.0.1', backend: '10.0.0.7' }

function packetOf(source: string, destination: string, options: TcpOptions): Packet {
  const segment = tcp({ flags: ACK, ...options })
  const packet = new Packet()
  const header = { source, destination, protocol: 6, nextHeader: 6 }
  const isWide = source.includes(':')
  const bytes = isWide ? ipv6(header, segment) : ipv4(header, segment)
  if (!decode(frameOf(ethernet(bytes, { type: isWide ? 0x86dd : 0x800 })), packet))
    throw new Error('no packet')
  return packet
}

const request = ({ client, service }: Ends, more: TcpOptions = {}) =>
  packetOf(client, service, { sourcePort: 4000, destinationPort: 80, ...more })
const passedOn = ({ client, backend }: Ends, more: TcpOptions = {}) =>
  packetOf(client, backend, { sourcePort: 4000, destinationPort: 8080, ...more })
const bare = ({ client, backend }: Ends, more: TcpOptions = {}) =>
  packetOf(backend, client, { sourcePort: 8080, destinationPort: 4000, ...more })
const answer = ({ client, service }: Ends, more: TcpOptions = {}) =>
  packetOf(service, client, { sourcePort: 80, destinationPort: 4000, ...more })

function wordsOf(packet: Packet): Int32Array {
  const words = new Int32Array(TUPLE_WORDS)
  writeTuple(words, 0, packet)
  return words
}

/** Puts a connection in of which one place shows requests passed on and answers translated back; returns its record. */
function put(connections: JoinedConnections, ends: Ends, sequence = 100, isOneSided = false): number {
  const words = Int32Array.from([...wordsOf(request(ends)), ...wordsOf(bare(ends))])
  const record = connections.put(-1, words, 0, TUPLE_WORDS, sequence, isOneSided)
  connections.addView(record, REQUEST, PLACE, wordsOf(passedOn(ends)), 0)
  connections.addBareAnswer(record, PLACE)
  connections.addView(record, ANSWER, PLACE, wordsOf(answer(ends)), 0)
  return record
}

/** What becomes of a packet: the verdict, and its tuple before and behind if it is restored. */
function restored(connections: JoinedConnections, packet: Packet, place = PLACE) {
  const behind = new Int32Array(TUPLE_WORDS)
  const view = connections.find(packet, place)
  if (view < 0) return null
  connections.noteBare(view, packet)
  return { verdict: connections.restore(view, packet, behind), words: wordsOf(packet), behind }
}

function expectTuples(result: ReturnType<typeof restored>, before: Packet, behind: Packet): void {
  expect(result?.words).toEqual(wordsOf(before))
  expect(result?.behind).toEqual(wordsOf(behind))
}

describe.each([ENDS, WIDE])('joined connections of $client', ends => {
  it('have their tuples in front of the first hook restored, and behind the last', () => {
    const connections = new JoinedConnections()
    put(connections, ends)
    const there = restored(connections, passedOn(ends))
    expect(there?.verdict).toBe(RESTORED_REQUEST)
    expectTuples(there, request(ends), passedOn(ends))
    const back = restored(connections, answer(ends))
    expect(back?.verdict).toBe(RESTORED_ANSWER)
    expectTuples(back, bare(ends), answer(ends))
  })

  it('are none of packets that are seen elsewhere, or have other ends', () => {
    const connections = new JoinedConnections()
    put(connections, ends)
    expect(restored(connections, passedOn(ends), PLACE + 4)).toBeNull()
    expect(restored(connections, passedOn(ends, { sourcePort: 4001 }))).toBeNull()
    expect(restored(connections, passedOn(ends, { destinationPort: 8081 }))).toBeNull()
    expect(restored(connections, request(ends))).toBeNull()
  })
})

describe('joined connections', () => {
  it('compare all four words of an address', () => {
    const connections = new JoinedConnections()
    put(connections, WIDE)
    expect(restored(connections, passedOn({ ...WIDE, client: '2001:db8:1::1:5' }))).toBeNull()
    expect(restored(connections, answer({ ...WIDE, service: '2001:db8:9:1::1' }))).toBeNull()
  })

  it('know their own handshake by its numbers; with another SYN they end', () => {
    const connections = new JoinedConnections()
    put(connections, ENDS, 100)
    const verdict = (packet: Packet) => restored(connections, packet)?.verdict
    expect(verdict(passedOn(ENDS, { flags: SYN, sequence: 100 }))).toBe(RESTORED_REQUEST)
    expect(verdict(answer(ENDS, { flags: SYN | ACK, acknowledgment: 101 }))).toBe(RESTORED_ANSWER)
    expect(verdict(answer(ENDS, { flags: SYN | ACK, acknowledgment: 777 }))).toBe(NOT_JOINED)
    expect(verdict(passedOn(ENDS, { flags: SYN, sequence: 101 }))).toBe(NOT_JOINED)
    expect(verdict(passedOn(ENDS))).toBeUndefined()
  })

  it('let answers through that came untranslated, and the RST that meets them', () => {
    const connections = new JoinedConnections()
    put(connections, ENDS)
    const reset = passedOn(ENDS, { flags: RST, sequence: 900 })
    expect(restored(connections, reset)?.verdict).toBe(RESTORED_REQUEST)
    expect(restored(connections, bare(ENDS, { acknowledgment: 900 }))?.verdict).toBe(NOT_JOINED)
    expect(restored(connections, passedOn(ENDS, { flags: RST, sequence: 901 }))?.verdict).toBe(
      RESTORED_REQUEST,
    )
    expect(restored(connections, passedOn(ENDS, { flags: RST, sequence: 900 }))?.verdict).toBe(NOT_JOINED)
  })

  it('say of a one-sided connection that it is one', () => {
    const connections = new JoinedConnections()
    put(connections, ENDS, 100, true)
    expect(restored(connections, passedOn(ENDS))?.verdict).toBe(ONE_SIDED_PACKET)
    expect(restored(connections, answer(ENDS))?.verdict).toBe(ONE_SIDED_PACKET)
    expect([connections.count, connections.joined]).toEqual([1, 0])
  })

  it('take more in, and are told apart by direction and by connection', () => {
    const connections = new JoinedConnections()
    const first = put(connections, ENDS)
    expect(connections.holds(first, 100)).toBe(true)
    expect(connections.holds(first, 101)).toBe(false)
    const words = Int32Array.from([...wordsOf(request(ENDS)), ...wordsOf(bare(ENDS))])
    expect(connections.put(first, words, 0, TUPLE_WORDS, 100, false)).toBe(first)
    expect(connections.count).toBe(1)
    put(connections, { ...ENDS, client: '10.0.0.6' })
    const views = [passedOn(ENDS), answer(ENDS), passedOn({ ...ENDS, client: '10.0.0.6' })].map(packet =>
      connections.find(packet, PLACE),
    )
    expect(connections.isSameWay(views[0], views[0])).toBe(true)
    expect(connections.isSameWay(views[0], views[1])).toBe(false)
    expect(connections.isSameWay(views[0], views[2])).toBe(false)
    expect([connections.changes(views[0], false), connections.changes(views[0], true)]).toEqual([false, true])
    expect([connections.changes(views[1], false), connections.changes(views[1], true)]).toEqual([true, false])
  })

  it('are 8,192 at most: the oldest goes, and none takes up the views of another', () => {
    const connections = new JoinedConnections()
    const endsOf = (i: number): Ends => ({ ...ENDS, client: `10.1.${i >> 8}.${i & 255}` })
    for (let i = 0; i <= 8192; i++) put(connections, endsOf(i))
    expect(restored(connections, passedOn(endsOf(0)))).toBeNull()
    expect(restored(connections, passedOn(endsOf(8192)))?.verdict).toBe(RESTORED_REQUEST)
  })
})

it('the inverse of an inverse is the tuple', () => {
  const [tuple, inverse, again] = [wordsOf(request(WIDE)), new Int32Array(9), new Int32Array(9)]
  writeInverse(inverse, 0, tuple, 0)
  writeInverse(again, 0, inverse, 0)
  expect(isSameTuple(again, 0, tuple, 0)).toBe(true)
  expect(isSameTuple(inverse, 0, tuple, 0)).toBe(false)
})
