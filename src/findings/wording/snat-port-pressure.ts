// The words of snat-port-pressure.
import { IPPROTO_UDP } from '../../net/numbers.ts'
import { shellWord } from '../../net/shell-word.ts'
import type { Values } from '../facts/facts.ts'
import { moreLocalPorts } from './remedies.ts'
import { advice, adviceFor, counted, endText, firstFlow, number, placeOf, type Wording } from './wording.ts'

const KNOWN: Record<number, string> = {
  64: "as Google Cloud NAT's default for a machine",
  1024: "as Azure Load Balancer's default for a machine",
}

export const snatPortPressure: Wording = {
  title: ({ flowCount, values }) => {
    const lost = number(values, 'lost')
    return `Source ports to one destination are nearly used up (${counted(flowCount, 'destination')}${lost > 0 ? `, ${counted(lost, 'connection')} lost` : ''})`
  },
  countsItself: true,
  cause: ({ values }) =>
    values.isTranslated === true
      ? 'a translated address has one port for each connection to the same destination, and a closed connection holds ' +
        'its port until its entry is gone (TIME_WAIT, 120 s): whoever comes when none is left is dropped (insert_failed of `conntrack -S`)'
      : 'an address has one port for each connection to the same destination, and a closed one may hold its port for a ' +
        'while (TIME_WAIT). No translation of these was seen here: they are sockets of a host, whose programs get ' +
        'EADDRNOTAVAIL ("Cannot assign requested address") when none is left, or NAT elsewhere gave them their ports',
  fix: facts =>
    facts.values.isTranslated === true
      ? [
          advice('more source addresses: SNAT to a range of them (--to-source) at the rule that translates'),
          advice('connections that stay open (keep-alive)'),
          advice(
            'or entries that go sooner once they are closed',
            'sysctl -w net.netfilter.nf_conntrack_tcp_timeout_time_wait=30',
          ),
        ]
      : [
          advice('connections that stay open (keep-alive)'),
          moreLocalPorts('on the host of the sockets', firstFlow(facts)?.client ?? null),
          advice('where NAT elsewhere chose the ports: more addresses or ports there'),
        ],
  check: facts => {
    if (facts.values.isTranslated === true) return [advice('insert_failed grows', 'conntrack -S')]
    const flow = firstFlow(facts)
    const sockets = flow?.protocol === IPPROTO_UDP ? 'ss -Huan' : 'ss -Htan'
    return [
      adviceFor(
        placeOf('client', flow?.client ?? null),
        'on the host with that address: the ports there are, and sockets in TIME_WAIT',
        'sysctl net.ipv4.ip_local_port_range',
        'ss -s',
        ...(flow === null ? [] : [`${sockets} dst ${shellWord(endText(flow.server))} | wc -l`]),
      ),
      advice('insert_failed grows, where the host of the NAT is Linux', 'conntrack -S'),
    ]
  },
  reasons: {
    refused: values =>
      `${range(values)} were in use${known(values)}, and ${number(values, 'refused')} connections that came then did not leave the host`,
    local: values =>
      `${number(values, 'peak')} ports in use by entries, net.ipv4.ip_local_port_range has ${number(values, 'most')} by default`,
    nat: values => `${number(values, 'peak')} ports in use of ${number(values, 'most')}, all that NAT takes`,
    range: values =>
      `${range(values)} were in use at once${known(values)}, and ${number(values, 'further')} further connections took none beyond them`,
  },
  steps: {
    peak: values => `${number(values, 'peak')} ports in use at once`,
    refused: () => 'connections that came then and did not leave',
  },
}

function range(values: Values): string {
  return `${number(values, 'peak')} of the ${number(values, 'span')} ports from ${number(values, 'lowest')} to ${number(values, 'highest')}`
}

function known(values: Values): string {
  const span = number(values, 'span')
  return KNOWN[span] === undefined ? '' : ` (${span} ports, ${KNOWN[span]})`
}
