// The words of lost-in-host.

import { tableName } from '../../host/rules/ruleset.ts'
import { FORWARDS_NOTHING, REVERSE_PATH_FILTER } from '../../host/walk/host-routing.ts'
import { shellWord } from '../../net/shell-word.ts'
import type { Facts, Values } from '../facts/facts.ts'
import { forEachFlow } from './conntrack-command.ts'
import { ruleThatDrops } from './given.ts'
import {
  addressText,
  advice,
  counted,
  iptables,
  isIpv6,
  number,
  protocolArgument,
  text,
  toEnd,
  type Wording,
} from './wording.ts'

export const lostInHost: Wording = {
  title: facts => TITLES[codeOf(facts)] ?? '',
  cause: facts => {
    const rules = rulesThatDrop(facts)
    if (rules.length > 0) return `in this host: ${rules.join(', ')} drops them`
    const why = whyHostDrops(facts)
    if (why !== null) return `in this host, which drops them before any rule does: ${why}`
    if (isAllButFirst(facts))
      return (
        'in this host; by the packets alone no rule or setting can be named. The first packet of a flow passes the nat ' +
        'table, later ones do not: what depends on a mark or a verdict of a rule there is different for them'
      )
    const check = isIpv6(facts) ? 'a match of rpfilter (nft: fib)' : 'rp_filter=1'
    if (codeOf(facts) === 'answers-stay')
      return (
        'in this host; by the packets alone no rule or setting can be named. Answers are most often dropped by rules that let ' +
        `in ESTABLISHED alone and do not see it (NOTRACK of one direction, another zone), or by ${check} where they come in`
      )
    return codeOf(facts) === 'by-interface'
      ? 'in this host; by the packets alone no rule or setting can be named. What is dropped by its interface is most ' +
          `often dropped by ${check}, where the way back to the client is another one, or by a rule that names the interface`
      : 'in this host, behind the translation. What no rule drops is most often dropped by its routing: by ' +
          `${check}, which looks up the way back from the address that DNAT gave it (ip rule), or for want of a route`
  },
  fix: facts => {
    const drops = dropsOf(facts)
    if (drops.length > 0)
      return drops.map(values =>
        advice(
          `where they are meant to pass: a rule that accepts them before ${ruleThatDrops(values)} drops them`,
          ...acceptRules(facts, values),
        ),
      )
    const why = whyHostDrops(facts)
    if (why === FORWARDS_NOTHING)
      return [
        advice(
          'where this host is meant to forward them',
          `sysctl -w ${isIpv6(facts) ? 'net.ipv6.conf.all.forwarding' : 'net.ipv4.ip_forward'}=1`,
        ),
      ]
    if (why !== null && why !== REVERSE_PATH_FILTER)
      return [advice(`where they are meant to pass: mend on this host what it drops them for, ${why}`)]
    if (isAllButFirst(facts))
      return [
        advice(
          'have rules of FORWARD treat NEW and ESTABLISHED packets of it alike: a mark that a rule of the nat table sets is on first packets alone',
        ),
      ]
    return isIpv6(facts)
      ? [
          advice(
            'where a rule that checks the way back counts them: let in by it what comes that way (firewalld: IPv6_rpfilter)',
          ),
        ]
      : [
          advice(
            'where TcpExtIPReversePathFilter grows as they come: let in packets whose way back is another interface',
            'sysctl -w net.ipv4.conf.all.rp_filter=2',
          ),
        ]
  },
  check: facts => [
    ...(isAllButFirst(facts) || isIpv6(facts)
      ? []
      : [
          advice('packets dropped for their way back', 'nstat -az TcpExtIPReversePathFilter'),
          advice('where the kernel checks it: 1', "sysctl -ar 'net.ipv4.conf.*.rp_filter'"),
        ]),
    advice('which rule counts the packets that are lost', `${iptables(facts)}-save -c`, 'nft list ruleset'),
  ],
  reasons: {
    'by-interface': values =>
      `${counted(number(values, 'stayed'), 'SYN')} came in and did not leave, and nobody answered; the same client reaches the same port by another interface`,
    'all-but-first': values =>
      `${counted(number(values, 'passed'), 'packet')} left, ${number(values, 'stayed')} later ones came in and did not, and other packets left there meanwhile; nobody answered`,
    'answers-stay': values =>
      `${counted(number(values, 'passed'), 'request')} left; ${counted(number(values, 'stayed'), 'answer')} came in where they had left, and none went on to the client`,
    'never-left': values =>
      `${counted(number(values, 'stayed'), 'packet')} came in, none left by any interface, and nobody answered`,
  },
  steps: {
    leaves: () => 'a packet of it leaves',
    'answers-stay': () => 'answers come in and do not leave: the first and the last',
    stays: () => 'packets come in and do not leave: the first and the last',
  },
}

const TITLES: Readonly<Record<string, string>> = {
  'by-interface': 'Host loses connections of one interface and forwards those of another',
  'all-but-first': 'Host forwards only the first packets of a flow and loses the others',
  'answers-stay': 'Host loses answers: they come in and do not leave',
  'never-left': 'Host loses packets that a rule sends to another host',
}

/** What rules that were given say: those that dropped the packets when they were replayed. */
function rulesThatDrop(facts: Facts): string[] {
  return dropsOf(facts).map(ruleThatDrops)
}

function dropsOf({ reasons }: Facts): Values[] {
  return reasons.filter(({ code }) => code === 'rule-drops').map(({ values }) => values)
}

/** In the chain that drops: what another one accepts, this one still sees. */
function acceptRules(facts: Facts, values: Values): string[] {
  const table = text(values, 'table')
  const chain = text(values, 'chain')
  const [family = '', name = ''] = tableName(table).split(' ')
  // chains of PREROUTING are passed before DNAT, but for those that come behind it
  const isBefore = name === 'raw' || chain === 'PREROUTING' || chain === 'prerouting'
  const clients = new Set(facts.flows.map(({ client }) => (client === null ? '' : addressText(client))))
  return forEachFlow(facts, ({ protocol, client, server, translated }) => {
    const from = clients.size === 1 ? client : null
    const to = isBefore ? server : (translated?.server ?? server)
    if (table.startsWith('nft ')) {
      const ip = isIpv6(facts) ? 'ip6' : 'ip'
      const path = [
        ...(from === null ? [] : [`${ip} saddr ${addressText(from)}`]),
        `${ip} daddr ${addressText(to)}`,
        to.port < 0
          ? `meta l4proto ${protocolArgument(protocol)}`
          : `${protocolArgument(protocol)} dport ${to.port}`,
      ]
      return `nft insert rule ${[family, name, chain].map(shellWord).join(' ')} ${path.join(' ')} accept`
    }
    const path = [
      '-p',
      protocolArgument(protocol),
      ...(from === null ? [] : ['-s', addressText(from)]),
      toEnd(to),
    ]
    const where = name === 'filter' ? '' : ` -t ${shellWord(name)}`
    return `${iptables(facts)}${where} -I ${shellWord(chain)} ${path.join(' ')} -j ACCEPT`
  })
}

/** Why the host dropped them itself, by what was given of it; null: it did not. */
function whyHostDrops({ reasons }: Facts): string | null {
  const dropped = reasons.find(({ code }) => code === 'host-drops')
  return dropped === undefined ? null : text(dropped.values, 'why')
}

function codeOf({ reasons }: Facts): string {
  return reasons[0]?.code ?? ''
}

function isAllButFirst(facts: Facts): boolean {
  return codeOf(facts) === 'all-but-first'
}
