// What the findings of packets that pass without their translation have in common: reasons, steps, two remedies.
import { IPPROTO_TCP } from '../../net/numbers.ts'
import type { Facts } from '../facts/facts.ts'
import { keepalives } from './remedies.ts'
import { LONGER_TIMEOUT } from './tried-sysctls.ts'
import {
  type Advice,
  advice,
  adviceFor,
  end,
  HOST,
  iptables,
  number,
  type Place,
  placeOf,
  seconds,
  type Wording,
} from './wording.ts'

export const UNTRANSLATED: Pick<Wording, 'reasons' | 'steps'> = {
  reasons: {
    'after-pause': () =>
      'the sequence numbers go on exactly where the connection stopped before the pause, with other addresses or ports',
    forgotten: () =>
      'after the pause the answer is a RST without a socket, made on the host itself by its TTL',
    'unreachable-here': values =>
      `what comes in after ${seconds(number(values, 'pause'), 1)} s of silence is refused by port unreachable, made on the host itself by its TTL`,
    'closed-late': values =>
      `a FIN or RST goes on exactly where the connection had stopped ${seconds(number(values, 'pause'), 1)} s before, with another source`,
    'no-socket': () =>
      'the RST has no ACK and the number that the segment acknowledged, as a host without a socket sends it; the side it comes from had not closed',
    leaked: () =>
      'the segment acknowledges what this connection sent, has other addresses, and is outside the window that was offered',
  },
  steps: {
    outside: () => 'a segment outside the window',
    'before-pause': () => 'last packets before the pause',
    'known-to-client': () => 'the connection as the client knows it',
    'as-translated': () => 'the connection as it is translated',
    'after-pause': values => `data after ${seconds(number(values, 'pause'), 1)} s of silence`,
    'datagram-after-pause': values =>
      `a datagram comes in after ${seconds(number(values, 'pause'), 1)} s of silence`,
    'unreachable-host': () => 'port unreachable of the host itself (its TTL)',
    'goes-on-untranslated': () => 'the connection goes on, untranslated',
    'closes-inside': () => 'the connection is closed with the source it has inside',
    'goes-on-inside': () => 'the connection goes on with the source it has inside',
    'outside-window': () => 'a segment outside the window, with the source it has inside',
    'other-port': () => 'the connection goes on from another source port',
    'reply-from': values => `a reply with the source ${end(values, 'source')}`,
    'reset-answer': () => 'RST in answer to it',
    'reset-host': () => 'RST of the host itself (its TTL)',
  },
}

/** Whether the first flow is one of datagrams. */
export function isOfDatagrams({ flows: [flow] }: Facts): boolean {
  return flow !== undefined && flow.protocol !== IPPROTO_TCP
}

/** No numbers: the timeout in force is not known, and one that is longer already must not be made shorter. */
export function keepLonger(facts: Facts): Advice[] {
  const first = isOfDatagrams(facts)
    ? advice(
        'a datagram of the side behind the host every so often, in less than the timeout: a keepalive of the application',
      )
    : keepalives('the timeout')
  return [first, LONGER_TIMEOUT]
}

export function checkTimeout(facts: Facts): Advice[] {
  const { reasons } = facts
  const ofDatagrams = isOfDatagrams(facts)
  const pause = reasons[0]?.values.pause
  const seen = typeof pause === 'number' ? ` of ${seconds(pause, 1)} s` : ''
  return [
    advice(
      `the timeout, in seconds: where it is longer than the pause${seen}, the entry was deleted, or made way in a full table`,
      ...(ofDatagrams
        ? ['sysctl net.netfilter.nf_conntrack_udp_timeout net.netfilter.nf_conntrack_udp_timeout_stream']
        : ['sysctl net.netfilter.nf_conntrack_tcp_timeout_established']),
    ),
    advice('the entries that end, as they do', `conntrack -E -e DESTROY -p ${ofDatagrams ? 'udp' : 'tcp'}`),
  ]
}

/**
 * What to do with INVALID packets: drop them, or let segments outside the window pass.
 * @param chain where they go to: FORWARD, or INPUT for the host itself
 */
export function invalidRemedies(facts: Facts, chain: 'FORWARD' | 'INPUT'): [Advice, Advice] {
  const on = chain === 'FORWARD' ? HOST : whoReset(facts)
  return [
    adviceFor(
      on,
      chain === 'INPUT'
        ? 'drop INVALID packets instead of answering them, on the host (or in the pod) that translates'
        : 'drop INVALID packets instead of forwarding them',
      `${iptables(facts)} -I ${chain} -m conntrack --ctstate INVALID -j DROP`,
    ),
    adviceFor(on, 'or take them for valid', 'sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1'),
  ]
}

/** Whose conntrack let the segment pass to a host without that socket: its own. */
function whoReset({ flows, reasons }: Facts): Place {
  const [flow] = flows
  if (flow === undefined || reasons[0]?.values.by === undefined) return HOST
  const { client, server, translated } = flow
  return reasons[0].values.by === 'client'
    ? placeOf('client', translated?.client ?? client)
    : placeOf('server', translated?.server ?? server)
}

export function checkInvalid(): Advice[] {
  return [
    advice('invalid= grows', 'conntrack -S'),
    advice('the reason of each, in the log', 'sysctl -w net.netfilter.nf_conntrack_log_invalid=6'),
  ]
}
