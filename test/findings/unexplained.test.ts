// What stays of connections that failed: told where nothing else explains it, a warning where it is more than chance.
import { describe, expect, it } from 'vitest'
import { isMoreThanChance } from '../../src/findings/evidence/more-than-chance.ts'
import { type Ends, FlowCapture, findingsOf, reportOf, turned } from '../support/flow-captures.ts'

const SYN = 0x02
const SYN_ACK = 0x12
const ACK = 0x10
const RST = 0x04
const RST_ACK = 0x14
const FIN_ACK = 0x11
const DATA = 0x18

const WEB: Ends = { source: '10.1.0.5', destination: '10.9.0.7', sourcePort: 41000, destinationPort: 8443 }
const OTHER: Ends = { ...WEB, destination: '10.9.0.8' }
const BACK = turned(WEB)
/** Seconds after which Linux sends data again that nobody acknowledged. */
const BACKOFF = [0.2, 0.4, 0.8, 1.6, 3.2]

const data = { flags: DATA, sequence: 1011, acknowledgment: 5011, payload: 30 }

/** Data behind an exchange, and so many repetitions of them. */
function repeated(capture: FlowCapture, ends = WEB, times = BACKOFF.length, segment = data): FlowCapture {
  capture.segment(ends, segment)
  for (const pause of BACKOFF.slice(0, times)) capture.wait(pause).segment(ends, segment)
  return capture
}

describe('unacknowledged-data', () => {
  const opened = (): FlowCapture => new FlowCapture().exchange(WEB)
  const told = ['info unacknowledged-data likely']

  it('is data of either side that were repeated for a second and more', async () => {
    expect(await findingsOf([repeated(opened())])).toEqual(told)
    const answer = { flags: DATA, sequence: 5011, acknowledgment: 1011, payload: 30 }
    const { findings } = await reportOf([repeated(opened(), BACK, 3, answer)])
    expect(findings).toMatchObject([
      { id: 'unacknowledged-data', flows: [expect.stringMatching(/^tcp 10.1.0.5:/)] },
    ])
    expect(findings[0].reason).toContain('the server sent data 3 more times in 1.2 s')
  })

  it('is told of data that a peer seen in mid-stream had acknowledged before', async () => {
    const capture = new FlowCapture()
      .segment(WEB, { flags: DATA, sequence: 1001, acknowledgment: 5001, payload: 10 })
      .segment(BACK, { flags: DATA, sequence: 5001, acknowledgment: 1011, payload: 10 })
    expect(await findingsOf([repeated(capture)])).toContain(told[0])
  })

  it.each<[string, () => FlowCapture]>([
    ['a capture that ended early', () => repeated(opened(), WEB, 2)],
    [
      'an acknowledgment at last',
      () => repeated(opened()).segment(BACK, { flags: ACK, sequence: 5011, acknowledgment: 1041 }),
    ],
    [
      'a RST of the other side',
      () => repeated(opened()).segment(BACK, { flags: RST_ACK, sequence: 5011, acknowledgment: 1011 }),
    ],
    [
      'a side that had closed',
      () => repeated(opened().segment(BACK, { flags: FIN_ACK, sequence: 5011, acknowledgment: 1011 })),
    ],
    [
      'a closed window',
      () =>
        repeated(
          opened().segment(BACK, { flags: ACK, sequence: 5011, acknowledgment: 1011, window: 0 }),
          WEB,
          5,
          { ...data, sequence: 2035, payload: 1 },
        ),
    ],
    ['a FIN', () => repeated(opened(), WEB, 5, { ...data, flags: FIN_ACK, payload: 0 })],
    ['answers that the capture lacks', () => repeated(opened(), WEB, 5, { ...data, acknowledgment: 5311 })],
    [
      'a capture of one direction',
      () =>
        repeated(
          new FlowCapture()
            .segment(WEB, { flags: SYN, sequence: 1000 })
            .segment(WEB, { flags: ACK, sequence: 1001, acknowledgment: 5001 }),
          WEB,
          5,
          { ...data, sequence: 1001 },
        ),
    ],
    [
      'repetitions of which each was acknowledged',
      () => {
        const capture = opened()
        for (let i = 0; i < 8; i++) {
          const sequence = 1011 + i * 30
          capture
            .segment(WEB, { ...data, sequence })
            .wait(0.3)
            .segment(WEB, { ...data, sequence })
          capture.segment(BACK, { flags: ACK, sequence: 5011, acknowledgment: sequence + 30 })
        }
        return capture
      },
    ],
  ])('is none of %s', async (_what, capture) => {
    expect((await findingsOf([capture()])).filter(finding => !finding.includes('one-way'))).toEqual([])
  })

  it('is none where another point shows the acknowledgment', async () => {
    const inside = repeated(opened())
    const outside = repeated(new FlowCapture().wait(0.00001).exchange(WEB))
    outside.segment(BACK, { flags: ACK, sequence: 5011, acknowledgment: 1041 })
    expect(await findingsOf([inside, outside])).toEqual([])
  })

  it('is told once, as the fault that explains it', async () => {
    const idle = new FlowCapture().exchange(WEB).wait(400)
    expect(await findingsOf([repeated(idle)])).toEqual(['error idle-gap possible'])
  })
})

