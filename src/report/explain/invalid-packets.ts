// Explanations of packets that NAT leaves alone because conntrack calls them INVALID.
import { type Explanation, line, prose, remedy } from './explanation.ts'

const CONFIRM = [
  line('invalid= grows:', 'conntrack -S'),
  line(
    'the reason of each, in the log of the kernel:',
    'sysctl -w net.netfilter.nf_conntrack_log_invalid=6',
    'dmesg | grep nf_ct_proto_6',
  ),
]

const LIBERAL = remedy(
  'or take segments outside the window for valid',
  'conntrack checks no window of any connection any more: a stranger who guesses addresses and ports can inject',
  'sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1',
)

const DROP_COST = prose`a packet that is dropped is sent again, which is what should happen; connections of which this host sees one
  direction alone stop (dsr-invalid-drop)`

export const invalidLeak: Explanation = {
  title: 'an INVALID segment reaches the client untranslated, and the client resets it',
  severity: 'error',
  kernel: prose`Conntrack follows the window of each connection. A segment outside it (a late retransmission, data beyond what the
    receiver offered) is INVALID: it is attached to no entry, and NAT passes by what has none. The answer of the backend
    goes on to the client with the backend's own address. The client has no such connection, and sends a RST, which the
    backend takes for the end of the real one.`,
  points: prose`At the client: amid a connection to the service one segment from the backend's address, then its RST. At the
    backend: the RST, with the TTL of the client's packets. On the node: the segment leaves as it came. conntrack -S: invalid
    grows.`,
  evidence: prose`amid a flow a segment from another address that acknowledges this flow, outside its window; reset by the
    client. Behind the translation: as invalid-reset, where the RST has the TTL of the client's packets`,
  certain: prose`with the RST; behind the translation likely`,
  alike: prose`a duplicate or late segment with the right address`,
  confirm: CONFIRM,
  fix: [
    remedy(
      'drop INVALID packets instead of forwarding them',
      DROP_COST,
      'iptables -I FORWARD -m conntrack --ctstate INVALID -j DROP',
    ),
    LIBERAL,
  ],
  source: [
    'tcp_in_window() (net/netfilter/nf_conntrack_proto_tcp.c)',
    'nf_nat_inet_fn() (net/netfilter/nf_nat_core.c)',
    'tcp_v4_send_reset() (net/ipv4/tcp_ipv4.c)',
  ],
  reports: [
    'kubernetes/kubernetes#74839',
    'kubernetes/kubernetes#117924',
    'moby/libnetwork#2275',
    'moby/moby#18630',
  ],
}

export const invalidLeakPrivateSource: Explanation = {
  title: 'a packet leaves the host with the private source that masquerade should have replaced',
  severity: 'warning',
  kernel: prose`A masqueraded connection is translated by its entry. A segment that conntrack calls INVALID, or a FIN or RST that
    comes when the entry is gone already (its timeout in CLOSE_WAIT, say, is 60 s), is attached to none: it leaves with the
    address it has inside. Nobody out there can answer it, and the other side keeps its half of the connection.`,
  points: prose`On the outer interface: amid translated packets, or seconds after them, one with a private source and the numbers of
    the same connection. On the inner one: an ordinary segment. conntrack -S: invalid grows.`,
  evidence: prose`a segment to the server of a masqueraded flow, acknowledging what the server sent in it, outside the
    window, with another source; or a FIN or RST exactly where that flow stopped a second or more before, with another source`,
  certain: prose`outside the window; a FIN or RST after a pause likely`,
  alike: prose`other clients of the server: they acknowledge other numbers; data after a pause make a new entry, which is
    translated`,
  confirm: CONFIRM,
  fix: [
    remedy(
      'drop INVALID packets instead of forwarding them',
      DROP_COST,
      'iptables -I FORWARD -m conntrack --ctstate INVALID -j DROP',
    ),
    LIBERAL,
  ],
  source: [
    'nf_nat_inet_fn() (net/netfilter/nf_nat_core.c)',
    'nf_conntrack_tcp_packet() (net/netfilter/nf_conntrack_proto_tcp.c)',
  ],
  reports: [
    'PurpleI2P/i2pd#1859',
    'containernetworking/plugins#816',
    'docker/for-linux#540',
    'docker/for-linux#1126',
    'firewalld/firewalld#961',
    'cloudnativelabs/kube-router#709',
  ],
}

export const invalidReset: Explanation = {
  title: 'an INVALID segment was not translated, and a host without that socket reset it',
  severity: 'error',
  kernel: prose`As invalid-leak, but on the host, or in the pod, that translates for itself: a sidecar's REDIRECT, a published
    port. The INVALID segment is not translated, so it meets the port that is really in the packet. No socket has that
    connection, and the host answers with a RST, which ends the real one.`,
  points: prose`At any point of the path: a segment outside the window, then a RST without ACK whose number is the one that the
    segment acknowledged. conntrack -S where it is translated: invalid grows.`,
  evidence: prose`a segment of an open connection is outside its window (INVALID by the model, with both sides and the start
    captured), and a RST without ACK, as hosts without a socket send it, answers with the number that it acknowledged`,
  certain: prose`never: likely`,
  alike: prose`a duplicate ACK of whom the segment is for; a late segment to a side that has closed or was reset; a segment
    within the window to a host that has forgotten the connection`,
  confirm: CONFIRM,
  fix: [
    remedy(
      'drop INVALID packets instead of answering them, in the namespace that translates',
      DROP_COST,
      'iptables -I INPUT -m conntrack --ctstate INVALID -j DROP',
    ),
    LIBERAL,
  ],
  source: [
    'tcp_in_window() (net/netfilter/nf_conntrack_proto_tcp.c)',
    'nf_nat_inet_fn() (net/netfilter/nf_nat_core.c)',
    'tcp_v4_send_reset() (net/ipv4/tcp_ipv4.c)',
  ],
  reports: ['istio/istio#36489', 'envoyproxy/envoy#19261', 'kubernetes/kubernetes#117924'],
}
