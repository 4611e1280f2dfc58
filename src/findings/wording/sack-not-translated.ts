// The words of sack-not-translated.
import { addressText, advice, counted, firstFlow, iptables, number, type Wording } from './wording.ts'

export const sackNotTranslated: Wording = {
  title: ({ severity }) =>
    severity === 'error'
      ? 'SACK blocks name data that nobody sent; the connection failed'
      : 'SACK blocks name data that nobody sent: each loss waits for a timeout',
  cause: () =>
    'a box between this point and the side that sends the blocks rewrites sequence numbers, as firewalls do that ' +
    'randomize them, and leaves SACK as it is. The sender ignores such blocks, or the whole segment, and conntrack ' +
    'calls it INVALID where the block lies beyond the window',
  fix: facts => {
    const flow = firstFlow(facts)
    return [
      advice(
        'have the box translate SACK, or leave sequence numbers alone (Cisco ASA: set connection random-sequence-number disable)',
      ),
      ...(flow === null
        ? []
        : [
            advice(
              'or agree on no SACK across it: take the option out of SYNs on a router in front of it',
              `${iptables(facts)} -t mangle -A FORWARD -p tcp -d ${addressText(flow.server)} --syn -j TCPOPTSTRIP --strip-options sack-permitted`,
            ),
          ]),
      advice('or on either end, for all connections', 'sysctl -w net.ipv4.tcp_sack=0'),
    ]
  },
  check: () => [
    advice('on the sender: blocks that it threw away', 'nstat -az TcpExtTCPSACKDiscard TcpExtTCPTimeouts'),
  ],
  reasons: {
    failed: values =>
      `${outside(number(values, 'count'), number(values, 'shift'))}; what is missing was never acknowledged`,
    'went-on': values =>
      `${outside(number(values, 'count'), number(values, 'shift'))}; what was missing got through at last`,
  },
  steps: {
    first: () => 'SACK block outside of all that was sent',
    last: values => `the last of ${counted(number(values, 'count'), 'segment')} with such a block`,
  },
}

function outside(count: number, shift: number): string {
  return `${counted(count, 'segment')} with a SACK block ${shift} behind the acknowledgment (modulo 2^32), outside of all that was sent and of the window, by the same distance each time`
}
