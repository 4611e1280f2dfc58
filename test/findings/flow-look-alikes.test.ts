// Flows built packet by packet: each fault beside sound traffic that differs from it in one thing; numbers do not matter.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Ends, FlowCapture, findingsOf, reportOf, turned } from '../support/flow-captures.ts'

const SYN = 0x02
const SYN_ACK = 0x12
const ACK = 0x10
const RST = 0x04
const RST_ACK = 0x14
const FIN_ACK = 0x11
const DATA = 0x18

const DNS: Ends = { source: '10.1.0.5', destination: '10.96.0.10', sourcePort: 41000, destinationPort: 53 }
const WEB: Ends = { source: '10.1.0.5', destination: '10.9.0.7', sourcePort: 41000, destinationPort: 8443 }

const port = fc.integer({ min: 1024, max: 65535 })
const address = fc.ipV4().filter(text => !/^(0|22[4-9]|2[3-5]\d|127)\./.test(text))
const ends = fc
  .record({ source: address, destination: address, sourcePort: port, destinationPort: port })
  .filter(
    ({ source, destination, sourcePort, destinationPort }) =>
      source !== destination && sourcePort !== destinationPort,
  )
/** Whole runs of the program. */
const RUNS = { numRuns: 12 }

interface Lookup {
  hasFirst?: boolean
  hasSecond?: boolean
  retry?: number
  hasRetry?: boolean
  apart?: number
  ttl?: number
  id?: number
}

/** Two queries of one socket, of which the first is lost unless it is said to be answered. */
function lookup(capture: FlowCapture, flow: Ends, options: Lookup = {}): FlowCapture {
  const {
    hasFirst = false,
    hasSecond = true,
    retry = 5,
    hasRetry = true,
    apart = 0.0002,
    ttl = 64,
    id = 7,
  } = options
  capture
    .dns(flow, id, false, ttl)
    .wait(apart)
    .dns(flow, id + 1, false, ttl)
    .wait(0.003)
  if (hasFirst) capture.dns(flow, id, true)
  if (hasSecond) capture.dns(flow, id + 1, true)
  if (hasFirst && hasSecond) return capture
  capture
    .wait(retry)
    .dns(flow, hasFirst ? id + 1 : id, false, ttl)
    .wait(0.003)
  return hasRetry
    ? capture.dns(flow, hasFirst ? id + 1 : id, true)
    : capture.wait(2).dns({ ...flow, sourcePort: 2 }, 1)
}

describe('dns-race', () => {
  it('is one of two queries lost and repeated, whatever the numbers', async () => {
    await fc.assert(
      fc.asyncProperty(ends, fc.integer({ min: 0, max: 65533 }), fc.boolean(), async (flow, id, isFirst) => {
        const capture = lookup(new FlowCapture(), flow, { id, hasFirst: isFirst, hasSecond: !isFirst })
        expect(await findingsOf([capture])).toContain('error dns-race likely')
      }),
      RUNS,
    )
  })

  it('is certain after several lookups, and tells how many pairs were exposed', async () => {
    const capture = new FlowCapture()
    for (let i = 0; i < 12; i++) {
      lookup(capture, { ...DNS, sourcePort: 5000 + i }, { hasFirst: i % 3 > 0, id: i * 2 }).wait(1)
    }
    const { findings } = await reportOf([capture])
    expect(findings[0]).toMatchObject({ id: 'dns-race', confidence: 'certain', occurrences: 4 })
    expect(findings[0].reason).toContain('4 lost of 12 pairs')
  })

  it('that was only possible is a remark', async () => {
    const capture = lookup(new FlowCapture(), DNS, { hasFirst: true })
    const { findings } = await reportOf([capture])
    expect(findings).toMatchObject([{ id: 'dns-race', severity: 'info', occurrences: 1 }])
  })

  it.each<[string, Lookup, string]>([
    ['both were lost', { hasSecond: false }, 'info dns-race certain'],
    ['the server never answers this question', { hasRetry: false }, 'info dns-race certain'],
    ['a router had passed both on', { ttl: 62 }, 'error dns-race possible'],
    ['the resolver waits for less', { retry: 2 }, 'error dns-race possible'],
  ])('%s', async (_what, options, expected) => {
    expect(await findingsOf([lookup(new FlowCapture(), DNS, options)])).toEqual([expected])
  })

  it('is none of queries that come one after the other', async () => {
    expect(await findingsOf([lookup(new FlowCapture(), DNS, { apart: 0.02 })])).toEqual([])
  })

  it('is none where single queries are lost as often: the network loses packets', async () => {
    const capture = lookup(new FlowCapture(), DNS)
    const single = { ...DNS, sourcePort: 42000 }
    capture.dns(single, 99).wait(5).dns(single, 99).dns(single, 99, true)
    expect(await findingsOf([capture])).toEqual(['info dns-race certain'])
  })

  it('is none where both queries left the host', async () => {
    const inside = lookup(new FlowCapture(), DNS)
    const outside = lookup(new FlowCapture().wait(0.00001), DNS, { ttl: 63 })
    expect(await findingsOf([inside, outside])).toEqual(['info dns-race certain'])
  })
})

