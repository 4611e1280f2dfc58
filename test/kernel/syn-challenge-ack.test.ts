// A new SYN is answered by the challenge ACK of an old connection: packetdrill/conntrack_syn_challenge_ack.pkt of the kernel's selftests.
import { describe, expect, it } from 'vitest'
import { playScript } from '../support/segments.ts'

const SCRIPT = `
    0.1   > S 0:0(0) win 65535 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 8>  | new original SYN_SENT
    // the server still has the old connection
    +0.1  < . 145824453:145824453(0) ack 643160523 win 240 <mss 1460,nop,nop,TS val 1 ecr 1,nop,wscale 0>  | established reply SYN_SENT "ignored"
    +0.01 > R 643160523:643160523(0) win 0          | established original CLOSE
    // the same SYN again is a connection anew
    +1    > S 0:0(0) win 65535 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 8>  | new original SYN_SENT
    +0.1  < S. 0:0(0) ack 1 win 250 <mss 1460,nop,nop,TS val 1 ecr 1,nop,wscale 0>  | established reply SYN_RECV
    +0.01 > . 1:1(0) ack 1 win 256 <nop,nop,TS val 1 ecr 1>  | established original ESTABLISHED assured`

describe.each([4, 6] as const)('IPv%i', family => {
  it('lets the challenge ACK, its RST and the new handshake pass', () => {
    const { expected, actual } = playScript(SCRIPT, family)
    expect(actual).toEqual(expected)
  })
})
