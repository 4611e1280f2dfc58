// One connection that two addresses answer, and clients that only give up.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { asIpv6 } from '../support/as-ipv6.ts'
import { Folder } from '../support/capture-builder.ts'
import { type Ends, FlowCapture, findingsIn, findingsOf, turned } from '../support/flow-captures.ts'

const BEHIND = 'fixtures/flow-findings/two-answerers.pcap'
const FIRST = 'fixtures/flow-findings/two-answerers.first.pcap'
const SYN = 0x02
const SYN_ACK = 0x12
const RST = 0x04

const ASKED: Ends = { source: '10.1.0.5', destination: '10.9.0.7', sourcePort: 41_000, destinationPort: 80 }
const OTHER: Ends = { ...ASKED, destination: '10.8.0.1', destinationPort: 8080 }

/** A SYN that `answers` answer, each of which the client resets or not. */
function opened(
  answers: readonly { ends: Ends; isReset: boolean; ttl?: number }[],
  sequence = 1000,
): FlowCapture {
  const capture = new FlowCapture().segment(ASKED, { flags: SYN, sequence })
  for (const { ends, isReset, ttl = 64 } of answers) {
    capture.segment(turned(ends), { flags: SYN_ACK, sequence: 5000, acknowledgment: sequence + 1 })
    if (isReset) capture.segment(ends, { flags: RST, sequence: sequence + 1, window: 0, ttl })
  }
  return capture
}

describe('two answers', () => {
  it.each([BEHIND, FIRST])('of %s are told, whichever comes first', async file => {
    expect(await findingsIn(file)).toEqual(['warning two-answerers certain'])
    using folder = new Folder()
    expect(await findingsIn(folder.write('ipv6.pcap', asIpv6(readFileSync(file))))).toEqual([
      'warning two-answerers certain',
    ])
  })

  it('are an error where the connection does not go on', async () => {
    const capture = opened([
      { ends: OTHER, isReset: true },
      { ends: ASKED, isReset: false },
    ])
    expect(await findingsOf([capture])).toEqual(['error two-answerers certain'])
  })
})

describe('nothing of the kind is told', () => {
  it('where one address answers', async () => {
    const found = await findingsOf([opened([{ ends: OTHER, isReset: true }])])
    expect(found.filter(text => text.includes('two-answerers'))).toEqual([])
  })

  it('where nobody is reset', async () => {
    const capture = opened([
      { ends: ASKED, isReset: false },
      { ends: OTHER, isReset: false },
    ])
    expect(await findingsOf([capture])).toEqual([])
  })

  it('where the RST has another number', async () => {
    const refused = (sequence: number) =>
      new FlowCapture()
        .segment(ASKED, { flags: SYN, sequence: 1000 })
        .segment(turned(OTHER), { flags: SYN_ACK, sequence: 5000, acknowledgment: 1001 })
        .segment(OTHER, { flags: RST, sequence, window: 0 })
        .segment(turned(ASKED), { flags: SYN_ACK, sequence: 5000, acknowledgment: 1001 })
    expect(await findingsOf([refused(1001)])).toContain('error two-answerers certain')
    const found = await findingsOf([refused(7001)])
    expect(found.filter(text => text.includes('two-answerers'))).toEqual([])
  })

  it('of a scanner whose RST is seen behind the translation, too', async () => {
    const capture = new FlowCapture()
      .segment(ASKED, { flags: SYN, sequence: 1000 })
      .segment(OTHER, { flags: SYN, sequence: 1000, ttl: 63 })
      .segment(turned(OTHER), { flags: SYN_ACK, sequence: 5000, acknowledgment: 1001 })
      .segment(turned(ASKED), { flags: SYN_ACK, sequence: 5000, acknowledgment: 1001, ttl: 63 })
      .segment(ASKED, { flags: RST, sequence: 1001, window: 0 })
      .segment(OTHER, { flags: RST, sequence: 1001, window: 0, ttl: 63 })
    expect(await findingsOf([capture], '--replay', 'frames')).toEqual([])
  })
})
