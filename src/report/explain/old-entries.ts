// Explanations of entries that outlive what they were made for.
import { type Explanation, line, prose, remedy } from './explanation.ts'

const DELETE_COST =
  'the next packet meets the rules of now; whoever still needed the old translation loses it'

export const staleMapping: Explanation = {
  title: 'packets still go to a backend that is gone',
  severity: 'error',
  kernel: prose`A connection is translated as its first packet was. The nat table is not asked again, however the rules change. A
    datagram renews the timeout of its entry (30 s without a reply), so a sender that is faster than that keeps the old backend for
    as long as it goes on. A SYN that is repeated keeps its entry for 120 s; before Linux 5.14 each repetition renewed that.`,
  points: prose`In front of the translation: packets to the service, unanswered, while new sockets are answered. Behind it: packets
    to an address that nobody has, ARP without an answer, or ICMP errors. In the table: [UNREPLIED], with the old backend.`,
  evidence: prose`five datagrams or more in a minute or more, five since the last answer in 30 s or more, or five SYNs,
    unanswered, on an entry translated to one backend; flows that began later got another, and answers. Where later flows were sent
    to the silent backend, too, the rules still hold it: another cause, another fix`,
  certain: prose`with an ICMP error about the entry, or rules that send there no more; likely with four later flows, possible with
    two. Of a backend that is still chosen: with rules that hold it and objects that do not; likely with an ICMP error, else
    possible. In front of the translation, of UDP alone, possible if four later sockets of the same client were answered`,
  alike: prose`a backend that answers later flows; a protocol without answers; another client's luck`,
  confirm: [
    line('entries without a reply whose destination was changed:', 'conntrack -L --dst-nat | grep UNREPLIED'),
  ],
  fix: [
    remedy(
      'delete the entries that lead to it, as the report has it for the addresses seen (kube-proxy does so for UDP since 1.32)',
      DELETE_COST,
    ),
    remedy('have the sender open a new socket now and then', 'a change of the program'),
  ],
  source: [
    'nf_nat_inet_fn() (net/netfilter/nf_nat_core.c)',
    'nf_conntrack_udp_packet() (net/netfilter/nf_conntrack_proto_udp.c)',
    'nf_conntrack_tcp_packet() (net/netfilter/nf_conntrack_proto_tcp.c)',
  ],
  reports: [
    'kubernetes/kubernetes#19029',
    'kubernetes/kubernetes#59368',
    'kubernetes/kubernetes#126130',
    'kubernetes/kubernetes#139628',
    'kubernetes/kubernetes#104098',
    'Azure/AZNFS-mount#45',
  ],
}

export const entryOlderThanRule: Explanation = {
  title: 'a flow goes on untranslated, because its entry is older than the rule',
  severity: 'error',
  kernel: prose`Rules of the nat table see the first packet of a connection alone. A flow that began before the rule was there (a
    host that boots, a firewall that is loaded anew, kube-proxy a moment late) has an entry that says: no translation. Each
    packet renews it, so the rule is never asked.`,
  points: prose`In front of the host and behind it: packets with the same addresses, unanswered, while flows that began later are
    translated. In the table: an entry whose two tuples are each other's inverse.`,
  evidence: prose`three packets or more of a flow go on untranslated and unanswered, while flows that began later, and none
    before, are translated and answered: to the same destination (DNAT), or leaving by the same interface (masquerade)`,
  certain: prose`never from packets alone: likely with two such flows, else possible; from the uplink alone possible`,
  alike: prose`a flow that no rule is about; a rule that came and went; a destination that answers untranslated`,
  confirm: [line('entries without a reply:', 'conntrack -L | grep UNREPLIED')],
  fix: [remedy('delete the entry; the next packet makes a new one, by the rules of now', DELETE_COST)],
  source: [
    'nf_nat_inet_fn() (net/netfilter/nf_nat_core.c)',
    'nf_nat_setup_info() (net/netfilter/nf_nat_core.c)',
  ],
  reports: [
    'kubernetes/kubernetes#108065',
    'kubernetes/kubernetes#105192',
    'kubernetes/kubernetes#48370',
    'kubeovn/kube-ovn#4193',
  ],
}

