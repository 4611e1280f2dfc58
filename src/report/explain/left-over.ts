// Explanations of connections that fail for what another box remembers or rewrites, and of what nothing explains.
import { type Explanation, line, prose, remedy } from './explanation.ts'

export const entryMissing: Explanation = {
  title: 'this host resets segments of an open connection that it should translate',
  severity: 'error',
  kernel: prose`A translated connection lives by its entry. Where that is gone while the connection is open (a failover to a host that
    never had it, conntrack -F or -D, a restart), the next segment is for the host itself: it has no socket of those ports and
    answers by a RST, in the name of the address that was asked. conntrackd carries entries from one host to another.`,
  points: prose`On the side that sends: data, and at once a RST whose TTL no router has lowered as much as those of the peer. On the
    other side: nothing. In the table: an entry that data in mid-connection made, or none.`,
  evidence: prose`data of an open connection, within its window and without a pause, or after one that it outlived before, are
    answered by a RST without a socket that was made on this host (its TTL was not lowered, that of the side in whose name it
    comes was, by four routers at most). Of connections that were open before the capture: three or more that are reset so,
    beside later ones of the same address that are forwarded`,
  certain: prose`never: likely where the start and the translation were seen, and something of the other side passed later;
    else possible`,
  alike: prose`a RST of the side itself: its TTL; a segment outside the window (invalid-reset); a pause that the entry may not have
    outlived (idle-timeout-inbound, idle-gap), or that the capture may have lost; strangers' segments; a rule that rejects
    with RST and was put in meanwhile: it resets both sides, what is not translated, too, and lets nothing pass (from one
    side of the host it is not told apart)`,
  confirm: [
    line('entries that are deleted, as they go:', 'conntrack -E -e DESTROY'),
    line('what was done then:', 'last -x'),
  ],
  fix: [
    remedy(
      'delete the entries of what has changed alone, never all of them',
      'what is forgotten has to be listed: by address, port and protocol',
    ),
    remedy(
      'where hosts take over from each other: conntrackd, which gives the entries to the other host beforehand',
      'a daemon and a link on both; what was opened in the last moment is still lost',
    ),
  ],
  source: [
    'nf_conntrack_in() (net/netfilter/nf_conntrack_core.c)',
    'tcp_v4_send_reset() (net/ipv4/tcp_ipv4.c)',
  ],
  reports: [],
}

export const foreignChallengeAck: Explanation = {
  title: 'a SYN is answered by an ACK with the numbers of another connection of the same port',
  severity: 'error, info',
  kernel: prose`A server that holds a connection answers a SYN of the same addresses and ports by an ACK with that connection's numbers
    (a challenge ACK, RFC 5961). Behind NAT two hosts share an address, so that the connection may be another host's. The
    client, whose SYN has other numbers, answers by a RST, which ends the old connection where it comes through. conntrack may
    call the ACK or the RST INVALID, and rules that drop INVALID then keep the port dead.`,
  points: prose`At the client: SYN, an ACK far from its number, RST, SYN again after a second. At the server: the RST, or not.`,
  evidence: prose`a SYN of a port whose last connection was not seen here is answered by an ACK whose number lies neither at the
    SYN nor up to 1 MiB behind it; the client answers by a RST with that number, or repeats its SYN, and is not accepted
    within 1.5 s`,
  certain: prose`the client's RST has that number, or another client of the server had sent just so much from the same port; else
    likely`,
  alike: prose`an ACK of the last connection (port-reuse); an ACK of this connection, whose SYN-ACK the capture lacks; a handshake in
    four steps`,
  confirm: [
    line('connections that the server holds:', 'ss -tan'),
    line('what the table of the gateway has:', 'conntrack -L -p tcp'),
  ],
  fix: [
    remedy(
      'let RSTs through that answer challenge ACKs: no rule that drops INVALID on that way, or',
      'conntrack takes what lies outside of windows for valid, of all connections',
      'sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1',
    ),
    remedy(
      'or more addresses, or ports, for translation, so that one is not used again so soon',
      'addresses',
    ),
  ],
  source: [
    'tcp_send_challenge_ack() (net/ipv4/tcp_input.c)',
    'tcp_in_window() (net/netfilter/nf_conntrack_proto_tcp.c)',
  ],
  reports: [],
}

export const sackNotTranslated: Explanation = {
  title: 'SACK blocks lie outside of all that was ever sent, by a constant',
  severity: 'error, warning',
  kernel: prose`A box that gives connections other sequence numbers (a firewall that randomizes them, a proxy) has to change those in
    SACK blocks, too. Where it does not, the blocks name data that nobody sent. The sender ignores them, or the whole segment:
    each loss waits for a timeout. conntrack looks at the highest block, and calls a segment INVALID that has it beyond the
    window.`,
  points: prose`Between the box and the sender: duplicate acknowledgments whose blocks lie by one constant away from the data. Behind
    the box: blocks that fit.`,
  evidence: prose`duplicate acknowledgments have SACK blocks outside of all that was sent and of twice the window (128 KiB at
    least; 64 MiB where the window scale is unknown), by the same distance each time, and none that fits`,
  certain: prose`three of them; with two likely`,
  alike: prose`blocks of data that the capture lacks, or that came twice: they are within the window; the other side of the box;
    SYNPROXY and helpers of Linux, which translate SACK`,
  confirm: [line('segments that are INVALID for it:', 'conntrack -S')],
  fix: [
    remedy(
      'have the box change SACK blocks, or leave sequence numbers alone',
      'old stacks whose numbers can be guessed',
    ),
    remedy(
      'until then do without SACK, on one of both ends',
      'every loss costs more, on every connection of that host',
      'sysctl -w net.ipv4.tcp_sack=0',
    ),
  ],
  source: [
    'tcp_sack() (net/netfilter/nf_conntrack_proto_tcp.c)',
    'tcp_sacktag_write_queue() (net/ipv4/tcp_input.c)',
  ],
  reports: [],
}

