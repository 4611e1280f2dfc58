// The words of lost-in-host.
import type { Facts } from '../facts/facts.ts'
import { ruleThatDrops } from './given.ts'
import { advice, counted, number, text, type Wording } from './wording.ts'

export const lostInHost: Wording = {
  title: facts =>
    isByInterface(facts)
      ? 'connections that come in by one interface are lost inside the host, which forwards those of another'
      : 'only the first packets of a flow are forwarded, the others are lost inside the host',
  cause: facts => {
    const rules = facts.reasons.filter(({ code }) => code === 'rule-drops')
    if (rules.length > 0)
      return `in this host: ${rules.map(({ values }) => ruleThatDrops(values)).join(', ')} drops them`
    const own = facts.reasons.find(({ code }) => code === 'host-drops')
    if (own !== undefined)
      return `in this host, which drops them before any rule does: ${text(own.values, 'why')}`
    return isByInterface(facts)
      ? 'in this host; by the packets alone no rule or setting can be named. What is dropped by its interface is most ' +
          'often dropped by rp_filter=1, where the way back to the client is another one, or by a rule that names the interface'
      : 'in this host; by the packets alone no rule or setting can be named. The first packet of a flow passes the nat ' +
          'table, later ones do not: what depends on a mark or a verdict of a rule there is different for them'
  },
  fix: facts =>
    isByInterface(facts)
      ? [
          advice(
            'let in packets whose way back is another interface',
            'sysctl -w net.ipv4.conf.all.rp_filter=2',
          ),
        ]
      : [
          advice(
            'have rules of FORWARD accept what is ESTABLISHED or UNREPLIED alike: a mark that a rule of the nat table sets is on first packets alone',
          ),
        ],
  check: facts => [
    ...(isByInterface(facts)
      ? [
          advice('whether the kernel checks the way back', "sysctl -ar 'net.ipv4.conf.*.rp_filter'"),
          advice('packets dropped so', 'nstat -az TcpExtIPReversePathFilter'),
        ]
      : []),
    advice('which rule counts the packets that are lost', 'iptables-save -c', 'nft list ruleset'),
  ],
  reasons: {
    'by-interface': values =>
      `${counted(number(values, 'stayed'), 'SYN')} came in and did not leave, and nobody answered; the same client reaches the same port by another interface`,
    'all-but-first': values =>
      `${counted(number(values, 'passed'), 'packet')} left, ${number(values, 'stayed')} later ones came in and did not, and other packets left there meanwhile; nobody answered`,
  },
  steps: {
    leaves: () => 'a packet of it leaves',
    stays: () => 'packets come in and do not leave: the first and the last',
  },
}

function isByInterface({ reasons }: Facts): boolean {
  return reasons[0]?.code === 'by-interface'
}
