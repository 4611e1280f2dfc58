// The words of hairpin-no-masquerade.
import { HAIRPIN_STEPS } from './hairpin.ts'
import { masqueradeRules } from './masquerade.ts'
import { advice, iptables, protocolArgument, type Wording } from './wording.ts'

export const hairpinNoMasquerade: Wording = {
  title: () => 'Client reaches itself through its service without masquerading',
  cause: () =>
    'DNAT chose the client itself, and the source was not masqueraded: a host drops packets that claim to come from itself',
  fix: facts => [
    advice(
      'masquerade hairpin traffic (kube-proxy --masquerade-all, or its --cluster-cidr)',
      ...masqueradeRules(facts, ({ protocol, server, translated }) => {
        const { port } = translated?.server ?? server
        return port < 0 ? '' : `-p ${protocolArgument(protocol)} --dport ${port}`
      }),
    ),
  ],
  check: facts => [advice('no rule matches it', `${iptables(facts)} -t nat -vnL POSTROUTING`)],
  reasons: {
    'comes-back': () =>
      'the SYN comes back to the client with the address of the client as its source, and nobody answers',
    leaves: () => 'the SYN leaves the host with the address of the client as its source, and nobody answers',
  },
  steps: HAIRPIN_STEPS,
}
