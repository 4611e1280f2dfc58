// A RST that is not exact does not end an established connection: packetdrill/conntrack_rst_invalid.pkt of the kernel's selftests.
import { describe, expect, it } from 'vitest'
import { playScript } from '../support/segments.ts'

const ESTABLISHED = `
    0.1  > S 0:0(0) win 65535 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 8>  | new original SYN_SENT
    +0.1 < S. 0:0(0) ack 1 win 65535 <mss 1460>     | established reply SYN_RECV
    +0   > . 1:1(0) ack 1 win 65535                 | established original ESTABLISHED assured
    +0   < . 1:1001(1000) ack 1 win 65535           | established reply ESTABLISHED assured
    +0   < . 1001:2001(1000) ack 1 win 65535        | established reply ESTABLISHED assured
    +0   < . 2001:3001(1000) ack 1 win 65535        | established reply ESTABLISHED assured
    +0   > . 1:1(0) ack 1001 win 65535              | established original ESTABLISHED assured
    +0   > . 1:1(0) ack 2001 win 65535              | established original ESTABLISHED assured
    +0   > . 1:1(0) ack 3001 win 65535              | established original ESTABLISHED assured`

const REFUSED = `${ESTABLISHED}
    // below what was acknowledged, beyond the window, in the window but below
    +0   < R 0:0(0) win 0                           | invalid "invalid rst"
    +0   < R 1000000:1000000(0) win 0               | invalid "SEQ is over upper bound"
    +0   < R 42:42(0) win 0                         | invalid "invalid rst"
    +0   > P. 1:1001(1000) ack 3001 win 65535       | established original ESTABLISHED assured
    +0   < . 3001:3001(0) ack 1001 win 65535        | established reply ESTABLISHED assured
    +0   < R. 3000:3000(0) ack 1001 win 0           | invalid "invalid rst"
    // the exact next sequence number
    +0   < R. 3001:3001(0) ack 1001 win 0           | established reply CLOSE assured`

const IGNORED = `${ESTABLISHED}
    +0   < R 42:42(0) win 0                         | established reply ESTABLISHED assured
    +0   > P. 1:1001(1000) ack 3001 win 65535       | established original ESTABLISHED assured`

describe.each([4, 6] as const)('IPv%i', family => {
  it('refuses a RST that is not exact, and believes the exact one', () => {
    const { expected, actual } = playScript(REFUSED, family)
    expect(actual).toEqual(expected)
  })

  it('lets an inexact RST pass with nf_conntrack_tcp_ignore_invalid_rst, and keeps the connection', () => {
    const { expected, actual } = playScript(IGNORED, family, { nf_conntrack_tcp_ignore_invalid_rst: 1 })
    expect(actual).toEqual(expected)
  })
})
