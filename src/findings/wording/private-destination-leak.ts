// The words of private-destination-leak.
import { addressText, advice, end, firstFlow, iptables, number, type Wording } from './wording.ts'

export const privateDestinationLeak: Wording = {
  title: () => 'Packets for a private network leave for the Internet; nobody answers',
  cause: () =>
    'nothing sends them another way: a route or a tunnel is missing, or there is no such network. Where a policy of ' +
    'IPsec asks for their source, masquerade comes first and gives them another, so that it does not match any more',
  fix: facts => [
    advice(
      'where a policy of IPsec is meant to take them: exempt from masquerade what one matches',
      `${iptables(facts)} -t nat -I POSTROUTING -m policy --dir out --pol ipsec -j ACCEPT`,
    ),
    advice('where another tunnel or a router is: the route to that network, which is missing'),
  ],
  check: facts => {
    const flow = firstFlow(facts)
    return flow === null
      ? []
      : [
          advice('where that address is routed', `ip route get ${addressText(flow.server)}`),
          advice('policies of IPsec, by source and destination', 'ip xfrm policy'),
        ]
  },
  reasons: {
    masqueraded: values =>
      `${number(values, 'packets')} packets left with the public source ${end(values, 'source')} for an address that the Internet does not route`,
  },
  steps: {
    leaves: values => `packets leave with the source ${end(values, 'source')}`,
  },
}
