// Answers that a client refuses, at the client's place: what they prove, beside sound ones that differ in one thing.
import { describe, expect, it } from 'vitest'
import { asCookedV1 } from '../support/as-cooked-v1.ts'
import { asCookedV2 } from '../support/as-cooked-v2.ts'
import { asIpv6 } from '../support/as-ipv6.ts'
import { Folder } from '../support/capture-builder.ts'
import { type Ends, FlowCapture, findingsIn, findingsOf, turned } from '../support/flow-captures.ts'

const SYN = 0x02
const SYN_ACK = 0x12
const RST = 0x04

// stations on the client's network
const CLIENT = 1
const GATEWAY = 2
const BACKEND = 3

const DNS: Ends = { source: '10.1.0.5', destination: '10.96.0.10', sourcePort: 41000, destinationPort: 53 }
const WEB: Ends = { ...DNS, destinationPort: 80 }
const at = (ends: Ends, destination: string, destinationPort = ends.destinationPort): Ends => ({
  ...ends,
  destination,
  destinationPort,
})

const SAME_BRIDGE = ['error asymmetric-same-bridge-return certain']
const OTHER_WAY = ['error dsr-untranslated-reply certain']
const WRONG_SOURCE = ['error wrong-source-answer certain']

interface Query {
  asked?: string
  answerer?: string
  answererPort?: number
  /** Who sent the answer, and its TTL. */
  station?: number
  ttl?: number
  id?: number
  delay?: number
}

/** A query, an answer from elsewhere, and the refusal. */
function query({
  asked = '10.96.0.10',
  answerer = '10.1.0.7',
  answererPort = 53,
  station = BACKEND,
  ttl = 64,
  id = 7,
  delay = 0.001,
}: Query = {}): FlowCapture {
  const elsewhere = at(DNS, answerer, answererPort)
  return new FlowCapture()
    .dns(at(DNS, asked), 7, false, 64, [CLIENT, GATEWAY])
    .wait(delay)
    .dns(elsewhere, id, true, ttl, [station, CLIENT])
    .unreachable(turned(elsewhere), [CLIENT, station])
}

describe('a datagram that is refused', () => {
  it.each<[string, Query, string[]]>([
    ['answers the query by its id', {}, OTHER_WAY],
    ['answers the query by its id, routed', { station: GATEWAY, ttl: 63 }, OTHER_WAY],
    ['comes from the station that was asked', { station: GATEWAY }, WRONG_SOURCE],
    [
      'comes from it with another id: the same station, the same port',
      { station: GATEWAY, id: 9 },
      WRONG_SOURCE,
    ],
    ['has another id', { id: 9 }, []],
    [
      'comes from another port of the address that was asked',
      { answerer: '10.96.0.10', answererPort: 3000 },
      [],
    ],
    ['comes from the asked station, from another port', { station: GATEWAY, answererPort: 3000, id: 9 }, []],
    ['comes long after', { delay: 6 }, []],
    ['answers what went to a group', { asked: '224.0.0.251' }, ['info multicast-answer certain']],
    [
      'answers what went to a group, whatever its id',
      { asked: '224.0.0.251', id: 9 },
      ['info multicast-answer certain'],
    ],
    ['comes from another port than the group has', { asked: '224.0.0.251', answererPort: 3000, id: 9 }, []],
    ['comes long after a query to a group', { asked: '224.0.0.251', delay: 60 }, []],
    ['answers what went to everybody', { asked: '255.255.255.255' }, ['info multicast-answer certain']],
    ['answers what went to the broadcast address of its network', { asked: '10.1.0.255' }, []],
    [
      'answers what went to the broadcast address of a smaller network',
      { asked: '10.1.0.7', answerer: '10.1.0.6' },
      [],
    ],
  ])('%s', async (_what, options, expected) => {
    expect(await findingsOf([query(options)])).toEqual(expected)
  })

  it('is none of a stranger to the port of a host that asks many', async () => {
    const capture = new FlowCapture()
    for (let i = 1; i < 9; i++) capture.dns(at(DNS, `198.51.100.${i * 2}`, 6881), i, false, 63, [GATEWAY, 9])
    const stranger = at(DNS, '203.0.113.8', 6881)
    capture.dns(stranger, 99, true, 50, [9, GATEWAY]).unreachable(turned(stranger), [GATEWAY, 9])
    expect(await findingsOf([capture])).toEqual([])
  })

  it('tells at the side of the backend by the way of the request and of the refusal', async () => {
    const backend = at(DNS, '10.1.0.7')
    const side = (requester: number, refuser: number, ttl = 64) =>
      new FlowCapture()
        .dns(backend, 7, false, 63, [requester, BACKEND])
        .dns(backend, 7, true, 64, [BACKEND, refuser])
        .unreachable(turned(backend), [refuser, BACKEND], ttl)
    expect(await findingsOf([side(GATEWAY, CLIENT)])).toEqual(OTHER_WAY)
    // a socket that is closed refuses late answers, too
    expect(await findingsOf([side(GATEWAY, GATEWAY, 63)])).toEqual([])
    expect(await findingsOf([side(GATEWAY, CLIENT, 63)])).toEqual([])
  })
})

