// The words of lost-in-host.

import { tableName } from '../../host/rules/ruleset.ts'
import { FORWARDS_NOTHING, REVERSE_PATH_FILTER } from '../../host/walk/host-routing.ts'
import { shellWord } from '../../net/shell-word.ts'
import type { Facts, Values } from '../facts/facts.ts'
import { forEachFlow } from './conntrack-command.ts'
import { ruleThatDrops } from './given.ts'
import {
  type Advice,
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

/** Objects that commands name. */
const MOST_OBJECTS = 4

export const lostInHost: Wording = {
  title: facts =>
    isByObjects(facts)
      ? titleByObjects(facts)
      : isByRule(facts)
        ? titleByRule(facts)
        : (TITLES[codeOf(facts)] ?? ''),
  cause: facts => {
    if (isByObjects(facts)) return causeByObjects(facts)
    if (isByRule(facts)) return causeByRule(facts)
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
    if (isByObjects(facts)) return [fixByObjects(facts)]
    if (isByRule(facts)) return [fixByRule(facts)]
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
  check: facts =>
    isByObjects(facts)
      ? checkByObjects(facts)
      : [
          ...(isAllButFirst(facts) || isIpv6(facts) || isByRule(facts)
            ? []
            : [
                advice('packets dropped for their way back', 'nstat -az TcpExtIPReversePathFilter'),
                advice('where the kernel checks it: 1', "sysctl -ar 'net.ipv4.conf.*.rp_filter'"),
              ]),
          advice(
            'which rule counts the packets that are lost',
            `${iptables(facts)}-save -c`,
            'nft list ruleset',
          ),
        ],
  reasons: {
    'not-allowed': values =>
      `${counted(number(values, 'tries'), 'try', 'tries')} without an answer, and ${objectionOf(values)}, by the objects given, which are of one moment`,
    'dropped-by-rule': values => `${ruleThatDrops(values)} drops them, and nobody answered`,
    'refused-by-rule': values => `${ruleThatDrops(values)} refuses them`,
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
    unanswered: values =>
      `${counted(number(values, 'tries'), 'packet')} without an answer: the first and the last`,
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

function isByObjects(facts: Facts): boolean {
  return codeOf(facts) === 'not-allowed'
}

function titleByObjects({ reasons: [reason] }: Facts): string {
  const values = reason?.values ?? {}
  return values.objection === 'policy'
    ? `NetworkPolicy ${text(values, 'object')} does not allow what clients open, and nobody answers`
    : `Nobody answers what clients open: ${objectionOf(values)}`
}

/** What the objects say. */
function objectionOf(values: Values): string {
  const { objection } = values
  const object = text(values, 'object')
  const detail = text(values, 'detail')
  switch (objection) {
    case 'policy':
      return `NetworkPolicy ${object} isolates it (${detail}) and has no rule that allows it`
    case 'no-endpoints':
      return `no endpoint of ${object} is ready`
    case 'no-local-endpoints':
      return `${object} has traffic policy Local and no endpoint that is ready on ${detail}`
    case 'outside-ranges':
      return `${detail} is outside of loadBalancerSourceRanges of ${object}`
    default:
      return `Service ${object} has no such port`
  }
}

function causeByObjects({ reasons: [reason] }: Facts): string {
  const values = reason?.values ?? {}
  return values.objection === 'policy'
    ? `a policy, and no rule of kube-proxy: ${objectionOf(values)}. The network plugin of the pod's node enforces it`
    : `${objectionOf(values)}: kube-proxy lets nothing pass there`
}

function fixByObjects({ reasons: [reason] }: Facts): Advice {
  return reason?.values.objection === 'policy'
    ? advice('where it is meant to pass: a rule of one of these policies that allows its peer and port')
    : advice(
        'where it should serve: an endpoint that is ready, or the policy, ports and ranges of the Service',
      )
}

function checkByObjects({ reasons: [reason] }: Facts): Advice[] {
  const values = reason?.values ?? {}
  const objects = text(values, 'object').split(', ')
  const kind = values.objection === 'policy' ? 'networkpolicy' : 'service'
  return [
    advice(
      'whether they are still so',
      ...objects
        .filter((_, i) => i < MOST_OBJECTS)
        .map(object => {
          const [, namespace = '', name = ''] = /^([^/]*)\/([^:]*)/.exec(object) ?? []
          return `kubectl -n ${shellWord(namespace)} get ${kind} ${shellWord(name)} -o yaml`
        }),
    ),
  ]
}

function isByRule(facts: Facts): boolean {
  return codeOf(facts).endsWith('-by-rule')
}

function titleByRule(facts: Facts): string {
  const { place, comment, name, table, chain } = facts.reasons[0]?.values ?? {}
  const called = comment || name
  const rule =
    place === 'policy'
      ? `the policy of ${tableName(String(table))} ${chain}`
      : `${place}${called ? ` ("${called}")` : ''}`
  return codeOf(facts) === 'refused-by-rule'
    ? `Rule refuses what clients open, and tells them so: ${rule}`
    : `Rule drops what clients open: ${rule}`
}

function causeByRule({ reasons: [reason] }: Facts): string {
  const values = reason?.values ?? {}
  const service = serviceOf(values)
  switch (values.purpose) {
    case 'no-local-endpoints':
      return `${service} takes what comes to this node to its own endpoints alone (externalTrafficPolicy or internalTrafficPolicy Local), and this node has none: kube-proxy drops it, as configured`
    case 'no-endpoints':
      return `${service} has no endpoint that is ready: kube-proxy refuses what is sent there`
    case 'source-ranges':
      return `the client is outside of loadBalancerSourceRanges of ${service}: kube-proxy drops what it sends, as configured`
    case 'no-such-service':
      return 'no Service has this cluster address and port: kube-proxy lets nothing pass there'
    default:
      return 'the rule is meant for it, or came too early in its chain'
  }
}

function fixByRule({ reasons: [reason], flows: [flow] }: Facts): Advice {
  const values = reason?.values ?? {}
  const [, namespace = '', name = ''] = /^([^/]+)\/([^:]+)/.exec(String(values.name ?? '')) ?? []
  const kubectl = (what: string, more = ''): string[] =>
    name === '' ? [] : [`kubectl -n ${shellWord(namespace)} ${what} ${shellWord(more + name)}`]
  const slices = kubectl('get endpointslices -l', 'kubernetes.io/service-name=')
  switch (values.purpose) {
    case 'no-local-endpoints':
      return advice(
        'send to nodes that have an endpoint (a load balancer learns that at healthCheckNodePort), have one on each node, or take policy Cluster',
        ...slices,
      )
    case 'no-endpoints':
      return advice('where it should serve: find out why none of its endpoints is ready', ...slices)
    case 'source-ranges':
      return advice(
        `where ${flow?.client ? addressText(flow.client) : 'the client'} is meant to reach it: add its network to loadBalancerSourceRanges`,
        ...kubectl('edit service'),
      )
    case 'no-such-service':
      return advice('ask for an address and port that a Service has', 'kubectl get services -A -o wide')
    default:
      return advice(`where they are meant to pass: a rule that accepts them before ${ruleThatDrops(values)}`)
  }
}

function serviceOf({ name }: Values): string {
  return typeof name === 'string' && name !== '' ? `Service ${name}` : 'the Service'
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
