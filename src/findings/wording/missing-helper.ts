// The words of missing-helper.
import { advice, firstFlow, iptables, text, type Wording } from './wording.ts'

const PORTS: Readonly<Record<string, string>> = { tftp: '-p udp --dport 69', ftp: '-p tcp --dport 21' }

export const missingHelper: Wording = {
  title: ({ values }) =>
    `No conntrack helper for ${text(values, 'helper')}: its second flow matches no entry`,
  cause: () =>
    'the server answers from another port, or opens a connection of its own. Only a conntrack helper, which reads the ' +
    'request, knows that it belongs to it and where to send it; since Linux 6.1 none is assigned unless a rule says so',
  fix: facts => {
    const helper = text(facts.values, 'helper')
    return firstFlow(facts) === null
      ? []
      : [
          advice(
            'assign the helper',
            `modprobe nf_nat_${helper}`,
            `${iptables(facts)} -t raw -A PREROUTING ${PORTS[helper]} -j CT --helper ${helper}`,
          ),
        ]
  },
  check: facts => [
    advice('helpers that rules assign', `${iptables(facts)}-save -t raw`, 'nft list ruleset'),
    advice('flows that are expected', 'conntrack -L expect'),
  ],
  reasons: {
    'expected-by-none': () =>
      'it comes from the server that was asked to the address and port that the request left with, is translated to nobody, and nobody answers it',
  },
  steps: {
    'comes-back': () => 'the first packet of the announced flow: NEW to conntrack',
  },
}
