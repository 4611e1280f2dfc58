// The words of idle-gap.
import { shellWord } from '../../net/shell-word.ts'
import type { Values } from '../facts/facts.ts'
import { keepalives } from './remedies.ts'
import { advice, adviceFor, endText, firstFlow, number, placeOf, type Wording } from './wording.ts'

/** How long known boxes remember an idle TCP connection unless they are told otherwise, in seconds. */
const TIMERS: readonly [number, string][] = [
  [240, 'Azure Load Balancer'],
  [350, 'AWS Network Load Balancer, NAT gateway, Nitro v6'],
  [600, 'Google Cloud VPC'],
  [900, 'IPVS'],
  [1200, 'Google Cloud NAT'],
  [3600, 'an hour, many firewalls'],
  [7440, 'RFC 5382, OpenWrt'],
  [86400, 'kube-proxy, pf'],
  [432000, 'nf_conntrack'],
]

export const idleGap: Wording = {
  title: () => 'Connection did not go on after a long pause',
  cause: () =>
    'something on the path forgets idle connections: the first packet after the pause was reset, or never answered',
  fix: () => [keepalives('the smallest timeout on the path'), advice('or a longer timeout there')],
  check: facts => {
    const flow = firstFlow(facts)
    const server = flow?.server ?? null
    return [
      adviceFor(
        placeOf('client', flow?.client ?? null),
        'on the client: whether the socket has a timer of keepalives, and how long it runs',
        ...(server === null ? [] : [`ss -tno dst ${shellWord(endText(server))}`]),
        'sysctl net.ipv4.tcp_keepalive_time',
      ),
    ]
  },
  reasons: {
    'strange-reset': values =>
      `the RST has another TTL (${number(values, 'ttl')}) than the peer's packets (${number(values, 'usual')}), as one has that a box on the path makes${longer(values)}`,
    reset: values => `the answer to the first data was a RST, from the peer or in its name${longer(values)}`,
    silent: values => `${number(values, 'packets')} packets went unanswered by the peer${longer(values)}`,
    'silent-here': values =>
      `${number(values, 'packets')} packets went unanswered by the peer, though it answered other connections${longer(values)}`,
  },
  steps: {
    'before-pause': () => 'last packets before the pause',
    'after-pause': values => `data after ${Math.floor(number(values, 'pause') / 1000)} s of silence`,
    reset: () => 'RST',
    last: values => `the last of ${number(values, 'packets')} packets without an answer`,
  },
}

/** The longest two timeouts that a pause exceeds: who was told a shorter one knows that. */
function longer(values: Values): string {
  const pause = number(values, 'pause') / 1000
  const timers = TIMERS.filter(([timer]) => timer <= pause)
    .slice(-2)
    .reverse()
    .map(([timer, whose]) => `${timer} s (${whose})`)
  return `; the pause of ${Math.floor(pause)} s is longer than ${timers.join(' and ')}`
}
