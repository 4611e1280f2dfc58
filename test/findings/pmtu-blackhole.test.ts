// Errors that tell of a smaller MTU: which senders do not heed them, and what only looks like that.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Report } from '../../src/report/analyze/model.ts'
import { asIpv6 } from '../support/as-ipv6.ts'
import { Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import { type Ends, FlowCapture, findingsIn, findingsOf, turned } from '../support/flow-captures.ts'
import { be16, icmp, ipv4, join as joined, tcp, udp } from '../support/frames.ts'
import { changeFrames, pcapRecords, viewOf } from '../support/pcap-records.ts'

const FIXTURES = 'fixtures/flow-findings'
const fixture = (name: string): string => join(FIXTURES, name)
const GIVEN = [
  '--rules',
  fixture('pmtu-blackhole.rules.txt'),
  '--topology',
  fixture('pmtu-blackhole.addr.json'),
  '--topology',
  fixture('pmtu-blackhole.route.json'),
]

const WEB: Ends = {
  source: '10.1.0.5',
  destination: '198.51.100.7',
  sourcePort: 41_000,
  destinationPort: 443,
}
const ROUTER = '203.0.113.1'
const ACK = 0x10

async function reportOf(file: string, ...args: string[]): Promise<Report> {
  return JSON.parse((await runCli([file, '--json', ...args])).stdout)
}

async function foundIn(bytes: Uint8Array): Promise<string[]> {
  using folder = new Folder()
  return await findingsIn(folder.write('capture.pcap', bytes))
}

/** An error of a router about a packet to the server of `ends`, which is `length` bytes long. */
function tooBig(capture: FlowCapture, ends: Ends, mtu: number, transport: Uint8Array, length: number): void {
  const protocol = transport.length === 8 ? 17 : 6
  const packet = ipv4({ ...ends, protocol, totalLength: length }, transport)
  const message = icmp(3, 4, joined(be16(0), be16(mtu), packet.subarray(0, 28)))
  capture.packet({ source: ROUTER, destination: ends.source, protocol: 1 }, message)
}

describe('the errors', () => {
  it.each([
    ['pmtu-blackhole.any.pcap', 'likely', 'did not leave'],
    ['pmtu-blackhole.outside.pcap', 'possible', 'came by here'],
    ['pmtu-blackhole.sender.any.pcap', 'likely', 'went on toward the sender'],
  ])('of %s are told: %s', async (file, confidence, reason) => {
    const { findings } = await reportOf(fixture(file))
    expect(findings.map(({ id, severity }) => `${severity} ${id}`)).toEqual(['error pmtu-blackhole'])
    expect(findings[0]).toMatchObject({ confidence, reason: expect.stringContaining(reason) })
  })

  it('are dropped by a rule that was given, which makes it certain', async () => {
    const { findings } = await reportOf(fixture('pmtu-blackhole.any.pcap'), ...GIVEN)
    expect(findings).toHaveLength(1)
    expect(findings[0]).toMatchObject({ id: 'pmtu-blackhole', confidence: 'certain' })
    expect(findings[0]?.cause).toContain('-A FORWARD -p icmp -j DROP')
  })

  it('are heeded where path MTU discovery works', async () => {
    expect(await findingsIn(fixture('path-mtu-discovery.any.pcap'))).toEqual([])
  })

  it('are found over IPv6, whose header is longer', async () => {
    expect(await foundIn(asIpv6(readFileSync(fixture('pmtu-blackhole.any.pcap'))))).toEqual([
      'error pmtu-blackhole likely',
    ])
    expect(await foundIn(asIpv6(readFileSync(fixture('path-mtu-discovery.any.pcap'))))).toEqual([])
  })

  it('need not tell an MTU: old routers do not', async () => {
    const silent = changeFrames(readFileSync(fixture('pmtu-blackhole.any.pcap')), frame => {
      const copy = Uint8Array.from(frame)
      // cooked v2: the IP header begins at 20
      if (copy[29] === 1 && copy[40] === 3) viewOf(copy).setUint16(46, 0)
      return copy
    })
    expect(await foundIn(silent)).toEqual(['error pmtu-blackhole likely'])
  })
})

describe('nothing is told', () => {
  it('of a capture that ends before the sender has sent as large a segment twice', async () => {
    const { header, records } = pcapRecords(readFileSync(fixture('pmtu-blackhole.any.pcap')))
    const isAgain = (length: number): Promise<string[]> =>
      foundIn(Buffer.concat([header, ...records.slice(0, length)]))
    const found = await Promise.all(records.map((_, i) => isAgain(i)))
    const first = found.findIndex(ids => ids.length > 0)
    expect(first).toBeGreaterThan(40)
    // once it is told it stays so
    expect(found.slice(first).every(([id]) => id?.includes('pmtu-blackhole'))).toBe(true)
  })

  it('of segments that are acknowledged after all: the sender was captured before they were cut', async () => {
    const capture = new FlowCapture().exchange(WEB)
    const large = { flags: ACK, sequence: 1011, acknowledgment: 5011, payload: 2800 }
    capture.segment(WEB, large)
    tooBig(capture, WEB, 1400, tcp({ ...WEB, sequence: 1011, flags: ACK }), 2840)
    capture.wait(0.2).segment(WEB, large).wait(0.2).segment(WEB, large)
    capture.segment(turned(WEB), { flags: ACK, sequence: 5011, acknowledgment: 3811 })
    expect(await findingsOf([capture])).toEqual([])
  })

  it('of datagrams that probe for the MTU and are answered', async () => {
    const capture = new FlowCapture()
    const answer = () => capture.udp(turned(WEB), 1200)
    capture.udp(WEB, 1200)
    answer()
    for (const length of [1450, 1430, 1420, 1410, 1450]) {
      capture.udp(WEB, length)
      tooBig(capture, WEB, 1400, udp(WEB, new Uint8Array(0)), length + 28)
      capture.wait(0.1)
    }
    answer()
    expect(await findingsOf([capture])).toEqual([])
  })

  it('but of datagrams that nobody answers any more', async () => {
    const capture = new FlowCapture()
    capture.udp(WEB, 1200).udp(turned(WEB), 1200)
    for (let i = 0; i < 6; i++) {
      capture.udp(WEB, 1450)
      tooBig(capture, WEB, 1400, udp(WEB, new Uint8Array(0)), 1478)
      capture.wait(1)
    }
    expect(await findingsOf([capture])).toEqual(['error pmtu-blackhole possible'])
  })
})
