// A SYN within an established connection leads to a new one: packetdrill/conntrack_synack_reuse.pkt of the kernel's selftests.
import { describe, expect, it } from 'vitest'
import { playScript } from '../support/segments.ts'

const SCRIPT = `
    0     > S 0:0(0) win 32792 <mss 1000,nop,wscale 7,TS val 1 ecr 0,nop,nop>      | new original SYN_SENT
    +0    < S. 0:0(0) ack 1 win 65535 <mss 1460,nop,nop,TS val 100 ecr 1,nop,wscale 8>  | established reply SYN_RECV
    +.01  > . 1:1(0) ack 1 win 257 <TS val 1 ecr 100,nop,nop>                      | established original ESTABLISHED assured
    +0    > P. 1:101(100) ack 1 win 257 <TS val 2 ecr 100,nop,nop>                 | established original ESTABLISHED assured
    +.001 < . 1:1(0) ack 101 win 256 <nop,nop,TS val 110 ecr 2>                    | established reply ESTABLISHED assured
    // the client has forgotten the connection
    1.0   > S 2000:2000(0) win 32792 <mss 1000,nop,wscale 7,TS val 233 ecr 0,nop,nop>  | established original ESTABLISHED assured "ignored"
    +0    < . 1:1(0) ack 101 win 256 <nop,nop,TS val 112 ecr 2>                    | established reply ESTABLISHED assured
    +0    > R. 101:101(0) ack 1 win 257                                            | established original CLOSE assured
    1.5   > S 2000:2000(0) win 32792 <mss 1000,nop,wscale 0,TS val 233 ecr 0,nop,nop>  | new original SYN_SENT
    +0    < S. 0:0(0) ack 2001 win 65535 <mss 1460,nop,nop,TS val 100 ecr 1,nop,wscale 8>  | established reply SYN_RECV`

describe.each([4, 6] as const)('IPv%i', family => {
  it('lets challenge ACK and RST pass, and the SYN open a new connection', () => {
    const { expected, actual } = playScript(SCRIPT, family)
    expect(actual).toEqual(expected)
  })
})