export const staleSourceMapping: Explanation = {
  title: 'packets leave with a source address or port that the host gives to nobody any more',
  severity: 'error',
  kernel: prose`The source of a masqueraded connection is chosen with its first packet. When the address of the interface changes
    (a new lease, a redial), MASQUERADE deletes the entries that used it only as the interface goes down or loses the address; SNAT
    never does. Keepalives renew the entry with the address that is gone. The same happens to a host's own socket: where a
    masqueraded flow had its port to that peer, NAT gave it another one, and each packet keeps it.`,
  points: prose`On the outer interface: packets with the old address (or another port than the socket has), unanswered, while
    later flows have the new one and are answered. On the inner one: requests, repeated. In the table: [UNREPLIED], or an
    old entry.`,
  evidence: prose`packets leave with a source address that later flows there do not get any more; these are answered, the
    flow is not since then. Or datagrams of the host itself leave from another port than its socket has, unanswered for a
    minute: a masqueraded flow had that port to this peer, or the entry of --table tells it, and the host is answered from
    that port by others meanwhile`,
  certain: prose`never from packets alone: likely with two answered flows, else possible; of a port possible, by an entry
    likely`,
  alike: prose`a pool of source addresses; a peer that is gone; a socket that has that port`,
  confirm: [
    line('the addresses that the host has:', 'ip -brief address'),
    line('entries whose source was changed, to be held against them:', 'conntrack -L --src-nat'),
  ],
  fix: [
    remedy('delete the entries with the old address or port, as the report has it', DELETE_COST),
    remedy(
      'MASQUERADE instead of SNAT where addresses change',
      'it deletes all entries of an interface whenever that goes down',
    ),
    remedy(
      'for a port: masquerade others to a range without it (--to-ports)',
      'fewer ports for the rest; a range to keep in step with what listens here',
    ),
  ],
  source: [
    'masq_device_event() (net/netfilter/nf_nat_masquerade.c)',
    'nf_nat_masquerade_ipv4() (net/netfilter/nf_nat_masquerade.c)',
    'get_unique_tuple() (net/netfilter/nf_nat_core.c)',
  ],
  reports: [
    'tailscale/tailscale#18328',
    'tailscale/tailscale#20910',
    'opnsense/core#4652',
    'openwrt/openwrt#22765',
  ],
}

export const recycledAddress: Explanation = {
  title: 'another host has the address now that a connection or a SYN was meant for',
  severity: 'error',
  kernel: prose`An address was given to another host or pod while connections to the old one were open, or while an entry still
    led to it. Packets reach somebody who never heard of the connection and resets it; or a SYN that the old one left
    unanswered is repeated and reaches the new one, by the entry that DNAT made for the old.`,
  points: prose`Near the address: two hardware addresses for one IP address, within one connection. At the client: a RST amid an
    open connection, or a refusal after silence. In the table: the entry of the old one.`,
  evidence: prose`a RST without a socket from another hardware address than the SYN-ACK, both unrouted and with one TTL; or
    a SYN unanswered by one station and refused by the next`,
  certain: prose`the first; the second is likely`,
  alike: prose`a restarted program (same station); a router in between, or one that the SYN was sent to; a RST with a routed
    TTL`,
  confirm: [
    line('who has the address now:', 'ip neigh'),
    line('entries that wait for an answer:', 'conntrack -L -p tcp --state SYN_SENT'),
  ],
  fix: [
    remedy(
      'a longer pause before an address is given again: longer than the timeouts of entries that may lead to it',
      'more addresses needed',
    ),
    remedy(
      'or a shorter time for SYNs that nobody answers',
      'a client behind a slow path that repeats its SYN later than that gets another translation',
      'sysctl -w net.netfilter.nf_conntrack_tcp_timeout_syn_sent=20',
    ),
  ],
  source: [
    'nf_conntrack_tcp_packet() (net/netfilter/nf_conntrack_proto_tcp.c)',
    'tcp_v4_send_reset() (net/ipv4/tcp_ipv4.c)',
  ],
  reports: ['aws/amazon-vpc-cni-k8s#3634', 'bottlerocket-os/bottlerocket#4809'],
}
