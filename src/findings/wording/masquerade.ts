// Rules that have answers come back through the host that translated: masquerade of what a client sends to a backend.
import type { Facts } from '../facts/facts.ts'
import { addressText, answererOf, firstFlow, iptables } from './wording.ts'

/** `iptables -t nat -A POSTROUTING -s CLIENT -d BACKEND … -j MASQUERADE` for the first flow. */
export function masqueradeRule(facts: Facts, match = '-m conntrack --ctstate DNAT'): string {
  const client = firstFlow(facts)?.client ?? null
  const backend = answererOf(facts)
  const ends = [
    ...(client === null ? [] : ['-s', addressText(client)]),
    ...(backend === null ? [] : ['-d', addressText(backend)]),
  ]
  return [iptables(facts), '-t nat -A POSTROUTING', ...ends, match, '-j MASQUERADE'].join(' ')
}
