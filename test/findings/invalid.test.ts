// INVALID packets that follow from what was not captured are told apart from those of a connection that is whole.
import { describe, expect, it } from 'vitest'
import { type Ends, FlowCapture, reportOf, turned } from '../support/flow-captures.ts'

const WEB: Ends = { source: '10.1.0.5', destination: '10.9.0.7', sourcePort: 41000, destinationPort: 8443 }
const ACK = { flags: 0x10, acknowledgment: 5001 }
const SYN = { flags: 0x02, sequence: 1000 }
const SYN_ACK = { flags: 0x12, sequence: 5000, acknowledgment: 1001 }

async function counts(capture: FlowCapture): Promise<[number, number]> {
  const { packets, invalid } = await reportOf([capture])
  return [packets.invalid, invalid.reduce((sum, { partial }) => sum + partial, 0)]
}

describe('INVALID packets', () => {
  it('of a connection without its answers are of the capture', async () => {
    const requests = new FlowCapture()
      .segment(WEB, SYN)
      .segment(WEB, { ...ACK, sequence: 1001 })
      .segment(WEB, { ...ACK, sequence: 1001, payload: 10 })
    expect(await counts(requests)).toEqual([2, 2])
  })

  it('of a connection whose answer came before its request are not', async () => {
    const reordered = new FlowCapture()
      .segment(turned(WEB), SYN_ACK)
      .segment(WEB, SYN)
      .segment(WEB, { ...ACK, sequence: 1001 })
    // what the client acknowledges was not seen on its way to it, so that nobody knows what became of the ACK
    expect(await counts(reordered)).toEqual([1, 0])
  })

  it('of a whole connection are not', async () => {
    const whole = new FlowCapture()
      .exchange(WEB)
      .segment(turned(WEB), { flags: 0x18, sequence: 90_000_000, acknowledgment: 1011, payload: 10 })
    expect(await counts(whole)).toEqual([1, 0])
  })
})
