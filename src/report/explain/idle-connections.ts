// Explanations of connections whose entry went while they were idle.
import { type Explanation, line, prose, remedy } from './explanation.ts'

const CONFIRM = [
  line(
    'the timeout in seconds, to be held against the pause that the report names:',
    'sysctl net.netfilter.nf_conntrack_tcp_timeout_established',
  ),
  line('entries that end, as they do:', 'conntrack -E -e DESTROY -p tcp'),
]

const KEEPALIVES = remedy(
  prose`keepalives at shorter intervals than the timeout: the application's own, or SO_KEEPALIVE with TCP_KEEPIDLE
    (net.ipv4.tcp_keepalive_time is for sockets that ask for keepalives alone)`,
  'a packet an interval for each idle connection, and the program has to ask for it',
)

const LONGER = remedy(
  'or a longer timeout on the host that translates, where it is shorter than the pause',
  'entries of connections whose end nobody saw stay for as long, 384 bytes each',
)

export const idleTimeoutInbound: Explanation = {
  title:
    'the entry expired while the connection was idle, and the host itself reset what the server sent next',
  severity: 'error',
  kernel: prose`The entry of a masqueraded connection went: its timeout passed, it was deleted, or it made way in a full table. The
    server sends. Its segment comes to an address and port of the host for which there is no entry any more, so nothing
    translates it back, and the host's own TCP has no socket for it: it answers with a RST. What comes in for a UDP flow,
    whose entry has a much shorter timeout, is answered by port unreachable (a warning: nobody was promised an answer).`,
  points: prose`On the outer interface: after a pause, data exactly where the connection had stopped, and a RST that has the host's
    own TTL. On the inner one: nothing. In the table: no entry.`,
  evidence: prose`after a second or more, data exactly where the flow stopped, and a RST that was made on this host (its TTL
    was not lowered, that of the flow was); of datagrams port unreachable instead, and both sides had sent some`,
  certain: prose`the client then goes on untranslated; else likely`,
  alike: prose`a RST or port unreachable of the client itself: the flow's TTL; datagrams of strangers, whom nobody asked`,
  confirm: CONFIRM,
  fix: [KEEPALIVES, LONGER],
  source: [
    'gc_worker() (net/netfilter/nf_conntrack_core.c)',
    'nf_conntrack_find_get() (net/netfilter/nf_conntrack_core.c)',
    'tcp_v4_send_reset() (net/ipv4/tcp_ipv4.c)',
  ],
  reports: ['cloudnativelabs/kube-router#521'],
}

export const idleTimeoutUntranslatedReply: Explanation = {
  title: 'after a pause a connection goes on untranslated, because its entry is gone',
  severity: 'error',
  kernel: prose`The entry went while the connection was idle. The next segment comes from the backend: with nf_conntrack_tcp_loose=1
    it makes a new entry, the wrong way round. Rules of the nat table see it as a new connection of the backend's, and
    none of them undoes the DNAT. It reaches the client with the backend's address, and the client resets it.`,
  points: prose`At the client: after a pause a segment from the backend's own address, and a RST. At the backend: its segment, and
    the RST. In the table: an entry that goes from the backend to the client.`,
  evidence: prose`after a pause the flow goes on exactly where it stopped, with an untranslated address`,
  certain: prose`with the RST, or from the client's side`,
  alike: prose`a leak: its numbers jump`,
  confirm: CONFIRM,
  fix: [KEEPALIVES, LONGER],
  source: [
    'tcp_new() (net/netfilter/nf_conntrack_proto_tcp.c)',
    'nf_nat_inet_fn() (net/netfilter/nf_nat_core.c)',
    'gc_worker() (net/netfilter/nf_conntrack_core.c)',
  ],
  reports: [],
}

export const idleTimeoutRemapped: Explanation = {
  title: 'after a pause a connection goes on from another source port, and the server resets it',
  severity: 'error',
  kernel: prose`The entry went while the connection was idle. The client sends: with nf_conntrack_tcp_loose=1 its segment makes a new
    entry, and NAT chooses a port anew. The old one is in use by now, or the rule chooses at random. To the server this is
    a segment of a connection that it does not have, and it sends a RST.`,
  points: prose`On the outer interface: the numbers of the connection go on from another port, then a RST. On the inner one: data
    after a pause, and a RST. In the table: a new entry.`,
  evidence: prose`after a pause the flow goes on from another source port, and is reset`,
  certain: prose`with the RST`,
  alike: prose`client first with the port free: only a gap`,
  confirm: CONFIRM,
  fix: [KEEPALIVES, LONGER],
  source: [
    'tcp_new() (net/netfilter/nf_conntrack_proto_tcp.c)',
    'get_unique_tuple() (net/netfilter/nf_nat_core.c)',
    'nf_nat_l4proto_unique_tuple() (net/netfilter/nf_nat_core.c)',
  ],
  reports: [],
}

export const idleGap: Explanation = {
  title: 'a connection did not go on after a pause that is longer than a known timeout',
  severity: 'error',
  kernel: prose`Somebody between the two ends forgot the connection while it was idle: a load balancer, a NAT gateway, IPVS, a
    firewall. Each has a timeout of its own and tells nobody when it passes. What comes next is reset by that box, or
    lost. The report names the known timeouts that the pause exceeds; packets do not tell whose it was.`,
  points: prose`At any point: data exactly where the connection had stopped, then a RST, or the same data three times without an
    acknowledgment. On the box itself: no entry any more.`,
  evidence: prose`after 240 s or more data comes exactly where the flow stopped, and is reset, or goes unanswered three times`,
  certain: prose`never: who forgot it does not show; likely if the RST has another TTL than the peer, or the peer answers
    others; else possible`,
  alike: prose`a peer that had closed (FIN); a RST of the sender; a pause that is answered`,
  confirm: [
    line(
      'where the box is a Linux host, its timeouts:',
      'sysctl -a -r nf_conntrack_tcp_timeout',
      'ipvsadm -l --timeout',
    ),
    line('when the host of the client sends keepalives:', 'sysctl net.ipv4.tcp_keepalive_time'),
  ],
  fix: [
    KEEPALIVES,
    remedy(
      'or a longer idle timeout at the box, where it has one to set',
      'it keeps what is dead for as long',
    ),
  ],
  source: ['gc_worker() (net/netfilter/nf_conntrack_core.c)'],
  reports: [
    'pgjdbc/pgjdbc#1508',
    'kubernetes/ingress-nginx#5695',
    'kubernetes/ingress-nginx#8760',
    'cloudnativelabs/kube-router#521',
  ],
}