describe('port-reuse', () => {
  /** A connection, closed, and `pause` seconds later another SYN of the same port. */
  const reused = (flow: Ends, pause = 5): FlowCapture =>
    new FlowCapture().exchange(flow).close(flow).wait(pause).segment(flow, { flags: SYN, sequence: 900_000 })
  const accept = { flags: SYN_ACK, sequence: 77_000, acknowledgment: 900_001 }
  const challenge = { flags: ACK, sequence: 5012, acknowledgment: 1012 }
  const refuse = { flags: RST_ACK, acknowledgment: 900_001 }
  const other = { ...WEB, sourcePort: 41001 }

  it('is a remark where it worked, whatever the numbers', async () => {
    await fc.assert(
      fc.asyncProperty(ends, fc.double({ min: 0.01, max: 119, noNaN: true }), async (flow, pause) => {
        const capture = reused(flow, pause).segment(turned(flow), accept)
        expect(await findingsOf([capture])).toEqual(['info port-reuse certain'])
      }),
      RUNS,
    )
  })

  it('is an error where the answer was an ACK of the last connection, whatever the numbers', async () => {
    await fc.assert(
      fc.asyncProperty(ends, fc.double({ min: 0.01, max: 119, noNaN: true }), async (flow, pause) => {
        const capture = reused(flow, pause).segment(turned(flow), challenge).wait(3).dns(DNS, 1)
        expect(await findingsOf([capture])).toEqual(['error port-reuse certain'])
      }),
      RUNS,
    )
  })

  it('counts tries of one connection once', async () => {
    const capture = reused(WEB)
    for (let i = 0; i < 5; i++) {
      capture.segment(turned(WEB), challenge).wait(1).segment(WEB, { flags: SYN, sequence: 900_000 })
    }
    const { findings } = await reportOf([capture])
    expect(findings).toMatchObject([{ id: 'port-reuse', severity: 'error', flows: [expect.anything()] }])
  })

  it('is an error where tries failed, though a later one worked', async () => {
    const capture = reused(WEB)
    for (let i = 1; i < 4; i++) {
      capture
        .segment(turned(WEB), challenge)
        .segment(WEB, { flags: RST, sequence: challenge.acknowledgment, window: 0 })
        .wait(3)
        .segment(WEB, { flags: SYN, sequence: 900_000 + i * 1000 })
    }
    capture.segment(turned(WEB), { ...accept, acknowledgment: 903_001 })
    const { findings } = await reportOf([capture])
    expect(findings).toMatchObject([{ id: 'port-reuse', severity: 'error', confidence: 'certain' }])
    expect(findings[0].reason).toContain('3 tries were answered by an ACK of the last connection')
    expect(findings[0].reason).toContain('9.0 s until one was accepted')
  })

  it('says how many of the tries that failed were answered so', async () => {
    const again = (capture: FlowCapture, sequence: number): FlowCapture =>
      capture.wait(3).segment(WEB, { flags: SYN, sequence })
    const refused = reused(WEB).segment(turned(WEB), refuse)
    const challenged = again(refused, 901_000).segment(turned(WEB), challenge)
    const accepted = again(challenged, 902_000).segment(turned(WEB), { ...accept, acknowledgment: 902_001 })
    const { findings } = await reportOf([accepted])
    expect(findings[0].reason).toContain(
      '2 tries failed, of which 1 was answered by an ACK of the last connection and given up, 6.0 s until',
    )
  })

  it('is a remark where all that failed were refused as by anybody, and the last was challenged first', async () => {
    const capture = reused(WEB)
      .segment(turned(WEB), refuse)
      .wait(3)
      .segment(WEB, { flags: SYN, sequence: 901_000 })
      .segment(turned(WEB), challenge)
      .segment(WEB, { flags: RST, sequence: challenge.acknowledgment, window: 0 })
      .wait(1)
      .segment(WEB, { flags: SYN, sequence: 901_000 })
      .segment(turned(WEB), { ...accept, acknowledgment: 901_001 })
    expect(await findingsOf([capture])).toEqual(['info port-reuse certain'])
  })

  it('is certain where the RST goes on with the numbers of the last connection, whatever they are', async () => {
    await fc.assert(
      fc.asyncProperty(ends, fc.boolean(), fc.nat({ max: 3 }), async (flow, isPickedUp, failures) => {
        const capture = isPickedUp ? new FlowCapture() : new FlowCapture().exchange(flow)
        if (isPickedUp) {
          capture
            .segment(flow, { flags: DATA, sequence: 1001, acknowledgment: 5001, payload: 10 })
            .segment(turned(flow), { flags: DATA, sequence: 5001, acknowledgment: 1011, payload: 10 })
        }
        capture.close(flow)
        for (let i = 0; i <= failures; i++) {
          const sequence = 900 + i * 3
          capture
            .wait(3)
            .segment(flow, { flags: SYN, sequence })
            .segment(turned(flow), { flags: RST_ACK, sequence: 5012, acknowledgment: sequence + 1 })
        }
        const { findings } = await reportOf([capture])
        const faults = findings.filter(({ severity }) => severity !== 'info')
        expect(faults).toMatchObject([
          { id: 'port-reuse', severity: 'error', confidence: 'certain', occurrences: failures + 1 },
        ])
        expect(faults[0].flows[0]).toMatch(new RegExp(`^tcp ${flow.source}:${flow.sourcePort} -> `))
      }),
      RUNS,
    )
  })

  it('tells of tries that were refused so, where a later one was accepted', async () => {
    const capture = reused(WEB)
      .segment(turned(WEB), { ...refuse, sequence: 5012 })
      .wait(3)
      .segment(WEB, { flags: SYN, sequence: 901_000 })
      .segment(turned(WEB), { ...accept, acknowledgment: 901_001 })
    const { findings } = await reportOf([capture])
    expect(findings).toMatchObject([{ id: 'port-reuse', severity: 'error', confidence: 'certain' }])
    expect(findings[0].reason).toContain('one try was refused by what was left of the last connection')
  })

  it('is likely where the SYN was refused or ignored, and others were accepted', async () => {
    const refused = reused(WEB).segment(turned(WEB), refuse).wait(1).exchange(other).wait(3).dns(DNS, 1)
    expect(await findingsOf([refused])).toEqual(['error port-reuse likely'])
    const ignored = reused(WEB)
      .wait(1)
      .segment(WEB, { flags: SYN, sequence: 900_000 })
      .exchange(other)
      .wait(3)
    expect(await findingsOf([ignored.dns(DNS, 1)])).toEqual(['error port-reuse likely'])
  })

  it.each<[string, FlowCapture, string[]]>([
    [
      'a RST with a number of its own',
      reused(WEB)
        .segment(turned(WEB), { ...refuse, sequence: 77_000 })
        .wait(3)
        .dns(DNS, 1),
      [],
    ],
    ['a server that is gone', reused(WEB).segment(turned(WEB), refuse).wait(3).dns(DNS, 1), []],
    [
      'a host that is gone',
      reused(WEB).wait(1).segment(WEB, { flags: SYN, sequence: 900_000 }).wait(3).dns(DNS, 1),
      [],
    ],
    [
      'a challenge after which the SYN was accepted',
      reused(WEB)
        .segment(turned(WEB), challenge)
        .wait(1)
        .segment(WEB, { flags: SYN, sequence: 900_000 })
        .segment(turned(WEB), accept),
      ['info port-reuse certain'],
    ],
    [
      'a SYN-ACK that was not captured',
      reused(WEB)
        .segment(WEB, { flags: ACK, sequence: 900_001, acknowledgment: 77_001 })
        .segment(WEB, { flags: DATA, sequence: 900_001, acknowledgment: 77_001, payload: 10 })
        .segment(turned(WEB), { flags: ACK, sequence: 77_001, acknowledgment: 900_011 })
        .wait(3)
        .dns(DNS, 1),
      [],
    ],
    [
      'a half closed connection that the table had forgotten',
      new FlowCapture()
        .exchange(WEB)
        .segment(turned(WEB), { flags: FIN_ACK, sequence: 5011, acknowledgment: 1011 })
        .segment(WEB, { flags: ACK, sequence: 1011, acknowledgment: 5012 })
        .wait(70)
        .segment(WEB, { flags: SYN, sequence: 900_000 })
        .segment(turned(WEB), accept),
      [],
    ],
    ['a port that was free again', reused(WEB, 121).segment(turned(WEB), accept), []],
    ['a capture that ends too early', reused(WEB), []],
  ])('is none of %s', async (_what, capture, expected) => {
    expect(await findingsOf([capture])).toEqual(expected)
  })
})

