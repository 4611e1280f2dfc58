// The words of stale-mapping.
import type { Values } from '../facts/facts.ts'
import {
  addressText,
  advice,
  counted,
  end,
  firstFlow,
  number,
  protocolText,
  type Wording,
} from './wording.ts'

export const staleMapping: Wording = {
  title: () => 'packets still go to a backend that is gone, by an entry that was made when it was there',
  cause: () =>
    'the translation of a connection is chosen once, with its first packet. Each datagram renews the entry: who sends ' +
    'more often than the timeout never gets another backend. SYNs keep theirs for 120 s, on older kernels for as long ' +
    'as they repeat',
  fix: facts => {
    const flow = firstFlow(facts)
    return [
      advice(
        'delete the entry (kube-proxy does so itself since 1.32)',
        ...(flow === null
          ? []
          : [
              `conntrack -D -p ${protocolText(flow.protocol)} --orig-dst ${addressText(flow.server)} --orig-port-dst ${flow.server.port}`,
            ]),
      ),
    ]
  },
  check: facts => {
    const flow = firstFlow(facts)
    if (flow === null) return []
    const { protocol, server } = flow
    return [
      advice(
        'the entry, [UNREPLIED], with the backend that is gone',
        `conntrack -L -p ${protocolText(protocol)} --orig-dst ${addressText(server)} --orig-port-dst ${server.port}`,
      ),
    ]
  },
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

function to(values: Values): string {
  return values.backend === undefined ? '' : ` to ${end(values, 'backend')}`
}

function later(values: Values): string {
  const count = number(values, 'later')
  return `${counted(count, 'flow that began', 'flows that began')} later ${count === 1 ? 'was' : 'were'} sent to another backend and answered, none to this one`
}
