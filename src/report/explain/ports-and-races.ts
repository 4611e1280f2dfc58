// Explanations of source ports that run out, come back too early, or are fought for.
import { type Explanation, line, prose, remedy } from './explanation.ts'

const INSERT_FAILED = line('insert_failed grows:', 'conntrack -S')

export const snatPortPressure: Explanation = {
  title: 'source ports to one destination are nearly used up',
  severity: 'warning; error where connections were lost',
  kernel: prose`Two entries must not have the same reply tuple, so a translated address has one port for each connection to the
    same address, port and protocol. NAT looks for a free one, a limited number of times; a connection that finds none is
    dropped when its entry would be confirmed. A closed connection keeps its port until its entry goes (TIME_WAIT, 120 s),
    though newer kernels (6.12 is one) let a SYN take over the port of one in TIME_WAIT when they find no other.`,
  points: prose`Behind the translation: source ports to one destination that come near the whole of the range. In front of it: SYNs
    that are repeated and never leave. At a socket's own host: EADDRNOTAVAIL, and no packet at all.`,
  evidence: prose`ports in use by live entries, TIME_WAIT included, from one translated address to one destination, port and
    protocol`,
  certain: prose`connections that came while all ports of the range were in use did not leave; 90 % of the ports that NAT takes
    are in use; else likely: 90 % of ip_local_port_range, where entries may outlive their sockets, or as many further
    connections as the range has ports took none beyond it`,
  alike: prose`a client that goes through its ports in order; a flood (mostly unanswered); many ports in use, and nothing lost`,
  confirm: [
    INSERT_FAILED,
    line(
      'where sockets of this host are short of ports: those there are, and sockets in TIME_WAIT',
      'sysctl net.ipv4.ip_local_port_range',
      'ss -s',
    ),
  ],
  fix: [
    remedy('more source addresses: SNAT to a range of them', 'each must be routed here'),
    remedy('connections that stay open (keep-alive, pools)', 'a change of the program'),
    remedy(
      'or entries that go sooner once they are closed',
      'a late segment of the old connection may be INVALID, or meet the new one on its port',
      'sysctl -w net.netfilter.nf_conntrack_tcp_timeout_time_wait=30',
    ),
    remedy(
      'for sockets of the host itself: more local ports',
      'ports of services among them have to be reserved (net.ipv4.ip_local_reserved_ports)',
      'sysctl -w net.ipv4.ip_local_port_range="1024 65535"',
    ),
  ],
  source: [
    'nf_nat_l4proto_unique_tuple() (net/netfilter/nf_nat_core.c)',
    'nf_nat_used_tuple_harder() (net/netfilter/nf_nat_core.c)',
    '__nf_conntrack_confirm() (net/netfilter/nf_conntrack_core.c)',
  ],
  reports: ['cilium/cilium#18956', 'cilium/cilium#23604'],
}

export const snatInsertRace: Explanation = {
  title: 'of two first packets that raced for one translated port, one was lost',
  severity: 'error',
  kernel: prose`NAT chooses the port when a first packet passes POSTROUTING, and keeps the client's own where it is free. The entry
    is in the table only when it is confirmed, at the end of that hook. Two hosts that send from the same source port to the
    same destination at the same moment, on two processors, both find the port free. The second to be confirmed finds its
    tuple taken: its packet is dropped, without a word.`,
  points: prose`In front of the translation: two first packets within a millisecond. Behind it: one. A second later (TCP) or
    seconds later (UDP) the lost one is repeated, and gets through. conntrack -S: insert_failed grows.`,
  evidence: prose`two first packets, one source port, one destination, within a millisecond: one leaves translated, the
    other not`,
  certain: prose`three times or more; else likely`,
  alike: prose`two queries of one socket: one sender`,
  confirm: [INSERT_FAILED],
  fix: [
    remedy(
      'have ports chosen at random: --random-fully at MASQUERADE or SNAT, fully-random in nft',
      'a client no longer keeps its source port, which some protocols and rules outside count on; collisions become rare, not impossible',
    ),
  ],
  source: [
    'get_unique_tuple() (net/netfilter/nf_nat_core.c)',
    '__nf_conntrack_confirm() (net/netfilter/nf_conntrack_core.c)',
    'nf_ct_resolve_clash() (net/netfilter/nf_conntrack_core.c)',
  ],
  reports: [
    'kubernetes-sigs/ip-masq-agent#51',
    'AndrewGuenther/fck-nat#144',
    'weaveworks/weave#3287',
    'projectcalico/calico#2073',
    'antrea-io/antrea#6544',
  ],
}