describe('idle-gap', () => {
  const GOING_ON = { flags: DATA, sequence: 1011, acknowledgment: 5011, payload: 20 }
  const oneSided = (flow: Ends): FlowCapture =>
    new FlowCapture()
      .segment(flow, { flags: SYN, sequence: 1000 })
      .segment(flow, { flags: DATA, sequence: 1001, acknowledgment: 5001, payload: 10 })
      .wait(400)
      .segment(flow, GOING_ON)
  /** The client goes on after `pause` seconds. */
  const idle = (flow: Ends, pause: number, serverTtl = 60): FlowCapture =>
    new FlowCapture()
      .exchange(flow, serverTtl)
      .wait(pause)
      .segment(flow, { flags: DATA, sequence: 1011, acknowledgment: 5011, payload: 20 })
  const rst = (ttl: number) => ({ flags: RST, sequence: 5011, window: 0, ttl })
  const repeat = (capture: FlowCapture, flow: Ends): FlowCapture => {
    for (let i = 0; i < 4; i++) {
      capture.wait(0.4).segment(flow, { flags: DATA, sequence: 1011, acknowledgment: 5011, payload: 20 })
    }
    return capture
  }

  it("is a long pause that ends with a RST which is not the peer's, whatever the numbers", async () => {
    await fc.assert(
      fc.asyncProperty(ends, fc.double({ min: 240, max: 500_000, noNaN: true }), async (flow, pause) => {
        const capture = idle(flow, pause).segment(turned(flow), rst(255))
        expect(await findingsOf([capture])).toContain('error idle-gap likely')
      }),
      RUNS,
    )
  })

  it.each([
    [245, '240 s (Azure Load Balancer)'],
    [360, '350 s (AWS Network Load Balancer, NAT gateway, Nitro v6)'],
    [950, '900 s (IPVS)'],
    [7500, '7440 s (RFC 5382, OpenWrt)'],
    [433_000, '432000 s (nf_conntrack)'],
  ])('of %d s names the timeouts that it passed', async (pause, timer) => {
    const { findings } = await reportOf([idle(WEB, pause).segment(turned(WEB), rst(255))])
    expect(findings[0].reason).toContain(timer)
  })

  it("is less sure where the RST may be the peer's own, or nothing came back", async () => {
    expect(await findingsOf([idle(WEB, 400).segment(turned(WEB), rst(60))])).toEqual([
      'error idle-gap possible',
    ])
    expect(await findingsOf([repeat(idle(WEB, 400), WEB)])).toEqual(['error idle-gap possible'])
    const other = { ...WEB, sourcePort: 41001 }
    expect(await findingsOf([repeat(idle(WEB, 400), WEB).exchange(other)])).toEqual(['error idle-gap likely'])
  })

  it.each<[string, FlowCapture]>([
    [
      'a pause that is answered',
      idle(WEB, 400).segment(turned(WEB), { flags: ACK, sequence: 5011, acknowledgment: 1031 }),
    ],
    ['a path of which half is seen', repeat(oneSided(WEB), WEB)],
    [
      'a capture that ends with the question',
      idle(WEB, 400)
        .segment(WEB, { ...GOING_ON, sequence: 1031 })
        .segment(WEB, { ...GOING_ON, sequence: 1051 }),
    ],
    ['a short pause', idle(WEB, 200).segment(turned(WEB), rst(255))],
    [
      'a server that had closed the connection',
      new FlowCapture()
        .exchange(WEB)
        .wait(60)
        .segment(turned(WEB), { flags: FIN_ACK, sequence: 5011, acknowledgment: 1011 })
        .wait(400)
        .segment(WEB, { flags: DATA, sequence: 1011, acknowledgment: 5011, payload: 20 })
        .segment(turned(WEB), rst(64)),
    ],
    [
      'a client that gives up itself',
      idle(WEB, 400).segment(WEB, { flags: RST_ACK, sequence: 1031, acknowledgment: 5011 }),
    ],
  ])('is none: %s', async (_what, capture) => {
    const found = await findingsOf([capture])
    expect(found.filter(finding => !finding.startsWith('info'))).toEqual([])
  })
})

