// The words of dsr-invalid-drop.
import type { Endpoint } from '../../host/knowledge.ts'
import { shellWord } from '../../net/shell-word.ts'
import type { Facts, Values } from '../facts/facts.ts'
import {
  addressText,
  advice,
  answererOf,
  firstFlow,
  iptables,
  isIpv6,
  text,
  type Wording,
} from './wording.ts'

export const dsrInvalidDrop: Wording = {
  title: () => 'Host sees one direction only, and drops what follows the SYN as INVALID',
  cause: () =>
    'the replies take another path, so the entry stays SYN_SENT [UNREPLIED] and every further packet is INVALID; a rule ' +
    'drops INVALID packets',
  fix: facts => {
    const client = firstFlow(facts)?.client ?? null
    const server = answererOf(facts)
    const path = [
      ...(client === null ? [] : ['-s', addressText(client)]),
      ...(server === null ? [] : ['-d', addressText(server)]),
    ].join(' ')
    const { place } = facts.values
    return [
      typeof place === 'string'
        ? advice(
            `let this path pass in front of ${place}`,
            facts.values.tool === 'nft' ? nftAccept(facts, client, server) : accept(facts, path),
          )
        : advice(
            'let this path pass in front of the rule that drops INVALID, in its table and chain; if that is FORWARD of the filter table',
            `${iptables(facts)} -I FORWARD ${path} -j ACCEPT`,
          ),
      advice('or do not track it', `${iptables(facts)} -t raw -A PREROUTING ${path} -j CT --notrack`),
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

function accept(facts: Facts, path: string): string {
  const table = text(facts.values, 'table')
  const isOther = table === 'filter' ? '' : ` -t ${shellWord(table)}`
  return `${iptables(facts)}${isOther} -I ${shellWord(text(facts.values, 'chain'))} ${path} -j ACCEPT`
}

/** What a chain of iptables accepts a chain of nft may still drop: it has to be let pass in its own. */
function nftAccept(facts: Facts, client: Endpoint | null, server: Endpoint | null): string {
  const family = isIpv6(facts) ? 'ip6' : 'ip'
  const path = [
    ...(client === null ? [] : [`${family} saddr ${addressText(client)}`]),
    ...(server === null ? [] : [`${family} daddr ${addressText(server)}`]),
  ].join(' ')
  return `nft insert rule ${nftChain(facts.values)} ${path} accept`
}

function nftChain(values: Values): string {
  const [family = '', table = ''] = text(values, 'table').split(' ')
  return [family, table, text(values, 'chain')].map(shellWord).join(' ')
}
