// The words of hairpin-no-masquerade.
import { HAIRPIN_STEPS } from './hairpin.ts'
import { masqueradeRule } from './masquerade.ts'
import { advice, answererOf, firstFlow, iptables, protocolArgument, type Wording } from './wording.ts'

export const hairpinNoMasquerade: Wording = {
  title: () => 'Client reaches itself through its service without masquerading',
  cause: () =>
    'DNAT chose the client itself, and the source was not masqueraded: a host drops packets that claim to come from itself',
  fix: facts => {
    const flow = firstFlow(facts)
    const port = answererOf(facts)?.port ?? -1
    const match = flow === null || port < 0 ? [] : [`-p ${protocolArgument(flow.protocol)} --dport ${port}`]
    return [
      advice(
        'masquerade hairpin traffic (kube-proxy --masquerade-all, or its --cluster-cidr)',
        masqueradeRule(facts, ...match),
      ),
    ]
  },
  check: facts => [advice('no rule matches it', `${iptables(facts)} -t nat -vnL POSTROUTING`)],
  reasons: {
    'comes-back': () =>
      'the SYN comes back to the client with the address of the client as its source, and nobody answers',
    leaves: () => 'the SYN leaves the host with the address of the client as its source, and nobody answers',
  },
  steps: HAIRPIN_STEPS,
}
