// A SYN/ACK that answers an older SYN does no harm: packetdrill/conntrack_synack_old.pkt of the kernel's selftests.
import { describe, expect, it } from 'vitest'
import { playScript } from '../support/segments.ts'

const SCRIPT = `
    0.1   > S 0:0(0) win 65535 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 8>  | new original SYN_SENT
    // acknowledges what was never sent
    +0.1  < S. 145824453:145824453(0) ack 643160523 win 240 <mss 1440,nop,nop,TS val 1 ecr 1,nop,wscale 0>  | invalid "ACK is over upper bound"
    +1.01 > S 0:0(0) win 65535 <mss 1460,sackOK,TS val 1015 ecr 0,nop,wscale 8>  | new original SYN_SENT
    // the right one, with a lower sequence number than the one before
    +0    < S. 145758918:145758918(0) ack 1 win 250 <mss 1460,nop,nop,TS val 1 ecr 1,nop,wscale 0>  | established reply SYN_RECV
    +0    > . 1:1(0) ack 145758919 win 256 <nop,nop,TS val 1067 ecr 1>  | established original ESTABLISHED assured
    +0    > P. 1:2(1) ack 145758919 win 256 <nop,nop,TS val 1067 ecr 1>  | established original ESTABLISHED assured`

describe.each([4, 6] as const)('IPv%i', family => {
  it('takes the right SYN/ACK after a wrong one', () => {
    const { expected, actual } = playScript(SCRIPT, family)
    expect(actual).toEqual(expected)
  })
})
