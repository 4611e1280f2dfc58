// The words of stale-source-mapping.
import { conntrack, forEachFlow } from './conntrack-command.ts'
import { addressText, advice, counted, firstFlow, number, type Wording } from './wording.ts'

export const staleSourceMapping: Wording = {
  title: () => 'packets still leave with a source address that the host gives to no new connection any more',
  cause: () =>
    'the source address of a masqueraded connection is chosen once, with its first packet. The address of the host has ' +
    'changed since, and each packet renews the entry: who sends more often than the timeout keeps the old one',
  fix: facts => [
    advice(
      'delete the entries with the old address (MASQUERADE does so itself when its interface goes down or loses the address, SNAT does not)',
      ...forEachFlow(facts, ({ protocol, client, server, translated }) =>
        conntrack('-D', {
          protocol,
          source: client,
          destination: server,
          replyDestination: translated?.client ?? null,
        }),
      ),
    ),
  ],
  check: facts => {
    const old = firstFlow(facts)?.translated?.client ?? null
    return old === null
      ? []
      : [
          advice('whether the host has the address still', `ip -brief addr | grep -wF ${addressText(old)}`),
          advice('entries that use it', `conntrack -L --reply-dst ${addressText(old)}`),
        ]
  },
  reasons: {
    'later-source': values =>
      `${counted(number(values, 'answered'), 'flow that began', 'flows that began')} later left with another source address and ${number(values, 'answered') === 1 ? 'was' : 'were'} answered; none that began since then got this one, and it has not been answered since`,
  },
  steps: {
    'old-source': () => 'packets with the old source address: the first and the last',
  },
}
