// The words of syn-flood.
import { addressText, advice, answererOf, iptables, type Wording } from './wording.ts'

export const synFlood: Wording = {
  title: () => 'SYNs that never complete the handshake, in numbers that no client sends',
  cause: () => 'each SYN holds an entry: 120 s unanswered (SYN_SENT), 60 s answered (SYN_RECV)',
  fix: facts => {
    const server = answererOf(facts)
    const match = server === null ? '' : ` -d ${addressText(server)} --dport ${server.port}`
    const tool = iptables(facts)
    return [
      advice('SYN cookies on the server', 'sysctl -w net.ipv4.tcp_syncookies=1'),
      advice(
        'SYNPROXY keeps such SYNs out of the table, where the port is not translated',
        `${tool} -t raw -I PREROUTING -p tcp${match} --syn -j CT --notrack`,
        `${tool} -A INPUT -p tcp${match} -m conntrack --ctstate INVALID,UNTRACKED -j SYNPROXY --sack-perm --timestamp --wscale 7 --mss 1460`,
        'sysctl -w net.netfilter.nf_conntrack_tcp_loose=0',
      ),
    ]
  },
  check: () => [advice('half open connections of the server', 'ss -tn state syn-recv | wc -l')],
  reasons: {
    'answers-repeated': () => 'the server repeats its answers, which nobody completes',
    'not-repeated': () => 'the senders do not repeat their SYNs, as programs that want a connection do',
    'too-short': () =>
      'nobody goes on; the capture is too short to show whether SYNs are repeated, as programs do that want a connection',
  },
  steps: { first: () => 'the first of the SYNs' },
}
