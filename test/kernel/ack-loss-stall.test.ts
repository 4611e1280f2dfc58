// Data that was acknowledged already and is sent again is let through: packetdrill/conntrack_ack_loss_stall.pkt of the kernel's selftests.
import { describe, expect, it } from 'vitest'
import { playScript } from '../support/segments.ts'

const SEGMENT = 1460
const ACKNOWLEDGED = 46

const exchanges = Array.from({ length: ACKNOWLEDGED }, (_, i) => {
  const [start, end] = [1 + i * SEGMENT, 1 + (i + 1) * SEGMENT]
  return `
    +0.0001 > P. ${start}:${end}(${SEGMENT}) ack 1 win 257  | established original ESTABLISHED assured
    +0      < . 1:1(0) ack ${end} win 65535                 | established reply ESTABLISHED assured`
}).join('')

const SCRIPT = `
    0    > S 0:0(0) win 32792 <mss 1000>           | new original SYN_SENT
    +0   < S. 0:0(0) ack 1 win 65535 <mss 1460>    | established reply SYN_RECV
    +.01 > . 1:1(0) ack 1 win 65535                | established original ESTABLISHED assured
    ${exchanges}
    // the acknowledgments were lost: the first segment comes again, by now below the window
    +0.0001 > P. 1:1461(1460) ack 1 win 257        | established original ESTABLISHED assured "SEQ is under lower bound"
    +0      < . 1:1(0) ack 67161 win 65535         | established reply ESTABLISHED assured`

describe.each([4, 6] as const)('IPv%i', family => {
  it('lets retransmitted data pass that was acknowledged already', () => {
    const { expected, actual } = playScript(SCRIPT, family)
    expect(actual).toEqual(expected)
  })
})
