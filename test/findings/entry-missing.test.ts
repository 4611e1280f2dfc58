// Open connections that the host resets because their entries are gone, beside RSTs that others made.
import { describe, expect, it } from 'vitest'
import { type Ends, FlowCapture, findingsOf, type Segment, turned } from '../support/flow-captures.ts'

const SYN = 0x02
const SYN_ACK = 0x12
const ACK = 0x10
const RST = 0x04
const RST_ACK = 0x14
const FIN_ACK = 0x11
const DATA = 0x18

/** Behind the translation: the client's packets have passed the host. */
const WEB: Ends = {
  source: '198.51.100.2',
  destination: '203.0.113.9',
  sourcePort: 41000,
  destinationPort: 443,
}
const FORGOTTEN = ['error entry-missing possible']

interface Case {
  ends?: Ends
  /** What the client's packets have left behind the host. */
  ttl?: number
  /** Segments between the exchange and the data that are reset. */
  before?: (capture: FlowCapture, ends: Ends) => void
  pause?: number
  data?: Partial<Segment>
  /** Seconds from there to the RST. */
  answer?: number
  reset?: Partial<Segment>
}

/** A connection of both directions, data of the server, and a RST of the host in the client's name. */
function connection(capture: FlowCapture, options: Case = {}): FlowCapture {
  const { ends = WEB, ttl = 63, before, pause = 0.2, data, answer = 0, reset } = options
  const server = turned(ends)
  const far = { ttl: 57 }
  capture
    .segment(ends, { flags: SYN, sequence: 1000, ttl })
    .segment(server, { flags: SYN_ACK, sequence: 5000, acknowledgment: 1001, ...far })
    .segment(ends, { flags: ACK, sequence: 1001, acknowledgment: 5001, ttl })
    .segment(ends, { flags: DATA, sequence: 1001, acknowledgment: 5001, payload: 10, ttl })
    .segment(server, { flags: DATA, sequence: 5001, acknowledgment: 1011, payload: 10, ...far })
    .segment(ends, { flags: ACK, sequence: 1011, acknowledgment: 5011, ttl })
  before?.(capture, ends)
  return capture
    .wait(pause)
    .segment(server, { flags: DATA, sequence: 5011, acknowledgment: 1011, payload: 10, ...far, ...data })
    .wait(answer)
    .segment(ends, { flags: RST, sequence: 1011, window: 0, ttl: 64, ...reset })
}

const found = async (options: Case): Promise<string[]> =>
  (await findingsOf([connection(new FlowCapture(), options)])).filter(finding => !finding.startsWith('info'))

describe('entry-missing', () => {
  it('is a RST of the host to data of an open connection', async () => {
    expect(await found({})).toEqual(FORGOTTEN)
    expect(await found({ ttl: 126, reset: { ttl: 128 } })).toEqual(FORGOTTEN)
    expect(await found({ ttl: 253, reset: { ttl: 255 } })).toEqual(FORGOTTEN)
  })

  it.each<[string, Case]>([
    ['the client itself', { reset: { ttl: 63 } }],
    ['a client whose stack has another TTL for RSTs', { reset: { ttl: 254 } }],
    ['a box on the way', { ttl: 44 }],
    ['a socket that was there', { reset: { flags: RST_ACK, acknowledgment: 5021 } }],
    ['a host that is not in between: its packets have that TTL', { ttl: 64 }],
    [
      'a connection that the client had closed',
      {
        before: (capture, ends) =>
          capture.segment(ends, { flags: FIN_ACK, sequence: 1011, acknowledgment: 5011, ttl: 63 }),
      },
    ],
    ['data outside the window', { data: { sequence: 90_000 } }],
    [
      'a keepalive, after who knows how long',
      { data: { sequence: 5010, payload: 0, flags: ACK }, pause: 9000 },
    ],
    ['another number', { reset: { sequence: 2011 } }],
    ['a segment that the capture has lost, after who knows what pause', { answer: 5 }],
  ])('is none of %s', async (_what, options) => {
    const all = await found(options)
    expect(all.filter(finding => finding.includes('entry-missing'))).toEqual([])
  })

  it('is another finding after a pause, unless the connection outlived one as long', async () => {
    expect(await found({ pause: 30 })).toEqual(['error idle-timeout-inbound likely'])
    const outlived = (capture: FlowCapture, ends: Ends): void => {
      capture
        .wait(31)
        .segment(turned(ends), { flags: DATA, sequence: 5011, acknowledgment: 1011, payload: 10, ttl: 57 })
      capture.segment(ends, { flags: ACK, sequence: 1011, acknowledgment: 5021, ttl: 63 })
    }
    expect(await found({ before: outlived, pause: 30, data: { sequence: 5021 } })).toEqual(FORGOTTEN)
    expect(await found({ before: outlived, pause: 60, data: { sequence: 5021 } })).toEqual([
      'error idle-timeout-inbound likely',
    ])
  })

  it('is told of the side of a server, too', async () => {
    const server = turned(WEB)
    const near = { ttl: 63 }
    const capture = new FlowCapture()
      .segment(WEB, { flags: SYN, sequence: 1000, ttl: 57 })
      .segment(server, { flags: SYN_ACK, sequence: 5000, acknowledgment: 1001, ...near })
      .segment(WEB, { flags: ACK, sequence: 1001, acknowledgment: 5001, ttl: 57 })
      .segment(WEB, { flags: DATA, sequence: 1001, acknowledgment: 5001, payload: 10, ttl: 57 })
      .segment(server, { flags: DATA, sequence: 5001, acknowledgment: 1011, payload: 10, ...near })
      .segment(WEB, { flags: DATA, sequence: 1011, acknowledgment: 5011, payload: 10, ttl: 57 })
      .segment(server, { flags: RST, sequence: 5011, window: 0 })
    expect(await findingsOf([capture])).toEqual(FORGOTTEN)
  })
})

describe('connections that were open before the capture', () => {
  /** Data of the server alone, and the RST of the host that took its address over. */
  function takenOver(count: number, later: number): FlowCapture {
    const capture = new FlowCapture()
    for (let i = 0; i < count; i++) {
      const ends = { ...WEB, sourcePort: 30_000 + i, destination: `203.0.113.${10 + i}` }
      capture
        .segment(turned(ends), { flags: DATA, sequence: 9000, acknowledgment: 7000, payload: 10, ttl: 57 })
        .segment(ends, { flags: RST, sequence: 7000, window: 0, ttl: 64 })
        .wait(0.1)
    }
    for (let i = 0; i < later; i++) {
      const ends = { ...WEB, sourcePort: 42_000 + i }
      connection(capture, {
        ends,
        reset: { flags: ACK, ttl: 63, sequence: 1011, acknowledgment: 5021 },
      }).wait(0.1)
    }
    return capture
  }

  const faults = async (capture: FlowCapture): Promise<string[]> =>
    (await findingsOf([capture])).filter(finding => !finding.startsWith('info'))

  it('are told of where several are reset, and later ones of the address are forwarded', async () => {
    expect(await faults(takenOver(4, 2))).toEqual(FORGOTTEN)
  })

  it('are not where one or two are reset, as strangers are, or none is forwarded', async () => {
    expect(await faults(takenOver(2, 2))).toEqual([])
    expect(await faults(takenOver(4, 0))).toEqual([])
  })
})