describe('recycled-address', () => {
  /** Data is reset by station `by`; the SYN went to `asked`, the SYN-ACK came from station 2. */
  const open = (asked: number, by: number, ttl = 64, flow = WEB): FlowCapture =>
    new FlowCapture()
      .segment(flow, { flags: SYN, sequence: 1000, stations: [1, asked] })
      .segment(turned(flow), { flags: SYN_ACK, sequence: 5000, acknowledgment: 1001, stations: [2, 1], ttl })
      .segment(flow, { flags: DATA, sequence: 1001, acknowledgment: 5001, payload: 5, stations: [1, by] })
      .segment(turned(flow), { flags: RST, sequence: 5001, window: 0, stations: [by, 1], ttl })
  const unanswered = (by: number): FlowCapture =>
    new FlowCapture()
      .segment(WEB, { flags: SYN, sequence: 1000, stations: [1, 2] })
      .wait(1)
      .segment(WEB, { flags: SYN, sequence: 1000, stations: [1, by] })
      .segment(turned(WEB), { flags: RST_ACK, acknowledgment: 1001, stations: [by, 1] })

  it('is a RST from another station than the SYN-ACK, whatever the numbers', async () => {
    await fc.assert(
      fc.asyncProperty(
        ends,
        fc.integer({ min: 3, max: 255 }),
        fc.constantFrom(64, 128, 255),
        async (flow, by, ttl) => {
          expect(await findingsOf([open(2, by, ttl, flow)])).toEqual(['error recycled-address certain'])
        },
      ),
      RUNS,
    )
  })

  it('is a SYN that one station ignores and another refuses', async () => {
    expect(await findingsOf([unanswered(3)])).toEqual(['error recycled-address likely'])
    expect(await findingsOf([unanswered(2)])).toEqual([])
  })

  it.each<[string, FlowCapture]>([
    ['the same station', open(2, 2)],
    ['a router on the way there', open(9, 9)],
    ['routers that take turns', open(2, 3, 63)],
  ])('is none: a RST from %s', async (_what, capture) => {
    expect(await findingsOf([capture])).toEqual([])
  })
})

