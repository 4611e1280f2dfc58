// The words of stale-mapping.
import { IPPROTO_UDP } from '../../net/numbers.ts'
import type { Facts, FlowFacts, Values } from '../facts/facts.ts'
import { conntrack, type EntryMatch, forEachFlow } from './conntrack-command.ts'
import { type Advice, advice, counted, end, firstFlow, number, type Wording } from './wording.ts'

export const staleMapping: Wording = {
  title: facts => {
    if (facts.values.isStillSent === true)
      return facts.values.isNoEndpoint === true
        ? 'Rules still send to a backend that is gone'
        : 'Rules still send to a backend that answers nobody'
    return isStillChosen(facts)
      ? 'New flows still go to a backend that answers none of them'
      : 'Packets still go to a backend that is gone: their entry is older'
  },
  cause: facts =>
    isStillChosen(facts)
      ? facts.values.isNoEndpoint === true
        ? 'the rules of this host still hold a backend that is gone: as long as they do, each new flow may get it, too. ' +
          'Who writes them (kube-proxy) has stopped, is behind, or hears nothing of the API server'
        : 'either the backend is gone and who writes the rules (kube-proxy) has stopped, is behind, or hears nothing of ' +
          'the API server, or it is there, hangs, and passes its readiness probe all the same'
      : 'the translation of a connection is chosen once, with its first packet. Each datagram renews the entry: who sends ' +
        'more often than the timeout never gets another backend. SYNs keep theirs for 120 s, on older kernels for as long ' +
        'as they repeat',
  fix: facts => {
    if (isStillChosen(facts)) return fixOfRules(facts)
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
    'still-chosen': values => stillChosen(values),
    'still-chosen-and-error': values => `${stillChosen(values)}; ICMP errors say that it is unreachable`,
    'same-client': values =>
      `${number(values, 'later')} flows that the same client began later were answered; where this one is sent is not seen here`,
  },
  steps: {
    silent: values =>
      `${number(values, 'packets')} packets in ${number(values, 'seconds')} s${to(values)} since its last answer: the last of them`,
    datagrams: values =>
      `${number(values, 'packets')} packets in ${number(values, 'seconds')} s${to(values)}, none answered: the first and the last`,
    syns: values => `${number(values, 'syns')} SYNs${to(values)}, none answered: the first and the last`,
  },
}

/** Whether new flows get the backend, too, by what was seen or by the rules given. */
function isStillChosen({ reasons, values }: Facts): boolean {
  return (
    values.isStillSent === true ||
    (reasons[0]?.code.startsWith('still-chosen') === true && values.isLeft !== true)
  )
}

function fixOfRules(facts: Facts): Advice[] {
  return [
    advice(
      'find out why kube-proxy of this node has not taken the backend out of its rules: whether it runs, and what it last heard of the API server',
      'kubectl -n kube-system get pods -l k8s-app=kube-proxy -o wide',
      'kubectl -n kube-system logs -l k8s-app=kube-proxy --tail=50 --prefix',
    ),
    advice(
      'entries of the backend stay when the rules are right again: delete them then',
      ...forEachFlow(facts, flow => conntrack('-D', entriesOf(flow))),
    ),
  ]
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

function stillChosen(values: Values): string {
  const chosen = counted(number(values, 'chosen'), 'flow that began', 'flows that began')
  return `after it had fallen silent ${chosen} later ${number(values, 'chosen') === 1 ? 'was' : 'were'} sent there, too, and got no answer; other backends answered ${number(values, 'later')}`
}

function later(values: Values): string {
  const count = number(values, 'later')
  return `${counted(count, 'flow that began', 'flows that began')} later ${count === 1 ? 'was' : 'were'} sent to another backend and answered, none to this one`
}
