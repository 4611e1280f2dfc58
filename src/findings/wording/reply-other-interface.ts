// The words of reply-other-interface.
import type { Facts } from '../facts/facts.ts'
import { addressText, advice, firstFlow, isIpv6, number, type Wording } from './wording.ts'

export const replyOtherInterface: Wording = {
  title: () => 'Replies leave by another uplink; the connections never open',
  cause: () =>
    'the host routes replies by their destination alone: with two uplinks they take the default route, and a provider ' +
    'drops a source address that is not its own',
  fix: facts => [
    advice(
      'remember with each connection by which uplink it came, and route its answers back there. All of it is needed: in ' +
        'mangle PREROUTING a mark for each uplink on what comes in by it, saved with the connection (CONNMARK ' +
        '--save-mark), and restored on answers (--ctdir REPLY, CONNMARK --restore-mark); for each mark a routing table ' +
        `with the gateway of its uplink, and a rule that leads there (${ipTool(facts)} rule add fwmark)`,
    ),
  ],
  check: facts => {
    const client = firstFlow(facts)?.client ?? null
    return client === null
      ? []
      : [
          advice('where answers to this client go', `ip route get ${addressText(client)}`),
          advice('rules that would choose otherwise', `${ipTool(facts)} rule`),
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

function ipTool(facts: Facts): string {
  return isIpv6(facts) ? 'ip -6' : 'ip'
}