export const dnsRace: Explanation = {
  title: 'of two DNS queries that left one socket together, one was lost',
  severity: 'error; info for pairs that were exposed to it',
  kernel: prose`Resolvers ask for A and AAAA from one socket at the same moment. Both queries find no entry and make one each, with
    the same tuple. The second to be confirmed clashes. Where DNAT gave both the same backend the kernel goes on with the first
    one's entry. Where it gave them different ones, newer kernels let the second pass on an entry of one second, of which only
    answers can be found, and older ones drop it, as all drop what they cannot resolve. The resolver asks again after 5 s.`,
  points: prose`At the client: two queries of one socket within a millisecond, one answer, and the other query again 5 s later. Behind
    the translation: one query. conntrack -S: insert_failed grows.`,
  evidence: prose`two queries of one socket within a millisecond; one is answered, the other is sent again 0.9 s later or
    more, and then answered`,
  certain: prose`two points show that one left the host and its twin did not, or three lookups and no other query lost; likely
    if repeated after 5 s and not routed yet, else possible`,
  alike: prose`both lost, or single queries lost as often: the network; the repetition unanswered: a server that ignores the
    question; both left the host: lost elsewhere; the first answered before the second was sent: no race`,
  confirm: [INSERT_FAILED],
  fix: [
    remedy(
      'single-request-reopen (or use-vc) among the options of resolv.conf',
      'glibc alone knows them (musl does not); a socket, or a TCP connection, for each query',
    ),
    remedy(
      'or a resolver on the node that is asked without translation (NodeLocal DNSCache)',
      'a process on every node, and its address in every pod',
    ),
  ],
  source: [
    'nf_ct_resolve_clash() (net/netfilter/nf_conntrack_core.c)',
    'nf_ct_resolve_clash_harder() (net/netfilter/nf_conntrack_core.c)',
  ],
  reports: [
    'kubernetes/kubernetes#56903',
    'GoogleCloudPlatform/netd#109',
    'ntop/ntopng#2131',
    'weaveworks/weave#3287',
  ],
}

export const portReuse: Explanation = {
  title: 'a source port was used again while its last connection was still known',
  severity: 'error; info where it worked',
  kernel: prose`The server holds a closed connection in TIME_WAIT, or a half-closed one. A SYN on the same four numbers reopens it if
    its sequence number is beyond the last one; otherwise it is answered by a plain ACK (a challenge), and a client that
    follows RFC 793 resets that and tries again. Conntrack has the same question: in TIME_WAIT and CLOSE the SYN makes a new
    entry, in other states it is let through and not counted, and what answers it decides.`,
  points: prose`At any point of the path: a SYN whose tuple was used before, and instead of a SYN-ACK an ACK with old numbers, a RST, or
    nothing. In the table: the old state, or SYN_SENT.`,
  evidence: prose`a SYN of other number on a tuple whose connection was open, or closed less than 120 s ago (10 s after a
    RST), is answered by a plain ACK, a RST or not at all`,
  certain: prose`the answer is an ACK of the last connection, or a RST that goes on with its sequence numbers, whether a later
    try was accepted or not; else likely`,
  alike: prose`a server that refuses or ignores everybody (it must accept somebody else later); a challenge ACK after which the
    SYN was accepted`,
  confirm: [line('sockets in TIME_WAIT, on the client and on the server:', 'ss -tan state time-wait')],
  fix: [
    remedy(
      'more local ports on the client',
      'ports of services among them have to be reserved (net.ipv4.ip_local_reserved_ports)',
      'sysctl -w net.ipv4.ip_local_port_range="1024 65535"',
    ),
    remedy(
      'connections that stay open, and more addresses where NAT chose the port',
      'a change of the program, or addresses',
    ),
  ],
  source: [
    'tcp_timewait_state_process() (net/ipv4/tcp_minisocks.c)',
    'nf_conntrack_tcp_packet() (net/netfilter/nf_conntrack_proto_tcp.c)',
  ],
  reports: ['cilium/cilium#45863', 'cloudius-systems/osv#889'],
}
