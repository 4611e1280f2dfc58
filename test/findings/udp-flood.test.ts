// Floods of datagrams, and of SYNs of one source: told by the rate of entries that nobody answers.
import { describe, expect, it } from 'vitest'
import type { Report } from '../../src/report/analyze/model.ts'
import { asIpv6 } from '../support/as-ipv6.ts'
import { CaptureBuilder, Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'

const SERVER = '192.0.2.10'

/** The i-th of very many addresses. */
const host = (i: number, network = 10): string => `${network}.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`

async function reportOf(bytes: Uint8Array): Promise<Report> {
  using folder = new Folder()
  return JSON.parse((await runCli([folder.write('capture.pcap', bytes), '--json'])).stdout)
}

async function found(capture: CaptureBuilder): Promise<string[]> {
  const { findings } = await reportOf(capture.bytes())
  return findings.map(({ severity, id, confidence }) => `${severity} ${id} ${confidence}`)
}

/** `count` datagrams, so many a second, each from another address or port. */
function datagrams(
  count: number,
  rate: number,
  ends: (i: number) => Parameters<CaptureBuilder['udp']>[0] & object,
  { isAnswered = false, every = (_: number, _capture: CaptureBuilder): void => {} } = {},
): CaptureBuilder {
  const capture = new CaptureBuilder()
  for (let i = 0; i < count; i++) {
    const to = ends(i)
    capture.udp(to, 8)
    if (isAnswered)
      capture.udp(
        {
          source: to.destination ?? '',
          destination: to.source ?? '',
          sourcePort: to.destinationPort ?? 0,
          destinationPort: to.sourcePort ?? 0,
        },
        8,
      )
    every(i, capture)
    capture.wait(1 / rate)
  }
  return capture
}

const spoofed = (i: number) => ({
  source: host(i * 7919 + 1),
  destination: SERVER,
  sourcePort: 1024 + (i % 60_000),
  destinationPort: 5060,
})

describe('a flood', () => {
  it('to one port from invented sources is told, with each of its entries', async () => {
    const bytes = datagrams(3000, 2500, spoofed).bytes()
    const { findings } = await reportOf(bytes)
    expect(findings).toHaveLength(1)
    expect(findings[0]).toMatchObject({ id: 'udp-flood', severity: 'warning', confidence: 'likely' })
    expect(findings[0]?.title).toContain('192.0.2.10:5060: 0 of 3,000 entries answered')
    const ipv6 = await reportOf(asIpv6(bytes))
    expect(ipv6.findings.map(({ id }) => id)).toEqual(['udp-flood'])
  })

  it('to all ports of one address is told as one', async () => {
    const ports = (i: number) => ({ ...spoofed(i), destinationPort: 1 + (i % 60_000) })
    expect(await found(datagrams(3000, 2500, ports))).toEqual(['warning udp-flood likely'])
  })

  it('among answered traffic is told', async () => {
    const dns = (i: number, capture: CaptureBuilder) => {
      const query = { source: host(i, 11), destination: '192.0.2.53', sourcePort: 2000, destinationPort: 53 }
      const answer = { source: '192.0.2.53', destination: host(i, 11), sourcePort: 53, destinationPort: 2000 }
      capture.udp(query, 8).udp(answer, 8)
    }
    expect(await found(datagrams(6000, 2000, spoofed, { every: dns }))).toEqual(['warning udp-flood likely'])
  })

  it('of one source to many is told of the source', async () => {
    const scan = (i: number) => ({
      source: '10.0.0.9',
      destination: host(i, 198),
      sourcePort: 40_000,
      destinationPort: 123,
    })
    const { findings } = await reportOf(datagrams(4000, 2500, scan).bytes())
    expect(findings).toHaveLength(1)
    expect(findings[0]).toMatchObject({ id: 'udp-flood', confidence: 'possible' })
    expect(findings[0]?.title).toContain('from 10.0.0.9 to 4,000 addresses')
  })

  it('of SYNs of one source is a flood of SYNs', async () => {
    const capture = new CaptureBuilder()
    for (let i = 0; i < 3000; i++) {
      const ends = {
        source: '10.0.0.9',
        destination: host(i, 198),
        sourcePort: 1024 + i,
        destinationPort: 445,
      }
      capture.tcp({ ...ends, flags: 2, sequence: i * 100_003 }).wait(1 / 2500)
    }
    expect(await found(capture)).toEqual(['warning syn-flood possible'])
  })
})

describe('no flood', () => {
  it('is what somebody answers', async () => {
    expect(await found(datagrams(3000, 2500, spoofed, { isAnswered: true }))).toEqual([])
  })

  it('are statistics of a few hosts, which nobody answers', async () => {
    const statsd = (i: number) => ({
      source: host(i % 5),
      destination: SERVER,
      sourcePort: 1024 + i,
      destinationPort: 8125,
    })
    expect(await found(datagrams(4000, 800, statsd))).toEqual([])
  })

  it('is a host that asks many peers from one port', async () => {
    const dht = (i: number) => ({
      source: '10.0.0.9',
      destination: host(i, 198),
      sourcePort: 6881,
      destinationPort: 6881,
    })
    expect(await found(datagrams(5000, 900, dht))).toEqual([])
  })

  it('is the outside of a tunnel, whose source ports are hashes', async () => {
    const vxlan = (i: number) => ({
      source: '10.0.0.9',
      destination: SERVER,
      sourcePort: 32_768 + i,
      destinationPort: 8472,
    })
    expect(await found(datagrams(4000, 2500, vxlan))).toEqual([])
  })

  it('are as many in a longer time', async () => {
    expect(await found(datagrams(3000, 400, spoofed))).toEqual([])
  })
})
