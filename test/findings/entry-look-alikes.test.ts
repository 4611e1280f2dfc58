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

describe('loopback-source', () => {
  const opened = (destination: string, stations: [number, number]) =>
    findingsOf([
      new FlowCapture().segment(
        { ...WEB, source: '127.0.0.1', destination },
        { flags: SYN, sequence: 1000, stations },
      ),
    ])

  it('is certain on a wire', async () => {
    expect(await opened('10.1.0.5', [1, 2])).toEqual(['error loopback-source certain'])
  })

  it.each<[string, string]>([
    ['the loopback interface', '127.0.0.1'],
    ["the host's own packets to an address of its own", '10.1.0.5'],
  ])('is none of %s', async (_what, destination) => {
    expect(await opened(destination, [0, 0])).toEqual([])
  })
})

describe('missing-helper of FTP', () => {
  const CONTROL: Ends = {
    source: '10.1.0.5',
    destination: '203.0.113.9',
    sourcePort: 45_000,
    destinationPort: 21,
  }
  const MASQUERADED = '198.51.100.1'
  /** What the server opens in active mode: RFC 959, 3.2. */
  const DATA: Ends = {
    source: CONTROL.destination,
    destination: MASQUERADED,
    sourcePort: 20,
    destinationPort: 50_001,
  }

  interface Session {
    /** Where the control connection goes out, and whether it is over before the data connection begins. */
    outside?: string
    isOver?: boolean
    data?: Ends
    /** Whether the data connection is translated to the client. */
    isExpected?: boolean
  }

  /** A control connection on both sides of the host, then three SYNs of the data connection. */
  const run = async ({
    outside: source = MASQUERADED,
    isOver = false,
    data = DATA,
    isExpected = false,
  }: Session) => {
    const inside = new FlowCapture()
    const outside = new FlowCapture()
    /** A segment as it comes in and as it leaves. */
    const pass = (
      from: FlowCapture,
      to: FlowCapture,
      [before, after]: [Ends, Ends],
      segment: Segment,
    ): void => {
      to.identification = from.identification
      from.segment(before, segment)
      to.wait(0.00002)
        .segment(after, { ...segment, ttl: 63 })
        .wait(-0.00002)
      for (const capture of [inside, outside]) capture.wait(0.01)
    }
    const out: [Ends, Ends] = [CONTROL, { ...CONTROL, source }]
    const back: [Ends, Ends] = [turned(out[1]), turned(out[0])]
    pass(inside, outside, out, { flags: SYN, sequence: 1000 })
    outside.identification = 20_000
    pass(outside, inside, back, { flags: SYN_ACK, sequence: 5000, acknowledgment: 1001 })
    inside.identification = 1001
    pass(inside, outside, out, { flags: 0x10, sequence: 1001, acknowledgment: 5001 })
    if (isOver) {
      inside.identification = 1002
      pass(inside, outside, out, { flags: 0x14, sequence: 1001, acknowledgment: 5001 })
      // longer than tcp_timeout_close; another masqueraded flow takes the place of its entry
      for (const capture of [inside, outside]) capture.wait(11)
      inside.identification = 1003
      const other = { ...CONTROL, destinationPort: 443 }
      pass(inside, outside, [other, { ...other, source }], { flags: SYN, sequence: 1 })
    }
    for (let i = 0; i < 3; i++) {
      outside.identification = 30_000 + i
      const syn = { flags: SYN, sequence: 9000 }
      if (isExpected) {
        pass(outside, inside, [data, { ...data, destination: CONTROL.source, destinationPort: 50_001 }], syn)
      } else outside.segment(data, syn)
      for (const capture of [inside, outside]) capture.wait(1)
    }
    const found = await findingsOf([inside, outside])
    return found.filter(finding => finding.includes('missing-helper'))
  }

  it('is certain of a connection that the server of an open, masqueraded one begins from port 20', async () => {
    expect(await run({})).toEqual(['error missing-helper certain'])
  })

  it.each<[string, Session]>([
    ['one that is translated to the client', { isExpected: true }],
    ['one from another port', { data: { ...DATA, sourcePort: 2020 } }],
    ['one from another server', { data: { ...DATA, source: '203.0.113.10' } }],
    ['one to another address', { data: { ...DATA, destination: '198.51.100.2' } }],
    ['one after the entry of the control connection is gone, and its place taken', { isOver: true }],
    ['a control connection that is not masqueraded', { outside: CONTROL.source }],
  ])('is none of %s', async (_what, session) => {
    expect(await run(session)).toEqual([])
  })
})
