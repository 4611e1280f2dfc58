// SYNs that are answered by ACKs of other connections, beside ACKs that only seem so.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Ends, FlowCapture, findingsOf, reportOf, turned } from '../support/flow-captures.ts'

const SYN = 0x02
const SYN_ACK = 0x12
const ACK = 0x10
const RST = 0x04
const DATA = 0x18

const WEB: Ends = { source: '10.1.0.6', destination: '10.9.0.7', sourcePort: 41000, destinationPort: 8443 }
const BACK = turned(WEB)
const FIRST = 900_000_000
const OTHER = { flags: ACK, sequence: 77_000, acknowledgment: 1012 }

interface Case {
  challenge?: { flags: number; sequence: number; acknowledgment: number; payload?: number }
  hasReset?: boolean
  /** Number of that RST. */
  reset?: number
  /** SYNs behind the first. */
  more?: number
  isAccepted?: boolean
}

function tried(capture: FlowCapture, options: Case = {}): FlowCapture {
  const {
    challenge = OTHER,
    hasReset = true,
    reset = challenge.acknowledgment,
    more = 2,
    isAccepted = false,
  } = options
  const syn = { flags: SYN, sequence: FIRST }
  capture.segment(WEB, syn).segment(BACK, challenge)
  if (hasReset) capture.segment(WEB, { flags: RST, sequence: reset, window: 0 })
  for (let i = 0; i < more; i++) capture.wait(1).segment(WEB, syn)
  if (!isAccepted) return capture.wait(2).segment({ ...WEB, sourcePort: 5 }, { flags: SYN, sequence: 1 })
  const next = FIRST + 1
  return capture
    .segment(BACK, { flags: SYN_ACK, sequence: 5000, acknowledgment: next })
    .segment(WEB, { flags: ACK, sequence: next, acknowledgment: 5001 })
    .segment(WEB, { flags: DATA, sequence: next, acknowledgment: 5001, payload: 10 })
    .segment(BACK, { flags: ACK, sequence: 5001, acknowledgment: next + 10 })
}

const found = async (options: Case): Promise<string[]> =>
  await findingsOf([tried(new FlowCapture(), options)])

describe('foreign-challenge-ack', () => {
  const told = ['error foreign-challenge-ack certain']

  it('is an ACK of a number that the client has not sent, whatever it is', async () => {
    const numbers = fc
      .integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
      .filter(number => ((number - FIRST) | 0) < 0 || ((number - FIRST) | 0) > 1 << 20)
    await fc.assert(
      fc.asyncProperty(numbers, async acknowledgment => {
        expect(await found({ challenge: { ...OTHER, acknowledgment } })).toEqual(told)
      }),
      { numRuns: 12 },
    )
  })

  it('is likely where the RST of the client was not seen', async () => {
    expect(await found({ hasReset: false })).toEqual(['error foreign-challenge-ack likely'])
  })

  it('names whose number it is', async () => {
    const owner = { ...WEB, source: '10.1.0.5' }
    const capture = new FlowCapture().exchange(owner).wait(1)
    const challenge = { flags: ACK, sequence: 5011, acknowledgment: 1011 }
    const { findings } = await reportOf([tried(capture, { challenge, hasReset: false })])
    expect(findings).toMatchObject([{ id: 'foreign-challenge-ack', confidence: 'certain' }])
    expect(findings[0].flows).toEqual(['tcp 10.1.0.6:41000 -> 10.9.0.7:8443'])
    expect(findings[0].reason).toContain('exactly what 10.1.0.5:41000 had sent from the same port')
  })

  it('is a remark where a later SYN was accepted', async () => {
    expect(await found({ isAccepted: true })).toEqual(['info foreign-challenge-ack certain'])
  })

  it.each<[string, Case]>([
    [
      'an ACK of the SYN, as in a handshake of four steps',
      { challenge: { ...OTHER, acknowledgment: FIRST + 1 } },
    ],
    ['a server that counts from the SYN itself', { challenge: { ...OTHER, acknowledgment: FIRST } }],
    ['an ACK behind the SYN: of this connection', { challenge: { ...OTHER, acknowledgment: FIRST + 4001 } }],
    ['data', { challenge: { ...OTHER, payload: 10 } }],
    ['a RST', { challenge: { ...OTHER, flags: RST | ACK } }],
    ['a capture that ended with the ACK', { hasReset: false, more: 0 }],
    ['a RST of another number', { reset: 5, more: 0 }],
  ])('is none of %s', async (_what, options) => {
    const all = await found(options)
    expect(all.filter(finding => finding.includes('foreign'))).toEqual([])
  })

  it('is port-reuse where the last connection of the port was seen', async () => {
    const capture = new FlowCapture().exchange(WEB).wait(1)
    const challenge = { flags: ACK, sequence: 5011, acknowledgment: 1011 }
    expect(await findingsOf([tried(capture, { challenge })])).toEqual(['error port-reuse certain'])
  })
})
