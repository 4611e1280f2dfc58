// The words of loopback-source.
import {
  addressText,
  advice,
  adviceFor,
  answererOf,
  endText,
  firstFlow,
  iptables,
  isIpv6,
  placeOf,
  type Wording,
} from './wording.ts'

export const loopbackSource: Wording = {
  title: () => 'Packets with a loopback source go to another host, which drops them',
  cause: facts =>
    `a connection to ${isIpv6(facts) ? '::1' : '127.0.0.1'} was sent to another host, by DNAT in OUTPUT most often, and not masqueraded: ` +
    `its source is chosen before that, and stays${isIpv6(facts) ? '' : ' (route_localnet lets it out)'}`,
  fix: facts => {
    const target = answererOf(facts)
    const flow = firstFlow(facts)
    if (flow === null || target === null) return []
    const all = isIpv6(facts) ? '::1' : '127.0.0.0/8'
    const source = flow.client === null ? all : addressText(flow.client)
    return [
      adviceFor(
        placeOf('client', null),
        'masquerade what leaves with a loopback source, on the host that sends it',
        `${iptables(facts)} -t nat -A POSTROUTING -s ${source} -d ${addressText(target)} -j MASQUERADE`,
      ),
      advice('or ask an address of the host instead of the loopback one'),
    ]
  },
  check: facts => {
    const target = answererOf(facts)
    const receiver = target === null ? 'the receiver' : `the host of ${endText(target)}`
    return isIpv6(facts)
      ? [adviceFor(placeOf('server', target), `on ${receiver}: it grows`, 'nstat -az Ip6InHdrErrors')]
      : [
          adviceFor(
            placeOf('server', target),
            `martian sources in the log of ${receiver}`,
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
