// The words of snat-insert-race.
import { advice, end, number, text, type Wording } from './wording.ts'

export const snatInsertRace: Wording = {
  title: () => 'SNAT port collision: connections lost their first packet',
  cause: () =>
    'two hosts sent from the same source port to the same destination at the same moment: NAT gave both the same port ' +
    'before either entry was confirmed, and the second was dropped (insert_failed of `conntrack -S`)',
  fix: ({ values }) => {
    if (typeof values.rule === 'string')
      return [
        advice(
          `add --random-fully to ${text(values, 'place')}, and delete the rule without, which would be met first`,
          // in its place: what stands behind it in the chain stays behind it
          `${values.rule.replace(/ -A (\S+)/, ` -I $1 ${number(values, 'position')}`)} --random-fully`,
          values.rule.replace(/ -A /, ' -D '),
        ),
      ]
    if (typeof values.statement === 'string')
      return [advice(`add fully-random to ${text(values, 'place')}: ${values.statement} fully-random`)]
    return [
      advice(
        'have ports chosen at random: --random-fully at the rule with MASQUERADE or SNAT, fully-random in nft',
      ),
    ]
  },
  check: () => [advice('insert_failed grows', 'conntrack -S')],
  reasons: {
    once: () =>
      'two hosts used one source port to one destination within a millisecond; one packet left translated, the other did not leave',
    again: () =>
      'two hosts used one source port to one destination within a millisecond; one packet left translated, the other did not leave, again and again',
  },
  steps: {
    won: values => `first packet of ${end(values, 'client')}: left the host`,
    lost: values => `first packet of ${end(values, 'client')}: did not`,
  },
}
