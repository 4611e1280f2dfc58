// Counts stay exact beyond what is named, whenever a connection ends, and no search for others turns into an answer.
import { describe, expect, it } from 'vitest'
import { type Ends, FlowCapture, reportOf, turned } from '../support/flow-captures.ts'

const MINUTES = 5 * 60_000

/** More connections than a finding names, and than any search used to look at. */
const MANY = 1000

function client(i: number): Ends {
  return {
    source: `10.1.${i >> 8}.${i & 0xff}`,
    destination: '10.9.0.7',
    sourcePort: 10_000 + i,
    destinationPort: 443,
  }
}

/** What one side of a connection sends, and its acknowledgments of what never passes here. */
function oneSide(capture: FlowCapture, ends: Ends): FlowCapture {
  return capture
    .segment(ends, { flags: 0x02, sequence: 1000 })
    .segment(ends, { flags: 0x10, sequence: 1001, acknowledgment: 5000 })
    .segment(ends, { flags: 0x18, sequence: 1001, acknowledgment: 5000, payload: 10 })
    .segment(ends, { flags: 0x18, sequence: 1011, acknowledgment: 5400, payload: 10 })
}

async function findingsOf(capture: FlowCapture, ...args: string[]) {
  const { findings } = await reportOf([capture], ...args)
  return findings.filter(({ id }) => id !== 'offload-checksum')
}

describe('connections of which one direction was captured', { timeout: MINUTES }, () => {
  it('are counted, each of them, and are no flood', async () => {
    const capture = new FlowCapture()
    for (let i = 0; i < MANY; i++) oneSide(capture, client(i))
    const [found, ...others] = await findingsOf(capture)
    expect(others).toEqual([])
    expect(found).toMatchObject({ id: 'one-way-flow', flowCount: MANY, occurrences: MANY })
    expect(found.flows.length).toBeLessThan(MANY)
    expect(found.amount).toContain(`${MANY.toLocaleString('en')} connections`)
  })

  it('are counted when their entries are gone before the capture ends', async () => {
    const capture = new FlowCapture()
    for (let i = 0; i < MANY; i++) oneSide(capture, client(i))
    capture.wait(1000).exchange({ ...client(1), destination: '10.9.0.8' })
    // no entry of theirs is left then
    const [found] = await findingsOf(
      capture,
      '--set',
      'tcp_timeout_unacknowledged=30',
      '--set',
      'tcp_timeout_syn_sent=30',
    )
    expect(found).toMatchObject({ id: 'one-way-flow', flowCount: MANY })
  })
})

describe('a flood', { timeout: MINUTES }, () => {
  it('is counted to its last SYN, also when the first entries have ended', async () => {
    const capture = new FlowCapture()
    for (let i = 0; i < MANY; i++) capture.segment(client(i), { flags: 0x02, sequence: i * 7 }).wait(0.06)
    capture.wait(10)
    const [found] = await findingsOf(
      capture.exchange({ ...client(1), destination: '10.9.0.8' }),
      '--set',
      'tcp_timeout_syn_sent=30',
    )
    expect(found).toMatchObject({ id: 'syn-flood' })
    expect(found.flows[0]).toContain(`${MANY} flows`)
    expect(found.frames[0]).toMatchObject({ frame: 1 })
  })

  it('is none where the clients send data, whatever was seen of the server', async () => {
    const capture = new FlowCapture()
    for (let i = 0; i < 200; i++) oneSide(capture, client(i))
    expect((await findingsOf(capture)).map(({ id }) => id)).toEqual(['one-way-flow'])
  })
})

describe('what one connection is told by', { timeout: MINUTES }, () => {
  it('is found among more connections than were ever remembered at a time', async () => {
    const lost: Ends = {
      source: '10.2.0.1',
      destination: '10.9.0.9',
      sourcePort: 50_000,
      destinationPort: 80,
    }
    const capture = new FlowCapture().exchange(lost)
    for (let i = 0; i < MANY; i++) capture.exchange(client(i))
    capture.wait(400)
    for (const at of [0, 1, 2]) {
      capture.segment(lost, { flags: 0x18, sequence: 1011, acknowledgment: 5011, payload: 10 }).wait(at + 1)
    }
    const [found] = await findingsOf(
      capture.segment(turned(client(3)), { flags: 0x10, sequence: 5011, acknowledgment: 1011 }),
    )
    expect(found).toMatchObject({ id: 'idle-gap', flowCount: 1 })
  })
})

describe('numbers of zero', { timeout: MINUTES }, () => {
  it('do not make a datagram the client of a connection', async () => {
    const capture = new FlowCapture()
    const backend: Ends = {
      source: '10.244.1.9',
      destination: '10.244.0.5',
      sourcePort: 8080,
      destinationPort: 40_001,
    }
    const service: Ends = {
      source: '10.244.0.5',
      destination: '10.96.45.12',
      sourcePort: 40_001,
      destinationPort: 80,
    }
    capture
      .dns(
        { source: '192.0.2.1', destination: '192.0.2.2', sourcePort: 5555, destinationPort: 9999 },
        0,
        false,
        255,
      )
      .exchange(service, 64, 0)
      // outside of the window, with the address that the answers had before their translation
      .segment(backend, { flags: 0x18, sequence: 5011 + 200_000, acknowledgment: 11, payload: 10 })
      .segment(turned(backend), { flags: 0x04, sequence: 11, window: 0 })
    const [found] = await findingsOf(capture)
    expect(found).toMatchObject({ id: 'invalid-leak' })
    expect(found.flows).toEqual([
      'tcp 10.244.0.5:40001 -> 10.96.45.12:80, untranslated 10.244.0.5:40001 -> 10.244.1.9:8080',
    ])
  })
})
