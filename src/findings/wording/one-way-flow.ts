// The words of one-way-flow.
import { addressText, advice, answererOf, iptables, text, type Wording } from './wording.ts'

export const oneWayFlow: Wording = {
  title: () => 'one direction of a connection passes here, and it goes on: the other takes another way',
  cause: () =>
    'an asymmetric path, or a capture of one direction. Where conntrack sees just that, packets are INVALID or the ' +
    'entry stays [UNREPLIED], and neither NAT nor stateful rules can work',
  fix: facts => {
    const server = answererOf(facts)
    return [
      advice('route both directions through one host'),
      advice(
        'or leave the flow untracked',
        ...(server === null
          ? []
          : [`${iptables(facts)} -t raw -A PREROUTING -d ${addressText(server)} -j CT --notrack`]),
      ),
    ]
  },
  check: () => [advice('the entry stays [UNREPLIED]', 'conntrack -L -p tcp | grep UNREPLIED')],
  reasons: {
    missing: values =>
      `its acknowledgments answer packets that never passed here: the ${text(values, 'missing')} are missing`,
  },
  steps: {
    client: () => 'packets of the client alone, acknowledging what is not here',
    server: () => 'packets of the server alone, acknowledging what is not here',
  },
}
