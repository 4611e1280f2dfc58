// The words of reply-other-interface.
import { addressText, advice, firstFlow, number, type Wording } from './wording.ts'

export const replyOtherInterface: Wording = {
  title: () =>
    'answers leave by another interface than their requests came in by, and the connections never open',
  cause: () =>
    'the answers are routed by their destination alone: with two uplinks they take the default route, and that provider ' +
    'drops a source address that is not its own',
  fix: () => [
    advice(
      'remember with the connection by which uplink it came, and route its answers by that mark',
      'iptables -t mangle -A PREROUTING -m conntrack --ctdir REPLY -j CONNMARK --restore-mark',
    ),
    advice(
      'and for each uplink: a mark set on what comes in by it, a table with its gateway, and a rule for the mark (ip rule)',
    ),
  ],
  check: facts => {
    const client = firstFlow(facts)?.client ?? null
    return client === null
      ? []
      : [
          advice('where answers to this client go', `ip route get ${addressText(client)}`),
          advice('rules that would choose otherwise', 'ip rule'),
        ]
  },
  reasons: {
    'never-opens': values =>
      `${number(values, 'answers')} SYN-ACKs left there, and the client has acknowledged none of them`,
  },
  steps: {
    'syn-in': () => 'the SYN, as it was forwarded',
    'answer-out': () => 'SYN-ACKs leave by another interface: the first and the last',
  },
}
