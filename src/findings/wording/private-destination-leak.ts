// The words of private-destination-leak.
import { addressText, advice, end, firstFlow, iptables, number, type Wording } from './wording.ts'

export const privateDestinationLeak: Wording = {
  title: () => 'packets for a private network leave for the Internet, masqueraded, and nobody answers',
  cause: () =>
    'they were to go another way, by a tunnel most often: where its policy asks for the source address of the inside, ' +
    'masquerade comes first and makes another of it, so that the policy does not match any more',
  fix: facts => {
    const server = firstFlow(facts)?.server ?? null
    return [
      advice(
        'exempt what is meant for the tunnel from masquerade',
        `${iptables(facts)} -t nat -I POSTROUTING -m policy --dir out --pol ipsec -j ACCEPT`,
        ...(server === null
          ? []
          : [`${iptables(facts)} -t nat -I POSTROUTING -d ${addressText(server)} -j ACCEPT`]),
      ),
    ]
  },
  check: facts => {
    const flow = firstFlow(facts)
    return flow?.client
      ? [
          advice(
            'where it is routed',
            `ip route get ${addressText(flow.server)} from ${addressText(flow.client)} iif lo`,
          ),
          advice('policies of tunnels', 'ip xfrm policy'),
        ]
      : []
  },
  reasons: {
    masqueraded: values =>
      `${number(values, 'packets')} packets left with the public source ${end(values, 'source')} for an address that the Internet does not route`,
  },
  steps: {
    leaves: values => `packets leave with the source ${end(values, 'source')}: the first and the last`,
  },
}
