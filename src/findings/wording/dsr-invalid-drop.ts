// The words of dsr-invalid-drop.
import { shellWord } from '../../net/shell-word.ts'
import type { Facts, FlowFacts, Values } from '../facts/facts.ts'
import { forEachFlow } from './conntrack-command.ts'
import { addressText, advice, iptables, isIpv6, text, type Wording } from './wording.ts'

export const dsrInvalidDrop: Wording = {
  title: () => 'Host sees one direction only, and drops what follows the SYN as INVALID',
  cause: () =>
    'the replies take another path, so the entry stays SYN_SENT [UNREPLIED] and every further packet is INVALID; a rule ' +
    'drops INVALID packets',
  fix: facts => {
    const { place, tool } = facts.values
    const each = (command: (path: string) => string): string[] =>
      forEachFlow(facts, flow => command(pathOf(flow)))
    return [
      typeof place === 'string'
        ? advice(
            `let this path pass in front of ${place}`,
            ...(tool === 'nft'
              ? forEachFlow(facts, flow => nftAccept(facts, flow))
              : each(path => accept(facts, path))),
          )
        : advice(
            'let this path pass in front of the rule that drops INVALID, in its table and chain; if that is FORWARD of the filter table',
            ...each(path => `${iptables(facts)} -I FORWARD ${path} -j ACCEPT`),
          ),
      advice(
        'or do not track it',
        ...each(path => `${iptables(facts)} -t raw -A PREROUTING ${path} -j CT --notrack`),
      ),
    ]
  },
  check: facts => [
    advice(
      'the rule, with its counters',
      facts.values.tool === 'nft'
        ? `nft list chain ${nftChain(facts.values)}`
        : `${iptables(facts)}-save -c | grep -i invalid`,
    ),
  ],
  reasons: {
    'one-side': () =>
      'the SYN was seen on both sides of the host, what follows on one alone, and it acknowledges an answer that never passed here',
  },
  steps: {
    'syn-in': () => 'SYN comes in',
    'syn-out': () => 'SYN leaves',
    stays: () => 'further packets come in, and do not leave',
  },
}

function pathOf({ client, server, translated }: FlowFacts): string {
  const source = client === null ? '' : `-s ${addressText(client)} `
  return `${source}-d ${addressText(translated?.server ?? server)}`
}

function accept(facts: Facts, path: string): string {
  const table = text(facts.values, 'table')
  const isOther = table === 'filter' ? '' : ` -t ${shellWord(table)}`
  return `${iptables(facts)}${isOther} -I ${shellWord(text(facts.values, 'chain'))} ${path} -j ACCEPT`
}

/** What a chain of iptables accepts a chain of nft may still drop: it has to be let pass in its own. */
function nftAccept(facts: Facts, { client, server, translated }: FlowFacts): string {
  const family = isIpv6(facts) ? 'ip6' : 'ip'
  const path = [
    ...(client === null ? [] : [`${family} saddr ${addressText(client)}`]),
    `${family} daddr ${addressText(translated?.server ?? server)}`,
  ].join(' ')
  return `nft insert rule ${nftChain(facts.values)} ${path} accept`
}

function nftChain(values: Values): string {
  const [family = '', table = ''] = text(values, 'table').split(' ')
  return [family, table, text(values, 'chain')].map(shellWord).join(' ')
}