describe('one-way-flow', () => {
  const requests = (flow: Ends): FlowCapture =>
    new FlowCapture()
      .segment(flow, { flags: SYN, sequence: 1000 })
      .segment(flow, { flags: ACK, sequence: 1001, acknowledgment: 5001 })
      .segment(flow, { flags: DATA, sequence: 1001, acknowledgment: 5001, payload: 10 })
      .segment(flow, { flags: ACK, sequence: 1011, acknowledgment: 5500 })

  it('tells which half is missing, whatever the numbers', async () => {
    await fc.assert(
      fc.asyncProperty(ends, async flow => {
        const { findings } = await reportOf([requests(flow)])
        expect(findings).toMatchObject([{ id: 'one-way-flow', severity: 'info' }])
        expect(findings[0].flows[0]).toMatch(/answers missing$/)
      }),
      RUNS,
    )
    const answers = new FlowCapture()
      .segment(turned(WEB), { flags: SYN_ACK, sequence: 5000, acknowledgment: 1001 })
      .segment(turned(WEB), { flags: DATA, sequence: 5001, acknowledgment: 1011, payload: 10 })
      .segment(turned(WEB), { flags: DATA, sequence: 5011, acknowledgment: 1021, payload: 10 })
    const { findings } = await reportOf([answers])
    expect(findings.find(({ id }) => id === 'one-way-flow')?.flows[0]).toMatch(/requests missing$/)
  })

  it('is none of SYNs that nobody answers, nor of a flow that makes no progress', async () => {
    const scan = new FlowCapture()
      .segment(WEB, { flags: SYN, sequence: 1 })
      .segment(WEB, { flags: SYN, sequence: 1 })
    expect(await findingsOf([scan])).toEqual([])
    const stuck = new FlowCapture()
    for (let i = 0; i < 4; i++)
      stuck.segment(WEB, { flags: DATA, sequence: 9, acknowledgment: 7, payload: 10 }).wait(1)
    expect(await findingsOf([stuck])).toEqual(['info mid-stream-pickup certain'])
  })
})

