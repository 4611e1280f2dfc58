// The words of syn-flood.
import { BURST_REASONS, floodOfSource, isOfSource, listSource, stopSource } from './flood.ts'
import {
  advice,
  adviceFor,
  answererOf,
  counted,
  firstFlow,
  grouped,
  iptables,
  placeOf,
  toEnd,
  type Wording,
} from './wording.ts'

export const synFlood: Wording = {
  countsItself: true,
  title: facts => {
    const counts = firstFlow(facts)?.counts
    if (counts !== undefined && isOfSource(facts)) return floodOfSource(facts, 'SYN flood')
    return counts === undefined
      ? 'SYN flood: hardly any handshake was completed'
      : `SYN flood: ${grouped(counts.completed)} of ${counted(counts.flows, 'handshake')} completed`
  },
  cause: () => 'each SYN holds an entry: 120 s unanswered (SYN_SENT), 60 s answered (SYN_RECV)',
  fix: facts => {
    if (isOfSource(facts)) return stopSource(facts)
    const server = answererOf(facts)
    const cookies = adviceFor(
      placeOf('server', server),
      'SYN cookies on the server',
      'sysctl -w net.ipv4.tcp_syncookies=1',
    )
    // a SYN that is not tracked meets no DNAT: SYNPROXY would answer for a service that it does not reach
    if (server === null || firstFlow(facts)?.translated !== null) return [cookies]
    const tool = iptables(facts)
    const proxy = (chain: string): string =>
      `${tool} -I ${chain} -p tcp ${toEnd(server)} -m conntrack --ctstate INVALID,UNTRACKED -j SYNPROXY --sack-perm --timestamp --wscale 7 --mss 1460`
    return [
      cookies,
      advice(
        'SYNPROXY keeps such SYNs out of the table, where no rule translates them: in FORWARD for a server behind this ' +
          'host, in INPUT for one on it. With tcp_loose=0 open connections without an entry are INVALID from then on',
        `${tool} -t raw -I PREROUTING -p tcp ${toEnd(server)} --syn -j CT --notrack`,
        proxy('FORWARD'),
        proxy('INPUT'),
        'sysctl -w net.netfilter.nf_conntrack_tcp_loose=0',
      ),
    ]
  },
  check: facts =>
    isOfSource(facts)
      ? listSource(facts)
      : [
          adviceFor(
            placeOf('server', answererOf(facts)),
            'half open connections, on the server',
            'ss -Htn state syn-recv | wc -l',
          ),
        ],
  reasons: {
    ...BURST_REASONS,
    'answers-repeated': () => 'the server repeats its answers, which nobody completes',
    'not-repeated': () => 'the senders do not repeat their SYNs, as programs that want a connection do',
    'not-repeated-by-few': () =>
      'the senders, a few addresses, do not repeat their SYNs: so does a flood, but a program, too, that gives up each try within a second',
    'too-short': () =>
      'nobody goes on; the capture is too short to show whether SYNs are repeated, as programs do that want a connection',
  },
  steps: { first: () => 'the first of the SYNs' },
}
