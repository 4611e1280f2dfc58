// Rules that have answers come back through the host that translated: masquerade of what clients send to backends.
import { shellWord } from '../../net/shell-word.ts'
import type { Facts, FlowFacts } from '../facts/facts.ts'
import { forEachFlow } from './conntrack-command.ts'
import { addressText, iptables } from './wording.ts'

/**
 * `iptables -t nat -A POSTROUTING -s CLIENT -d BACKEND … -j MASQUERADE`, one for each pair of a client and a backend;
 * where the network is known that both are in, one for all of them.
 */
export function masqueradeRules(
  facts: Facts,
  match: (flow: FlowFacts) => string = () => '-m conntrack --ctstate DNAT',
): string[] {
  const { network, bridge, device = bridge } = facts.values
  if (typeof network === 'string' && typeof device === 'string')
    return [
      rule(facts, ['-s', network, '-d', network, '-o', shellWord(device)], '-m conntrack --ctstate DNAT'),
    ]
  return forEachFlow(facts, flow => {
    const { client, server, translated } = flow
    const source = client === null ? [] : ['-s', addressText(client)]
    return rule(facts, [...source, '-d', addressText(translated?.server ?? server)], match(flow))
  })
}

function rule(facts: Facts, ends: readonly string[], match: string): string {
  return [iptables(facts), '-t nat -A POSTROUTING', ...ends, match, '-j MASQUERADE']
    .filter(part => part !== '')
    .join(' ')
}
