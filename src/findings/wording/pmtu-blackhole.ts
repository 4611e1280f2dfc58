// The words of pmtu-blackhole.
import { IPPROTO_TCP } from '../../net/numbers.ts'
import type { Facts, Values } from '../facts/facts.ts'
import { ruleThatDrops } from './given.ts'
import {
  type Advice,
  addressText,
  advice,
  counted,
  end,
  firstFlow,
  iptables,
  isIpv6,
  number,
  type Wording,
} from './wording.ts'

/** Bytes of the headers of IP and TCP. */
const HEADERS = 40
const HEADERS_IPV6 = 60

export const pmtuBlackhole: Wording = {
  title: facts => `Packets above the path MTU${mtuOf(facts)} are lost: the sender does not learn of it`,
  cause: facts => {
    const rules = facts.reasons
      .filter(({ code }) => code === 'rule-drops')
      .map(({ values }) => ruleThatDrops(values))
    if (rules.length > 0)
      return `this host does not pass the error on to the sender: ${rules.join(', ')} drops it; the sender repeats what cannot pass`
    switch (facts.reasons[0]?.code) {
      case 'stays':
        return 'the error comes into this host, RELATED to its connection, and does not leave toward the sender, which repeats what cannot pass. Most often a rule drops ICMP'
      case 'passed-on':
        return 'the error goes on to the sender, which repeats what cannot pass: a firewall there, or on the way to it, drops ICMP'
      default:
        return 'the error does not reach the sender, which repeats what cannot pass: a firewall on the way, or on the sender, drops ICMP'
    }
  },
  fix: facts => [
    ...(facts.reasons[0]?.code === 'stays'
      ? [
          advice(
            'let errors of known connections pass',
            `${iptables(facts)} -I FORWARD ${errorMatch(facts)} -j ACCEPT`,
          ),
        ]
      : [
          advice(
            'on the sender, and on firewalls before it: let errors of known connections in',
            `${iptables(facts)} -I INPUT ${errorMatch(facts)} -j ACCEPT`,
          ),
        ]),
    ...clamp(facts),
    advice('or have the sender find out without errors (TCP)', 'sysctl -w net.ipv4.tcp_mtu_probing=1'),
  ],
  check: facts => {
    const flow = firstFlow(facts)
    const isFromClient = facts.steps.find(({ code }) => code === 'again')?.values.isFromClient === true
    const receiver = flow === null ? null : isFromClient ? flow.server : flow.client
    return receiver === null
      ? []
      : [
          advice(
            'on the sender: a route with the smaller mtu is learned from the error',
            `ip route get ${addressText(receiver)}`,
          ),
        ]
  },
  reasons: {
    stays: values =>
      `${errors(values)} came in and did not leave by where the sender's packets come in; ${again(values)}`,
    'passed-on': values => `${errors(values)} went on toward the sender; ${again(values)}`,
    'goes-on': values => `${errors(values)} came by here; ${again(values)}`,
  },
  steps: {
    error: values =>
      `${end(values, 'router')} says that packets of more than ${number(values, 'mtu')} bytes do not pass: the first and the last time`,
    again: values =>
      `${values.isFromClient === true ? 'the client' : 'the server'} sends ${counted(number(values, 'again'), 'packet')} as large as before`,
  },
}

function errors(values: Values): string {
  return `${counted(number(values, 'errors'), 'error')} with MTU ${number(values, 'mtu')}`
}

function again(values: Values): string {
  return `after the first the sender sent ${counted(number(values, 'again'), 'packet')} that ${number(values, 'again') === 1 ? 'is' : 'are'} as large, none smaller, and none was acknowledged`
}

function mtuOf({ reasons }: Facts): string {
  const mtu = reasons[0]?.values.mtu
  return typeof mtu === 'number' ? ` of ${mtu}` : ''
}

function errorMatch(facts: Facts): string {
  const type = isIpv6(facts)
    ? '-p ipv6-icmp --icmpv6-type packet-too-big'
    : '-p icmp --icmp-type fragmentation-needed'
  return `${type} -m conntrack --ctstate RELATED`
}

/** What keeps TCP below the MTU, whatever becomes of errors. */
function clamp(facts: Facts): Advice[] {
  const mtu = facts.reasons[0]?.values.mtu
  if (typeof mtu !== 'number' || firstFlow(facts)?.protocol !== IPPROTO_TCP) return []
  const mss = mtu - (isIpv6(facts) ? HEADERS_IPV6 : HEADERS)
  return [
    advice(
      'or, for TCP: have both sides agree on segments that pass',
      `${iptables(facts)} -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss ${mss}`,
    ),
  ]
}