describe('unfinished-handshake', () => {
  const answer = { flags: SYN_ACK, sequence: 5000, acknowledgment: 1001 }
  const asked = (ends = WEB, pauses = [1, 2]): FlowCapture => {
    const capture = new FlowCapture()
      .segment(ends, { flags: SYN, sequence: 1000 })
      .segment(turned(ends), answer)
    for (const pause of pauses) capture.wait(pause).segment(turned(ends), answer)
    return capture
  }

  it('is a SYN-ACK that its client never acknowledges', async () => {
    expect(await findingsOf([asked()])).toEqual(['info unfinished-handshake likely'])
  })

  it.each<[string, () => FlowCapture]>([
    ['a capture that ended early', () => asked(WEB, [1])],
    ['a mirror port, which shows each packet twice', () => asked(WEB, [0, 1, 0])],
    [
      'a late acknowledgment',
      () => asked().segment(WEB, { flags: ACK, sequence: 1001, acknowledgment: 5001 }),
    ],
    ['a client that refuses', () => asked().segment(WEB, { flags: RST, sequence: 1001, window: 0 })],
    [
      'a client whose SYN was not captured',
      () => {
        const capture = new FlowCapture()
        for (const pause of [0, 1, 2]) capture.wait(pause).segment(BACK, answer)
        return capture
      },
    ],
    [
      'a server that nobody hears: its port is closed, or filtered',
      () => {
        const capture = new FlowCapture()
        for (const pause of [0, 1, 2, 4]) capture.wait(pause).segment(WEB, { flags: SYN, sequence: 1000 })
        return capture
      },
    ],
  ])('is none of %s', async (_what, capture) => {
    expect(await findingsOf([capture()])).toEqual([])
  })
})

describe('more than chance', () => {
  /** So many connections of a server that go well, each from a port of its own. */
  function well(capture: FlowCapture, ends: Ends, count: number): FlowCapture {
    for (let i = 0; i < count; i++) {
      const one = { ...ends, sourcePort: 20_000 + i }
      capture.exchange(one).close(one)
    }
    return capture
  }

  function badly(capture: FlowCapture, ends: Ends, count: number): FlowCapture {
    for (let i = 0; i < count; i++) {
      const one = { ...ends, sourcePort: 30_000 + i }
      repeated(capture.exchange(one), one)
    }
    return capture
  }

  it.each<[string, () => FlowCapture, string]>([
    ['of one server alone', () => badly(new FlowCapture(), WEB, 8), 'info'],
    ['beside many others', () => badly(well(new FlowCapture(), OTHER, 40), WEB, 8), 'warning'],
    ['of a few', () => badly(well(new FlowCapture(), OTHER, 40), WEB, 4), 'info'],
    ['of few of many', () => badly(well(well(new FlowCapture(), OTHER, 40), WEB, 200), WEB, 6), 'info'],
    [
      'of all servers alike',
      () => badly(badly(well(new FlowCapture(), OTHER, 30), OTHER, 30), WEB, 6),
      'info',
    ],
  ])('%s', async (_what, capture, severity) => {
    expect(await findingsOf([capture()])).toEqual([`${severity} unacknowledged-data likely`])
  })

  it('names the numbers that it rests on', async () => {
    const { findings } = await reportOf([badly(well(new FlowCapture(), OTHER, 40), WEB, 8)])
    expect(findings[0].reason).toContain('8 of 8 connections of this server, and with 0 of 40 others')
  })

  it('is decided by how likely it is', () => {
    const rest = { struck: 1, all: 1000 }
    expect(isMoreThanChance({ struck: 5, all: 5 }, rest)).toBe(true)
    expect(isMoreThanChance({ struck: 5, all: 1000 }, rest)).toBe(false)
    expect(isMoreThanChance({ struck: 40, all: 1000 }, rest)).toBe(true)
    expect(isMoreThanChance({ struck: 4, all: 4 }, rest)).toBe(false)
    expect(isMoreThanChance({ struck: 500, all: 1000 }, { struck: 500, all: 1000 })).toBe(false)
    expect(isMoreThanChance({ struck: 100_000, all: 200_000 }, rest)).toBe(true)
  })
})
