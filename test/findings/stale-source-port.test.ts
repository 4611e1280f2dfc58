// A port that a masqueraded flow had when the host's own socket began to send: beside flows that leave from another port for other reasons.
import { describe, expect, it } from 'vitest'
import { asCookedV2 } from '../support/as-cooked-v2.ts'
import { asIpv6 } from '../support/as-ipv6.ts'
import { Folder } from '../support/capture-builder.ts'
import { type Ends, FlowCapture, findingsIn, turned } from '../support/flow-captures.ts'

// stations: of the LAN, of the host, of its uplink
const INSIDE = 1
const HOST = 2
const OUTSIDE = 3

const OWN = '203.0.113.11'
const LAN = '192.168.1.60'
const PEER = '198.51.100.30'
const OTHER = '198.51.100.31'
const PORT = 41_641

interface Case {
  /** The port that the masqueraded flow has. */
  taken?: number
  /** Whom it goes to. */
  to?: string
  /** How long before the host's own flow. */
  before?: number
  /** The port that the host reaches others from, and whether they answer. */
  used?: number
  isUsedAnswered?: boolean
  isAnswered?: boolean
  packets?: number
  /** Whether the flow is another one of the LAN, masqueraded as well. */
  isForwarded?: boolean
}

class Router extends FlowCapture {
  readonly interfaces: number[] = []

  /** A datagram at an interface: the LAN's 2, the uplink 3. */
  at(on: number, ends: Ends, ttl: number, stations: [number, number], id: number): this {
    this.identification = id
    this.interfaces.push(on)
    return this.dns(ends, id & 0xffff, false, ttl, stations)
  }
}

async function found({
  taken = PORT,
  to = PEER,
  before = 1,
  used = PORT,
  isUsedAnswered = true,
  isAnswered = false,
  packets = 22,
  isForwarded = false,
  change = (bytes: Uint8Array): Uint8Array => bytes,
}: Case & { change?: (bytes: Uint8Array) => Uint8Array } = {}): Promise<string[]> {
  const capture = new Router()
  let id = 1
  const ends = (source: string, sourcePort: number, destination: string): Ends => ({
    source,
    sourcePort,
    destination,
    destinationPort: PORT,
  })
  const forwarded = (port: number, outer: number, peer: string, answers: boolean): void => {
    const number = id++
    capture.at(2, ends(LAN, port, peer), 64, [INSIDE, HOST], number).wait(0.00001)
    capture.at(3, ends(OWN, outer, peer), 63, [HOST, OUTSIDE], number).wait(0.001)
    if (!answers) return
    const answer = id++
    capture.at(3, turned(ends(OWN, outer, peer)), 64, [OUTSIDE, HOST], answer).wait(0.00001)
    capture.at(2, turned(ends(LAN, port, peer)), 63, [HOST, INSIDE], answer).wait(0.001)
  }
  const own = (port: number, peer: string, answers: boolean): void => {
    capture.at(3, ends(OWN, port, peer), 64, [HOST, OUTSIDE], id++).wait(0.001)
    if (answers) capture.at(3, turned(ends(OWN, port, peer)), 64, [OUTSIDE, HOST], id++).wait(0.001)
  }
  forwarded(taken, taken, to, true)
  capture.wait(before)
  for (let i = 0; i < packets; i++) {
    if (isForwarded) forwarded(PORT + 1, 61_376, PEER, false)
    else own(61_376, PEER, isAnswered)
    own(used, OTHER, isUsedAnswered)
    capture.wait(3.3)
  }
  using folder = new Folder()
  const { interfaces } = capture
  const cooked = asCookedV2(capture.bytes(), HOST, frame => interfaces[frame] ?? 3)
  const lines = await findingsIn(folder.write('any.pcap', change(cooked)))
  return lines.filter(line => line.includes('stale-source-mapping'))
}

describe("what the host's own socket sends from another port", () => {
  it('is told where a masqueraded flow had its port to that peer', async () => {
    expect(await found()).toEqual(['error stale-source-mapping possible'])
    expect(await found({ change: asIpv6 })).toEqual(['error stale-source-mapping possible'])
  })

  it.each<[string, Case]>([
    ['the masqueraded flow has another port', { taken: PORT + 7 }],
    ['it goes to another peer', { to: '198.51.100.99' }],
    ['it was over long before', { before: 150 }],
    ['the host reaches others from another port', { used: PORT + 9 }],
    ['others do not answer either', { isUsedAnswered: false }],
    ['the peer answers', { isAnswered: true }],
    ['it was sent a few times', { packets: 4 }],
    ['it is sent for another host', { isForwarded: true }],
  ])('is none where %s', async (_what, options) => {
    expect(await found(options)).toEqual([])
  })

  it('is likely where the entry itself tells its port', async () => {
    const capture = new Router()
    const peer: Ends = { source: OWN, sourcePort: 61_376, destination: PEER, destinationPort: PORT }
    const other: Ends = { ...peer, sourcePort: PORT, destination: OTHER }
    for (let i = 0; i < 22; i++) {
      capture.at(3, peer, 64, [HOST, OUTSIDE], i * 3 + 1).wait(0.001)
      capture.at(3, other, 64, [HOST, OUTSIDE], i * 3 + 2).wait(0.001)
      capture.at(3, turned(other), 64, [OUTSIDE, HOST], i * 3 + 3).wait(3.3)
    }
    const table = `udp 17 58 src=${OWN} dst=${PEER} sport=${PORT} dport=${PORT} [UNREPLIED] src=${PEER} dst=${OWN} sport=${PORT} dport=61376 mark=0 use=1
udp 17 118 src=${OWN} dst=${OTHER} sport=${PORT} dport=${PORT} src=${OTHER} dst=${OWN} sport=${PORT} dport=${PORT} [ASSURED] mark=0 use=1
`
    using folder = new Folder()
    const path = folder.write(
      'any.pcap',
      asCookedV2(capture.bytes(), HOST, () => 3),
    )
    const listing = folder.write('table.txt', Buffer.from(table))
    expect(await findingsIn(path, '--table', listing)).toEqual(['error stale-source-mapping likely'])
    expect(await findingsIn(path)).toEqual([])
  })
})