export const tcpTimestampsNat: Explanation = {
  title: 'of hosts behind one address a server answers those with the newest TCP timestamps alone',
  severity: 'error',
  kernel: prose`With net.ipv4.tcp_tw_recycle (until Linux 4.12), or in a box that does the same, the last TCP timestamp of each address is
    remembered for a minute, and SYNs with an older one are dropped as old duplicates (PAWS). Behind NAT hosts share the
    address, and each has a clock of its own. Since Linux 4.10 a host gives each peer clocks of its own, too.`,
  points: prose`Everywhere: SYNs of some clients unanswered, again and again, those of others answered at once. On the server:
    PAWSPassive and PAWSActive of nstat grow.`,
  evidence: prose`two or more SYNs of one address go unanswered, repeated, whose timestamps are behind that of another connection of
    it that the server answered less than a minute before; none as new went unanswered, and the server accepted others
    afterwards`,
  certain: prose`never: likely with three, else possible`,
  alike: prose`a server that is gone or busy: it accepts nobody, or ignores SYNs whatever their timestamps; clocks that differ from
    connection to connection, or a server that does not compare: older ones are answered; an address that was silent for a
    minute`,
  confirm: [
    line('on the server: SYNs dropped for their timestamps:', 'nstat -az TcpExtPAWSPassive TcpExtPAWSActive'),
  ],
  fix: [
    remedy(
      'on the server: leave tcp_tw_recycle off',
      'none: it never was safe behind NAT',
      'sysctl -w net.ipv4.tcp_tw_recycle=0',
    ),
    remedy(
      "or, where the server is another's: no timestamps on the clients",
      'no measured round trips, and no protection against wrapped numbers above a gigabit a second',
      'sysctl -w net.ipv4.tcp_timestamps=0',
    ),
  ],
  source: ['tcp_peer_is_proven() (net/ipv4/tcp_metrics.c)'],
  reports: [],
}

export const unacknowledgedData: Explanation = {
  title: 'data were sent again and again and never acknowledged',
  severity: 'info, warning',
  kernel: prose`TCP sends again what is not acknowledged, after 200 ms and then at doubling intervals, for a quarter of an hour
    (tcp_retries2). The entry stays ESTABLISHED for nf_conntrack_tcp_timeout_unacknowledged (300 s) after the last answer.`,
  points: prose`Where data leave: the same segment again. Where they should arrive: none, or all of them, and acknowledgments that are
    lost on their way back.`,
  evidence: prose`data are repeated three times or more in a second or more since the other side, which was heard before,
    acknowledged last; nothing else that was found explains it. A warning where that is more than chance`,
  certain: prose`never: likely`,
  alike: prose`a capture of one direction, or one that lacks packets of the other side, which its own acknowledgments show; an
    acknowledgment that another point shows; probes of a closed window; a side that has closed or reset`,
  confirm: [
    line('on the sender: what waits for an acknowledgment:', 'ss -tin'),
    line('segments sent again:', 'nstat -az TcpRetransSegs'),
  ],
  fix: [
    remedy(
      'capture nearer to the side that is silent, with the files of the hosts between: the fault is there',
      'none',
    ),
  ],
  source: ['tcp_retransmit_timer() (net/ipv4/tcp_timer.c)'],
  reports: [],
}

export const unfinishedHandshake: Explanation = {
  title: 'connections were answered, and their handshake was never finished',
  severity: 'info, warning',
  kernel: prose`A server sends its SYN-ACK again, five times at doubling intervals (tcp_synack_retries), while the third packet of the
    handshake is missing. The entry waits in SYN_RECV for 60 s, and each SYN-ACK renews it.`,
  points: prose`At the server: SYN-ACKs that leave. At the client: none that arrive, or acknowledgments that do not come through.`,
  evidence: prose`a SYN gets three SYN-ACKs or more in 2.5 s or more, and its client neither acknowledges nor resets; nothing else
    that was found explains it. A warning where that is more than chance`,
  certain: prose`never: likely`,
  alike: prose`a server that waits for data and repeats an answer that was acknowledged; an acknowledgment that another point shows;
    SYN-ACKs without a SYN here; a flood`,
  confirm: [line('on the server: half-open connections:', 'ss -tan state syn-recv')],
  fix: [
    remedy(
      'capture at the client, too: either the SYN-ACK does not come, or the acknowledgment does not leave',
      'none',
    ),
  ],
  source: ['tcp_rtx_synack() (net/ipv4/tcp_output.c)'],
  reports: [],
}
