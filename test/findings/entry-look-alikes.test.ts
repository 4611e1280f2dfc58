// Faults that entries of the table tell, and tunnels: each beside sound traffic that differs from it in one thing.
import { describe, expect, it } from 'vitest'
import { type Ends, FlowCapture, findingsOf, type Segment, turned } from '../support/flow-captures.ts'

const SYN = 0x02
const SYN_ACK = 0x12

const DNS: Ends = { source: '10.1.0.5', destination: '10.96.0.10', sourcePort: 41000, destinationPort: 53 }
const WEB: Ends = { source: '10.1.0.5', destination: '10.9.0.7', sourcePort: 41000, destinationPort: 8443 }

describe('stale-mapping', () => {
  /** Datagrams every ten seconds without an answer, among flows of `others` that begin later. */
  const oneWay = (others: (flow: Ends) => boolean, isSame = true): FlowCapture => {
    const capture = new FlowCapture()
    for (let i = 0; i < 12; i++) {
      capture.dns({ ...DNS, destinationPort: 514 }, 1).wait(5)
      const flow = {
        ...DNS,
        source: isSame ? DNS.source : '10.1.0.99',
        sourcePort: 50_000 + i,
        destinationPort: 514,
      }
      if (others(flow)) capture.dns(flow, 5).dns(flow, 5, true)
      capture.wait(5)
    }
    return capture
  }

  it("is possible where the client's other sockets are answered", async () => {
    expect(await findingsOf([oneWay(() => true)])).toEqual(['error stale-mapping possible'])
  })

  it.each<[string, FlowCapture]>([
    ['a protocol without answers', oneWay(() => false)],
    ['a client of which the server wants to know nothing', oneWay(() => true, false)],
    ['one other flow', oneWay(({ sourcePort }) => sourcePort === 50_004)],
  ])('is none: %s', async (_what, capture) => {
    expect(await findingsOf([capture])).toEqual([])
  })
})

describe('stale-mapping of SYNs', () => {
  const SERVICE: Ends = {
    source: '10.1.0.5',
    destination: '10.96.0.60',
    sourcePort: 47000,
    destinationPort: 80,
  }

  /** A SYN on both sides of the host that translates it; the TTL and the time tell which is which. */
  const both = (
    inside: FlowCapture,
    outside: FlowCapture,
    flow: Ends,
    backend: string,
    segment: Segment,
  ): void => {
    const { identification } = inside
    inside.segment(flow, segment)
    outside.identification = identification
    outside
      .wait(0.00002)
      .segment({ ...flow, destination: backend, destinationPort: 8080 }, { ...segment, ttl: 63 })
    outside.wait(-0.00002)
  }

  /** A client repeats its SYN to one backend; `later` flows go to the backends named, and are answered. */
  const run = async (later: string[], repeats = 6): Promise<string[]> => {
    const inside = new FlowCapture()
    const outside = new FlowCapture()
    const wait = (seconds: number) => [inside, outside].map(capture => capture.wait(seconds))
    for (let i = 0; i < Math.max(repeats, later.length); i++) {
      if (i < repeats) both(inside, outside, SERVICE, '10.9.0.1', { flags: SYN, sequence: 1000 })
      wait(1)
      if (i >= later.length) continue
      const flow = { ...SERVICE, sourcePort: 48_000 + i }
      both(inside, outside, flow, later[i], { flags: SYN, sequence: 70_000 + i })
      const answer = { flags: SYN_ACK, sequence: 5000, acknowledgment: 70_001 + i }
      wait(0.001)
      inside.segment(turned(flow), { ...answer, ttl: 63 })
      outside.segment(turned({ ...flow, destination: later[i], destinationPort: 8080 }), answer)
      wait(1)
    }
    const found = await findingsOf([inside, outside])
    return found.filter(finding => finding.includes('stale-mapping'))
  }

  it('is likely where all later flows got another backend, possible where few did', async () => {
    expect(await run(Array(5).fill('10.9.0.2'))).toEqual(['error stale-mapping likely'])
    expect(await run(Array(2).fill('10.9.0.2'))).toEqual(['error stale-mapping possible'])
  })

  it('is none of a backend that is still chosen, of one other flow, of a few SYNs', async () => {
    expect(await run(['10.9.0.2', '10.9.0.2', '10.9.0.1', '10.9.0.2', '10.9.0.2'])).toEqual([])
    expect(await run(['10.9.0.2'])).toEqual([])
    expect(await run(Array(5).fill('10.9.0.2'), 4)).toEqual([])
  })
})

describe('snat-port-pressure', () => {
  it('is none of a client that uses its ports in order, and keeps its connections', async () => {
    const capture = new FlowCapture()
    for (let i = 0; i < 200; i++) capture.exchange({ ...WEB, sourcePort: 40_000 + i }).wait(0.01)
    expect(await findingsOf([capture])).toEqual([])
  })

  it('is none of a scan from one port range that nobody answers', async () => {
    const capture = new FlowCapture()
    for (let i = 0; i < 300; i++) {
      capture.segment({ ...WEB, sourcePort: 40_000 + (i % 64) }, { flags: SYN, sequence: i }).wait(0.01)
    }
    expect(await findingsOf([capture])).not.toContainEqual(expect.stringContaining('port-pressure'))
  })

  it('is a range that connections come back to, however large it is', async () => {
    const capture = new FlowCapture()
    for (let i = 0; i < 400; i++) {
      const flow = { ...WEB, sourcePort: 33_000 + ((i * 37) % 100) }
      capture
        .exchange(flow, 64, i * 100_000)
        .close(flow, i * 100_000)
        .wait(0.01)
    }
    expect(await findingsOf([capture])).toContain('warning snat-port-pressure likely')
  })
})

describe('vxlan-checksum', () => {
  it('is none outside of a tunnel', async () => {
    const capture = new FlowCapture()
    for (const wait of [1, 2, 4, 8, 16, 32]) capture.segment(WEB, { flags: SYN, sequence: 1000 }).wait(wait)
    capture.segment(WEB, { flags: SYN, sequence: 1000 })
    capture.segment(turned(WEB), { flags: SYN_ACK, sequence: 5000, acknowledgment: 1001 })
    expect(await findingsOf([capture])).toEqual([])
  })
})
