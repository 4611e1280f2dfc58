// The words of loopback-source.
import { addressText, advice, answererOf, endText, firstFlow, iptables, type Wording } from './wording.ts'

export const loopbackSource: Wording = {
  title: () =>
    'packets with a loopback address as their source are sent to another host, which drops them as martians',
  cause: () =>
    'a connection to 127.0.0.1 was sent to another host by a DNAT rule in OUTPUT and not masqueraded: its source is ' +
    'chosen before that, and stays (route_localnet lets it out)',
  fix: facts => {
    const target = answererOf(facts)
    const flow = firstFlow(facts)
    if (flow === null || target === null) return []
    const source = flow.client === null ? '127.0.0.0/8' : addressText(flow.client)
    return [
      advice(
        'masquerade what leaves with a loopback source',
        `${iptables(facts)} -t nat -A POSTROUTING -s ${source} -d ${addressText(target)} -j MASQUERADE`,
      ),
      advice('or ask an address of the host instead of the loopback one'),
    ]
  },
  check: facts => {
    const target = answererOf(facts)
    return [
      advice(
        target === null
          ? 'martian sources in the log of the receiver'
          : `martian sources in the log of the host of ${endText(target)}`,
        'sysctl -w net.ipv4.conf.all.log_martians=1',
        'dmesg | grep martian',
      ),
    ]
  },
  reasons: {
    'on-a-wire': () => 'the frame has hardware addresses, so it is no packet of the loopback interface',
  },
  steps: {
    first: () => 'a first packet with a loopback source',
  },
}
