// A SACK block far ahead of the acknowledgment makes a window so wide that the bounds wrap around, as they do in the kernel.
import { describe, expect, it } from 'vitest'
import { playScript } from '../support/segments.ts'

// found by random packets: the kernel ignores the last of them
const SCRIPT = `
    0     > S 0:0(0) win 1 <sackOK>  | new original SYN_SENT
    +0    < S. 0:0(0) ack 1 win 1368 <mss 1460,sackOK>  | established reply SYN_RECV
    +0    < P. 1:1(0) ack 1433850821 win 22393 <sack 2473605259:2473606600 268434363:268435457>  | established reply SYN_RECV
    +0    < . 0:0(0) ack 0 win 125  | established reply SYN_RECV "ignored ACK under lower bound"`

describe.each([4, 6] as const)('IPv%i', family => {
  it('ignores an acknowledgment that a wide window puts out of reach', () => {
    const { expected, actual } = playScript(SCRIPT, family)
    expect(actual).toEqual(expected)
  })
})