describe('invalid-leak-private-source of what closes late', () => {
  const OUTSIDE: Ends = {
    source: '203.0.113.4',
    destination: '198.51.100.7',
    sourcePort: 40_758,
    destinationPort: 443,
  }
  const FOUND = ['warning invalid-leak-private-source likely']

  interface Close {
    ends?: Partial<Ends>
    flags?: number
    sequence?: number
    acknowledgment?: number
    payload?: number
    pause?: number
    hasServerClosed?: boolean
    wasReset?: boolean
  }

  /** Outside of the masquerade: an exchange, perhaps the server's FIN, and after a pause a segment from the inside. */
  function late({
    ends: changed = { source: '10.21.21.15' },
    flags = FIN_ACK,
    sequence = 1011,
    acknowledgment = 5012,
    payload = 0,
    pause = 70,
    hasServerClosed = true,
    wasReset = false,
  }: Close): FlowCapture {
    const capture = new FlowCapture().exchange(OUTSIDE)
    const server = turned(OUTSIDE)
    if (hasServerClosed) {
      capture
        .segment(server, { flags: FIN_ACK, sequence: 5011, acknowledgment: 1011 })
        .segment(OUTSIDE, { flags: ACK, sequence: 1011, acknowledgment: 5012 })
    }
    if (wasReset) capture.segment(OUTSIDE, { flags: RST, sequence: 1011, window: 0 })
    return capture
      .wait(pause)
      .segment({ ...OUTSIDE, ...changed }, { flags, sequence, acknowledgment, payload, ttl: 63 })
      .wait(3)
      .dns(DNS, 1)
  }

  it.each<[string, Close]>([
    ['a FIN', {}],
    ['a RST', { flags: RST_ACK }],
    ['a FIN with data', { flags: FIN_ACK | DATA, payload: 4 }],
    ['a FIN from a port that NAT had changed', { ends: { source: '192.168.7.9', sourcePort: 1025 } }],
    [
      'a FIN of a connection that the server had not closed',
      { hasServerClosed: false, acknowledgment: 5011 },
    ],
  ])('is %s', async (_what, options) => {
    expect(await findingsOf([late(options)])).toEqual(FOUND)
  })

  it('is told with the pause in front of it, not with one that was answered', async () => {
    const server = turned(OUTSIDE)
    const capture = new FlowCapture()
      .exchange(OUTSIDE)
      .wait(500)
      .segment(server, { flags: DATA, sequence: 5011, acknowledgment: 1011, payload: 10 })
      .segment(OUTSIDE, { flags: ACK, sequence: 1011, acknowledgment: 5021 })
      .wait(70)
      .segment(
        { ...OUTSIDE, source: '10.21.21.15' },
        { flags: FIN_ACK, sequence: 1011, acknowledgment: 5021, ttl: 63 },
      )
      .wait(3)
      .dns(DNS, 1)
    const { findings } = await reportOf([capture])
    const late = findings.find(({ id }) => id === 'invalid-leak-private-source')
    expect(late?.reason).toContain('had stopped 70.0 s before')
  })

  it.each<[string, Close]>([
    ['the same source', { ends: {} }],
    ['a connection that was reset', { wasReset: true, pause: 5 }],
    ['another server', { ends: { source: '10.21.21.15', destination: '198.51.100.8' } }],
    ['no pause', { pause: 0.5 }],
    ['a number of its own', { sequence: 2011 }],
    ['an acknowledgment of its own', { acknowledgment: 7777 }],
    ['data alone, which makes a new entry', { flags: DATA, payload: 4 }],
    ['a RST that acknowledges nothing', { flags: RST, acknowledgment: 0 }],
  ])('is none of %s', async (_what, options) => {
    const found = await findingsOf([late(options)])
    expect(found.filter(line => !line.startsWith('info'))).toEqual([])
  })
})

