// The words of stale-mapping.
import { IPPROTO_UDP } from '../../net/numbers.ts'
import type { FlowFacts, Values } from '../facts/facts.ts'
import { conntrack, type EntryMatch, forEachFlow } from './conntrack-command.ts'
import { advice, counted, end, firstFlow, number, type Wording } from './wording.ts'

export const staleMapping: Wording = {
  title: () => 'Packets still go to a backend that is gone: their entry is older',
  cause: () =>
    'the translation of a connection is chosen once, with its first packet. Each datagram renews the entry: who sends ' +
    'more often than the timeout never gets another backend. SYNs keep theirs for 120 s, on older kernels for as long ' +
    'as they repeat',
  fix: facts => {
    const isUdp = firstFlow(facts)?.protocol === IPPROTO_UDP
    return [
      advice(
        `delete its entries${isUdp ? ' (of UDP kube-proxy does so itself since 1.32)' : ''}`,
        ...forEachFlow(facts, flow => conntrack('-D', entriesOf(flow))),
      ),
    ]
  },
  check: facts => [
    advice(
      'entries with the backend that is gone; what has had no answer is [UNREPLIED]',
      ...forEachFlow(facts, flow => conntrack('-L', entriesOf(flow))),
    ),
  ],
  reasons: {
    later: values => later(values),
    'later-and-error': values => `${later(values)}; ICMP errors say that it is unreachable`,
    'same-client': values =>
      `${number(values, 'later')} flows that the same client began later were answered; where this one is sent is not seen here`,
  },
  steps: {
    datagrams: values =>
      `${number(values, 'packets')} packets in ${number(values, 'seconds')} s${to(values)}, none answered: the first and the last`,
    syns: values => `${number(values, 'syns')} SYNs${to(values)}, none answered: the first and the last`,
  },
}

/** Those that lead to the backend; where that is not seen, those of the client's port. */
function entriesOf({ protocol, client, server, translated }: FlowFacts): EntryMatch {
  return translated === null
    ? { protocol, source: client, destination: server }
    : { protocol, destination: server, replySource: translated.server }
}

function to(values: Values): string {
  return values.backend === undefined ? '' : ` to ${end(values, 'backend')}`
}

function later(values: Values): string {
  const count = number(values, 'later')
  return `${counted(count, 'flow that began', 'flows that began')} later ${count === 1 ? 'was' : 'were'} sent to another backend and answered, none to this one`
}