describe('a datagram that is refused, on any interface of the host that was asked', () => {
  const HOST = GATEWAY

  async function found(capture: FlowCapture, change = (bytes: Uint8Array): Uint8Array => bytes) {
    using folder = new Folder()
    return await findingsIn(folder.write('any.pcap', change(asCookedV2(capture.bytes(), HOST, interfaceOf))))
  }
  let interfaceOf = (_frame: number): number => 2

  it.each<[string, Query, string[]]>([
    [
      'was answered from another address of it',
      { station: HOST, id: 9 },
      ['error wrong-source-answer likely'],
    ],
    ['comes from another port of it', { station: HOST, id: 9, answererPort: 3000 }, []],
    ['was routed, though none saw it come in', { station: HOST, id: 9, ttl: 63 }, []],
    ['comes from another station', { station: BACKEND, id: 9 }, []],
  ])('%s', async (_what, options, expected) => {
    expect(await found(query(options))).toEqual(expected)
    expect(await found(query(options), asIpv6)).toEqual(expected)
    expect(await found(query(options), asCookedV1)).toEqual(expected)
  })

  it('was passed on by it: the answer came in before it left', async () => {
    const elsewhere = at(DNS, '10.2.0.7')
    const capture = new FlowCapture().dns(DNS, 7, false, 64, [CLIENT, HOST]).wait(0.001)
    const { identification } = capture
    capture.dns(elsewhere, 9, true, 64, [BACKEND, HOST]).wait(0.00001)
    capture.identification = identification
    capture.dns(elsewhere, 9, true, 64, [HOST, CLIENT]).unreachable(turned(elsewhere), [CLIENT, HOST])
    interfaceOf = frame => (frame === 1 ? 3 : 2)
    expect(await found(capture)).toEqual([])
    interfaceOf = () => 2
  })
})

interface Opening {
  /** TTL of the request where it is seen first. */
  before?: number
  /** TTL with which the request comes to the backend; none: it was not captured there. */
  behind?: number
  relay?: number
  station?: number
  ttl?: number
  /** The client used the number of its SYN for another server, too. */
  scans?: boolean
  number?: number
}

/** A SYN, an answer from elsewhere, the RST; on the network that client, gateway and backend share. */
function opening({
  before = 64,
  behind = 63,
  relay = GATEWAY,
  station = BACKEND,
  ttl = 64,
  scans = false,
  number = 1000,
}: Opening): FlowCapture {
  const backend = at(WEB, '10.1.0.7', 8080)
  const capture = new FlowCapture()
  if (scans)
    capture.segment(at(WEB, '10.96.0.99'), { flags: SYN, sequence: number, stations: [CLIENT, GATEWAY] })
  const { identification } = capture
  capture
    .segment(WEB, { flags: SYN, sequence: number, ttl: before, stations: [CLIENT, GATEWAY] })
    .wait(0.0001)
  capture.identification = identification
  if (behind > 0)
    capture.segment(backend, { flags: SYN, sequence: number, ttl: behind, stations: [relay, BACKEND] })
  capture.identification = identification + 1
  return capture
    .segment(turned(backend), {
      flags: SYN_ACK,
      sequence: 5000,
      acknowledgment: number + 1,
      ttl,
      stations: [station, CLIENT],
    })
    .segment(backend, { flags: RST, sequence: number + 1, window: 0, stations: [CLIENT, station] })
}

describe('a SYN-ACK that is refused', () => {
  it.each<[string, Opening, string[]]>([
    ['was switched past the one router of the request', {}, SAME_BRIDGE],
    ['was switched past it, and numbers begin with 0', { number: 0 }, SAME_BRIDGE],
    ['comes where the request had passed three routers: another host translated', { behind: 61 }, OTHER_WAY],
    ['comes where another station than the one asked sent the request on', { relay: 9 }, OTHER_WAY],
    ['comes where a router had passed the request on before', { before: 63, behind: 62 }, OTHER_WAY],
    ['was routed', { behind: 0, station: GATEWAY, ttl: 63 }, OTHER_WAY],
    ['comes where nothing tells who translated', { behind: 0 }, OTHER_WAY],
    ['may answer another SYN of a scanner', { behind: 0, scans: true }, []],
  ])('%s', async (_what, options, expected) => {
    expect(await findingsOf([opening(options)])).toEqual(expected)
  })

  it('of a half-open scan is none', async () => {
    const capture = new FlowCapture()
      .segment(WEB, { flags: SYN, sequence: 1000, stations: [CLIENT, GATEWAY] })
      .segment(turned(WEB), {
        flags: SYN_ACK,
        sequence: 5000,
        acknowledgment: 1001,
        stations: [GATEWAY, CLIENT],
      })
      .segment(WEB, { flags: RST, sequence: 1001, window: 0, stations: [CLIENT, GATEWAY] })
    expect(await findingsOf([capture])).toEqual([])
  })
})