describe('invalid-reset', () => {
  const FOUND = ['error invalid-reset likely']
  const server = turned(WEB)

  interface Strange {
    from?: 'client' | 'server'
    /** What the sender's numbers are ahead of what it may send. */
    ahead?: number
    answer?: { flags: number; sequence?: number; acknowledgment?: number; window?: number }
    before?: (capture: FlowCapture) => FlowCapture
    /** What the segment acknowledges, where it is another number. */
    acknowledged?: number
    /** Of the answer; all others have 64. */
    ttl?: number
  }

  /** An open connection, a segment of one side with strange numbers, and an answer. */
  function strange({
    from = 'client',
    ahead = 20_000_000,
    answer,
    before = c => c,
    ttl = 64,
    acknowledged,
  }: Strange): FlowCapture {
    const [ends, own, other] = from === 'client' ? [WEB, 1011, 5011] : [server, 5011, 1011]
    const capture = before(new FlowCapture().exchange(WEB))
      .wait(0.5)
      .segment(ends, {
        flags: DATA,
        sequence: own + ahead,
        acknowledgment: acknowledged ?? other,
        payload: 12,
      })
    const reset = { flags: RST, sequence: other, window: 0, ttl, ...answer }
    return capture.segment(turned(ends), reset).wait(2).dns(DNS, 1)
  }

  it.each<[string, Strange]>([
    ['of the client', {}],
    ['of the server, which a gateway resets', { from: 'server', ttl: 255 }],
    ['below the window, on a kernel that calls it INVALID', { ahead: -20_000_000 }],
  ])('is a segment %s', async (_what, options) => {
    expect(await findingsOf([strange(options)], '--kernel', '5.10')).toEqual(FOUND)
  })

  it('is invalid-leak where the client itself resets what the server sent', async () => {
    expect(await findingsOf([strange({ from: 'server' })])).toEqual(['error invalid-leak likely'])
  })

  it.each<[string, Strange]>([
    ['within the window', { ahead: 0 }],
    ['that is answered by a duplicate ACK', { answer: { flags: ACK, sequence: 5011, acknowledgment: 1011 } }],
    [
      'whose RST acknowledges something: a socket sends it',
      { answer: { flags: RST_ACK, acknowledgment: 1011 } },
    ],
    ['whose RST has another number', { answer: { flags: RST, sequence: 7777, window: 0 } }],
    [
      'to a side that had closed',
      { before: c => c.segment(server, { flags: FIN_ACK, sequence: 5011, acknowledgment: 1011 }) },
    ],
    [
      'to a side whose FIN was not captured',
      { from: 'server', acknowledged: 1012, answer: { flags: RST, sequence: 1012, window: 0 } },
    ],
    [
      'to a side that had been reset',
      { before: c => c.segment(server, { flags: RST_ACK, sequence: 5011, acknowledgment: 1011 }) },
    ],
  ])('is none %s', async (_what, options) => {
    const found = await findingsOf([strange(options)])
    expect(found.filter(line => line.includes('invalid'))).toEqual([])
  })
})
