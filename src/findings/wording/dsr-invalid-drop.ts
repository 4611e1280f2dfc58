// The words of dsr-invalid-drop.
import { shellWord } from '../../net/shell-word.ts'
import { addressText, advice, answererOf, firstFlow, iptables, type Wording } from './wording.ts'

export const dsrInvalidDrop: Wording = {
  title: () => 'the host sees one direction of the connection and drops what follows the SYN',
  cause: () =>
    'the answers take another way, so the entry stays SYN_SENT [UNREPLIED] and every further packet is INVALID; a rule ' +
    'drops INVALID packets',
  fix: facts => {
    const client = firstFlow(facts)?.client ?? null
    const server = answererOf(facts)
    const path = [
      ...(client === null ? [] : ['-s', addressText(client)]),
      ...(server === null ? [] : ['-d', addressText(server)]),
    ].join(' ')
    const { chain, place } = facts.values
    const isKnown = typeof chain === 'string' && typeof place === 'string'
    return [
      advice(
        isKnown
          ? `let this path pass in front of ${place}`
          : 'let this path pass in front of the rule that drops INVALID',
        `${iptables(facts)} -I ${isKnown ? shellWord(chain) : 'FORWARD'} ${path} -j ACCEPT`,
      ),
      advice('or do not track it', `${iptables(facts)} -t raw -A PREROUTING ${path} -j CT --notrack`),
    ]
  },
  check: facts => [advice('the rule, with its counters', `${iptables(facts)}-save -c | grep -i invalid`)],
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
