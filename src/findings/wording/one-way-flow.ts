// The words of one-way-flow.
import type { FlowFacts } from '../facts/facts.ts'
import { conntrack, type EntryMatch } from './conntrack-command.ts'
import {
  advice,
  answererOf,
  firstFlow,
  fromEnd,
  iptables,
  protocolArgument,
  text,
  toEnd,
  type Wording,
} from './wording.ts'

export const oneWayFlow: Wording = {
  title: () => 'Only one direction of the connection passes here',
  cause: () =>
    'the other direction takes another path, or was not captured. Where conntrack sees one direction only, packets ' +
    'are INVALID or the entry stays [UNREPLIED], and neither NAT nor stateful rules can work',
  fix: facts => {
    const flow = firstFlow(facts)
    const server = answererOf(facts)
    const seen = server === null ? '' : flow?.missing === 'requests' ? fromEnd(server) : toEnd(server)
    return [
      advice('route both directions through one host'),
      advice(
        'or leave what passes here untracked, where it needs no NAT',
        ...(flow === null
          ? []
          : [
              `${iptables(facts)} -t raw -A PREROUTING -p ${protocolArgument(flow.protocol)} ${seen} -j CT --notrack`,
            ]),
      ),
    ]
  },
  check: facts => {
    const flow = firstFlow(facts)
    return [
      advice(
        'the entry stays [UNREPLIED], or there is none',
        ...(flow === null ? [] : [conntrack('-L', entryOf(flow))]),
      ),
    ]
  },
  reasons: {
    missing: values =>
      `its acknowledgments answer packets that never passed here: the ${text(values, 'missing')} are missing`,
  },
  steps: {
    client: () => 'packets of the client alone, acknowledging what is not here',
    server: () => 'packets of the server alone, acknowledging what is not here',
  },
}

/** Answers alone make an entry that looks as if the server had begun. */
function entryOf({ protocol, client, server, missing }: FlowFacts): EntryMatch {
  return missing === 'requests'
    ? { protocol, source: server, destination: client }
    : { protocol, source: client, destination: server }
}
