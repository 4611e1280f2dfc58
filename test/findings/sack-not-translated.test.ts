// SACK blocks of data that were never sent, beside blocks that only seem so.
import { describe, expect, it } from 'vitest'
import { type Ends, FlowCapture, findingsOf, turned } from '../support/flow-captures.ts'
import { be16, be32, join } from '../support/frames.ts'

const SYN = 0x02
const SYN_ACK = 0x12
const ACK = 0x10
const RST = 0x04
const DATA = 0x18

const ENDS: Ends = { source: '10.1.0.5', destination: '10.9.0.7', sourcePort: 41000, destinationPort: 8443 }
const SEGMENT = 1000
/** What of the data is sent: ten segments, of which the receiver lacks the third. */
const SENT = 10
const LOST = 3000
const SCALE = join([3, 3, 2, 0])

const sack = (left: number, right: number) => join('01 01 05 0a', be32(left | 0), be32(right | 0))

interface Losses {
  /** Added to the edges of each block, by its number. */
  shift: (block: number) => number
  /** Edges of a block in place of those of what has come. */
  edges?: (block: number) => [number, number]
  /** Whether the start is there. */
  isWhole?: boolean
  blocks?: number
  /** What comes in the end. */
  end?: 'recovered' | 'reset' | 'given up'
}

/** Data of the client, whose numbers begin at 1, and acknowledgments with blocks. */
function transfer({ shift, edges, isWhole = true, blocks = 4, end = 'recovered' }: Losses): FlowCapture {
  const server = turned(ENDS)
  const capture = new FlowCapture()
  if (isWhole) {
    const options = join([2, 4], be16(1460), SCALE)
    capture
      .segment(ENDS, { flags: SYN, sequence: 0, options })
      .segment(server, { flags: SYN_ACK, sequence: 5000, acknowledgment: 1, options })
      .segment(ENDS, { flags: ACK, sequence: 1, acknowledgment: 5001 })
  }
  const acknowledges = { flags: ACK, sequence: 5001, acknowledgment: LOST + 1, window: 16_000 }
  const sends = (sequence: number): FlowCapture =>
    capture.segment(ENDS, { flags: DATA, sequence, acknowledgment: 5001, payload: SEGMENT })
  for (let i = 0; i < 3; i++) sends(1 + i * SEGMENT)
  capture.segment(server, acknowledges)
  for (let i = 3; i < SENT; i++) sends(1 + i * SEGMENT)
  for (let block = 0; block < blocks; block++) {
    const [left, right] = edges?.(block) ?? [LOST + 1 + SEGMENT, LOST + 1 + (block + 2) * SEGMENT]
    capture.segment(server, { ...acknowledges, options: sack(left + shift(block), right + shift(block)) })
  }
  if (end === 'reset') return capture.segment(ENDS, { flags: RST, sequence: 1 + SENT * SEGMENT, window: 0 })
  for (const pause of [0.2, 0.4, 0.8, 1.6]) {
    capture.wait(pause)
    sends(LOST + 1)
  }
  return end === 'given up'
    ? capture
    : capture.segment(server, { ...acknowledges, acknowledgment: 1 + SENT * SEGMENT })
}

const FAR = 0x5a3c1f07
const found = async (losses: Losses): Promise<string[]> =>
  (await findingsOf([transfer(losses)])).filter(finding => !finding.includes('mid-stream'))

describe('sack-not-translated', () => {
  const told = ['warning sack-not-translated certain']

  it.each([FAR, -FAR, 2 ** 31, 3_000_000, -3_000_000])('is a shift of %d', async shift => {
    expect(await found({ shift: () => shift })).toEqual(told)
  })

  it('is an error where the connection failed', async () => {
    const error = ['error sack-not-translated certain']
    expect(await found({ shift: () => FAR, end: 'given up' })).toEqual(error)
    expect(await found({ shift: () => FAR, end: 'reset' })).toEqual(error)
  })

  it('is found in mid-stream, and surer by each segment', async () => {
    expect(await found({ shift: () => FAR, isWhole: false })).toEqual(told)
    expect(await found({ shift: () => FAR, blocks: 2 })).toEqual(['warning sack-not-translated likely'])
    expect(await found({ shift: () => FAR, blocks: 1 })).toEqual([])
  })

  it.each<[string, Losses]>([
    ['blocks that fit', { shift: () => 0 }],
    ['data that the capture lacks', { shift: () => 0, edges: block => [20_001, 21_001 + block * SEGMENT] }],
    ['in mid-stream a window that may be large', { shift: () => 30_000_000, isWhole: false }],
    ['data that came twice', { shift: () => 0, edges: () => [1, 1001] }],
    ['numbers that are off otherwise each time', { shift: block => FAR * (block + 1) }],
    ['blocks of which some fit', { shift: block => (block % 2 === 0 ? FAR : 0) }],
  ])('is none of %s', async (_what, losses) => {
    expect(await found(losses)).toEqual([])
  })
})
