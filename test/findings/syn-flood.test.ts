// A flood is a rate: as many SYNs spread over a longer time, of programs that want a connection, are none.
import { describe, expect, it } from 'vitest'
import { type Ends, FlowCapture, findingsOf, turned } from '../support/flow-captures.ts'

const SYN = 0x02
const SYN_ACK = 0x12
const RST_ACK = 0x14

const BYSTANDER: Ends = {
  source: '10.1.0.5',
  destination: '10.9.0.8',
  sourcePort: 41_000,
  destinationPort: 443,
}

/** A client of its own for each number, unless there are to be fewer. */
function client(i: number, clients = 1 << 16): Ends {
  const who = i % clients
  return {
    source: `100.${(who * 37) % 251}.${who >> 8}.${who & 0xff}`,
    destination: '10.9.0.7',
    sourcePort: 1024 + i,
    destinationPort: 443,
  }
}

interface Shape {
  syns?: number
  /** In a second. */
  rate: number
  clients?: number
}

/** SYNs that nobody answers, then a minute of others. */
function syns(
  { syns: count = 300, rate, clients }: Shape,
  each?: (capture: FlowCapture, ends: Ends) => void,
) {
  const capture = new FlowCapture()
  for (let i = 0; i < count; i++) {
    capture.segment(client(i, clients), { flags: SYN, sequence: i * 7919 })
    each?.(capture, client(i, clients))
    capture.wait(1 / rate)
  }
  return capture.wait(60).exchange(BYSTANDER)
}

const floods = async (capture: FlowCapture): Promise<string[]> =>
  (await findingsOf([capture])).filter(found => found.includes('syn-flood'))

describe('SYNs without an answer', () => {
  it.each([
    [100, 11],
    [300, 11],
    [300, 1000],
  ])('are a flood: %d, %d in a second', async (count, rate) => {
    expect(await floods(syns({ syns: count, rate }))).toEqual(['warning syn-flood likely'])
  })

  it.each([
    [99, 1000],
    [300, 9],
    [3000, 1],
  ])('are none: %d, %d in a second', async (count, rate) => {
    expect(await floods(syns({ syns: count, rate }))).toEqual([])
  })

  it('are a flood whose invented sources may be loopback ones', async () => {
    const capture = syns({ rate: 100 }, (made, { sourcePort }) =>
      made.segment({ ...client(0), source: '127.0.0.5', sourcePort }, { flags: SYN, sequence: sourcePort }),
    )
    const found = await findingsOf([capture])
    expect(found.filter(each => !each.startsWith('info'))).toEqual(['warning syn-flood likely'])
  })

  it('are a flood, and a loopback source that goes elsewhere is a finding beside it', async () => {
    const capture = syns({ rate: 100 })
    capture.segment({ ...BYSTANDER, source: '127.0.0.5' }, { flags: SYN, sequence: 5 })
    expect(await findingsOf([capture])).toContain('error loopback-source certain')
  })

  it('are one within a long time of few', async () => {
    const capture = syns({ syns: 300, rate: 1 })
    for (let i = 0; i < 150; i++)
      capture.segment(client(2000 + i), { flags: SYN, sequence: i * 7919 }).wait(0.01)
    expect(await floods(capture.wait(5).exchange({ ...BYSTANDER, sourcePort: 41_001 }))).toEqual([
      'warning syn-flood likely',
    ])
  })

  it('of one client may be of a program that gives up each try soon', async () => {
    expect(await floods(syns({ rate: 100, clients: 1 }))).toEqual(['warning syn-flood possible'])
    expect(await floods(syns({ rate: 100, clients: 300 }))).toEqual(['warning syn-flood likely'])
  })

  it('are none where they are refused', async () => {
    const refused = syns({ rate: 100 }, (capture, ends) => {
      capture.segment(turned(ends), { flags: RST_ACK, acknowledgment: 1 })
    })
    expect(await floods(refused)).toEqual([])
  })
})

describe('SYNs whose answers are repeated', () => {
  const answered = (rate: number): FlowCapture =>
    syns({ rate }, (capture, ends) => {
      capture.segment(turned(ends), { flags: SYN_ACK, sequence: 5000 })
      capture.segment(turned(ends), { flags: SYN_ACK, sequence: 5000 })
    })

  it('are a flood for certain, at that rate alone', async () => {
    expect(await floods(answered(100))).toEqual(['warning syn-flood certain'])
    expect(await floods(answered(2))).toEqual([])
  })
})
