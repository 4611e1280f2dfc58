// A RST that is not exact ends a connection that is being closed: packetdrill/conntrack_inexact_rst.pkt of the kernel's selftests.
import { describe, expect, it } from 'vitest'
import { playScript } from '../support/segments.ts'

const SCRIPT = `
    0.1  > S 0:0(0) win 65535 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 8>  | new original SYN_SENT
    +0.1 < S. 0:0(0) ack 1 win 65535 <mss 1460>     | established reply SYN_RECV
    +0   > . 1:1(0) ack 1 win 65535                 | established original ESTABLISHED assured
    +0   < . 1:1001(1000) ack 1 win 65535           | established reply ESTABLISHED assured
    +0   < . 1001:2001(1000) ack 1 win 65535        | established reply ESTABLISHED assured
    +0   < . 2001:3001(1000) ack 1 win 65535        | established reply ESTABLISHED assured
    +0   > . 1:1(0) ack 1001 win 65535              | established original ESTABLISHED assured
    +0   > . 1:1(0) ack 2001 win 65535              | established original ESTABLISHED assured
    +0   > . 1:1(0) ack 3001 win 65535              | established original ESTABLISHED assured
    +0   > P. 1:1001(1000) ack 3001 win 65535       | established original ESTABLISHED assured
    +0.1 < F. 3001:3001(0) ack 1001 win 65535       | established reply FIN_WAIT assured
    +0   > . 1001:1001(0) ack 3002 win 65535        | established original CLOSE_WAIT assured
    // the client closes with data unread
    +1   > R. 1001:1001(0) ack 3002 win 65535       | established original CLOSE assured
    // the server has no socket any more
    +0.1 < R 2001:2001(0) win 0                     | established reply CLOSE assured`

describe.each([4, 6] as const)('IPv%i', family => {
  it('accepts any RST once the connection is closing', () => {
    const { expected, actual } = playScript(SCRIPT, family)
    expect(actual).toEqual(expected)
  })
})
