// The words of udp-flood.
import { conntrack } from './conntrack-command.ts'
import { BURST_REASONS, floodOfSource, isOfSource, listSource, stopSource } from './flood.ts'
import {
  advice,
  counted,
  endText,
  firstFlow,
  fromEnd,
  grouped,
  iptables,
  toEnd,
  type Wording,
} from './wording.ts'

export const udpFlood: Wording = {
  countsItself: true,
  title: facts => {
    if (isOfSource(facts)) return floodOfSource(facts, 'UDP flood')
    const flow = firstFlow(facts)
    return `UDP flood to ${flow === null ? 'one destination' : endText(flow.server)}: ${grouped(flow?.counts?.answered ?? 0)} of ${counted(flow?.counts?.flows ?? 0, 'entry', 'entries')} answered`
  },
  cause: () =>
    'each first datagram holds an entry for nf_conntrack_udp_timeout (30 s unless set), whether anybody wants it or not',
  fix: facts => {
    if (isOfSource(facts)) return stopSource(facts)
    const flow = firstFlow(facts)
    if (flow === null) return []
    const match = `-p udp ${toEnd(flow.server)}`
    return [
      advice(
        'drop what is more than the service can take, before it makes an entry',
        `${iptables(facts)} -t raw -I PREROUTING ${match} -m hashlimit --hashlimit-above 1000/sec --hashlimit-burst 2000 --hashlimit-name ctpcap -j DROP`,
      ),
      advice(
        'or do not track the service, where no rule translates it and rules accept it UNTRACKED',
        `${iptables(facts)} -t raw -I PREROUTING ${match} -j CT --notrack`,
        `${iptables(facts)} -t raw -I OUTPUT -p udp ${fromEnd(flow.server)} -j CT --notrack`,
      ),
    ]
  },
  check: facts => {
    if (isOfSource(facts)) return listSource(facts)
    const flow = firstFlow(facts)
    return flow === null
      ? []
      : [advice('their entries', conntrack('-L', { protocol: flow.protocol, destination: flow.server }))]
  },
  reasons: BURST_REASONS,
  steps: { first: () => 'the first of the datagrams' },
}
