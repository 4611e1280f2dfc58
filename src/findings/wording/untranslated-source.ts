// The words of untranslated-source.
import { addressText, advice, counted, firstFlow, iptables, number, type Wording } from './wording.ts'

export const untranslatedSource: Wording = {
  title: () => 'packets leave for the Internet with a private source address, where others are masqueraded',
  cause: () =>
    'no rule translates them, or they do not meet it: another protocol, another source, an entry that is older than the ' +
    'rule. Nobody out there can answer a private address',
  fix: facts => {
    const client = firstFlow(facts)?.client ?? null
    return client === null
      ? []
      : [
          advice(
            'masquerade them, too',
            `${iptables(facts)} -t nat -A POSTROUTING -s ${addressText(client)} -j MASQUERADE`,
          ),
        ]
  },
  check: () => [
    advice('the rules that masquerade, with their counters', 'iptables -t nat -L POSTROUTING -v -n'),
  ],
  reasons: {
    'others-masqueraded': values =>
      `${counted(number(values, 'masqueraded'), 'flow')} that left by the same interface ${number(values, 'masqueraded') === 1 ? 'was' : 'were'} masqueraded and answered; ${number(values, 'packets')} packets of this one were not, and nobody answered`,
  },
  steps: {
    leaves: () => 'packets leave with their private source: the first and the last',
  },
}
