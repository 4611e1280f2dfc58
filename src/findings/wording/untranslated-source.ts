// The words of untranslated-source.
import { conntrack } from './conntrack-command.ts'
import { addressText, advice, counted, firstFlow, iptables, number, type Wording } from './wording.ts'

export const untranslatedSource: Wording = {
  title: () => 'Packets leave for the Internet with a private source address',
  cause: () =>
    'no rule translates them, or they do not meet it: another protocol, another source, an entry that is older than the ' +
    'rule. Nobody out there can answer a private address',
  fix: facts => {
    const flow = firstFlow(facts)
    return flow?.client
      ? [
          advice(
            'have the rule that masquerades the others match them, too; or one for this destination alone',
            `${iptables(facts)} -t nat -A POSTROUTING -s ${addressText(flow.client)} -d ${addressText(flow.server)} -j MASQUERADE`,
          ),
          advice(
            'and delete the entry, where it is older than the rule',
            conntrack('-D', { protocol: flow.protocol, source: flow.client, destination: flow.server }),
          ),
        ]
      : []
  },
  check: facts => [
    advice(
      'the rules that masquerade, with their counters',
      `${iptables(facts)} -t nat -L POSTROUTING -v -n`,
    ),
  ],
  reasons: {
    'others-masqueraded': values =>
      `${counted(number(values, 'masqueraded'), 'flow')} that left by the same interface ${number(values, 'masqueraded') === 1 ? 'was' : 'were'} masqueraded and answered; ${number(values, 'packets')} packets of this one were not, and nobody answered`,
    'others-public': values =>
      `${counted(number(values, 'others'), 'flow')} that left by the same station had a public source and ${number(values, 'others') === 1 ? 'was' : 'were'} answered; ${number(values, 'packets')} packets of this one had not, and nobody answered`,
  },
  steps: {
    leaves: () => 'packets leave with their private source',
  },
}
