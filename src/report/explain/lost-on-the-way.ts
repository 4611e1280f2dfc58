// Explanations of packets that are lost for want of an entry, or because an error about them is.
import { type Explanation, line, prose, remedy } from './explanation.ts'

export const partialNotrack: Explanation = {
  title: 'NOTRACK matches one direction of a connection and not the other',
  severity: 'error, warning',
  kernel: prose`A rule of NOTRACK (CT --notrack, notrack in nft) lets a packet pass without an entry; it says nothing of the answer.
    An answer that is tracked finds no entry: it is NEW, and makes an entry in the wrong direction, or INVALID where TCP cannot
    begin so. Where the answers are untracked instead, the entry stays [UNREPLIED], and what the client sends next is INVALID.`,
  points: prose`Both directions come in. Where rules accept ESTABLISHED alone, or drop INVALID, one of them does not leave. In the table:
    entries from the server to the client, or [UNREPLIED] ones.`,
  evidence: prose`with --rules: packets of one direction are untracked, and those of the other are NEW, INVALID, or have their
    entry; an error where rules drop them`,
  certain: prose`a rule untracks one direction for sure, and none may untrack the other; else nothing is told`,
  alike: prose`rules for both directions; packets that conntrack leaves alone by itself`,
  confirm: [
    line(
      'rules of NOTRACK for each direction, in PREROUTING and OUTPUT:',
      'iptables-save -t raw',
      'nft list ruleset',
    ),
  ],
  fix: [
    remedy(
      'a rule for the other direction: --sport beside --dport; in OUTPUT for what the host itself sends',
      'nothing of the connection can be translated, and no rule for ESTABLISHED matches it any more: accept it UNTRACKED',
    ),
    remedy('or track it: take the rule away', 'an entry for each connection'),
  ],
  source: ['notrack_tg() (net/netfilter/xt_CT.c)', 'tcp_new() (net/netfilter/nf_conntrack_proto_tcp.c)'],
  reports: ['openwrt/firewall4#14'],
}

export const pmtuBlackhole: Explanation = {
  title: "packets above the path's MTU are lost, because their sender does not learn of it",
  severity: 'error',
  kernel: prose`A router that cannot pass a packet with DF on sends an ICMP error with the MTU of its link to the sender (RFC 1191; of
    IPv6 RFC 8201). conntrack finds the entry by the packet that the error quotes: it is RELATED, and NAT changes addresses
    inside and outside of it back. The sender's TCP then cuts its segments smaller. Where the error is dropped on its way, TCP
    repeats the same segment until it gives up: handshakes work, and the first large answer hangs.`,
  points: prose`Behind the narrow link: small packets alone. In front of it: errors, and the same segment again and again. On the host
    that drops the errors: they come in, and do not leave.`,
  evidence: prose`an ICMP error "fragmentation needed" or "packet too big" is RELATED, and after it the same segment comes
    again twice or more as large as before, none smaller, and is not acknowledged (datagrams: four or more as large, and no
    answer)`,
  certain: prose`a rule that was given drops the errors; likely where they come in and do not leave, or go on to the sender,
    and where neither is seen possible`,
  alike: prose`path MTU discovery at work; a sender that probes (QUIC) and is answered; a capture on the sender before its segments
    are cut: they are acknowledged`,
  confirm: [
    line('the errors, as they pass:', "tcpdump -ni any 'icmp[0] == 3 and icmp[1] == 4'"),
    line('which rule counts them:', 'iptables-save -c', 'nft list ruleset'),
  ],
  fix: [
    remedy(
      'let errors of known connections pass',
      'none: they are RELATED to a connection that rules accept',
      'iptables -I FORWARD -p icmp --icmp-type fragmentation-needed -m conntrack --ctstate RELATED -j ACCEPT',
    ),
    remedy(
      'or have both sides of TCP agree on segments that fit',
      'of TCP alone: QUIC and tunnels go without',
      'iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu',
    ),
    remedy(
      'or have senders find out by themselves (RFC 4821)',
      'seconds until it begins, on each path',
      'sysctl -w net.ipv4.tcp_mtu_probing=1',
    ),
  ],
  source: [
    'nf_conntrack_inet_error() (net/netfilter/nf_conntrack_proto_icmp.c)',
    'nf_nat_icmp_reply_translation() (net/netfilter/nf_nat_proto.c)',
    'tcp_v4_mtu_reduced() (net/ipv4/tcp_ipv4.c)',
  ],
  reports: ['linuxserver/docker-wireguard#166', 'moby/moby#12565', 'pypi/support#75'],
}

export const sctpPathWithoutEntry: Explanation = {
  title: 'SCTP data on a second path before a HEARTBEAT has made its entry',
  severity: 'error, warning',
  kernel: prose`An association has several addresses at either end. To conntrack each pair of them is a connection of its own, and only
    an INIT or, between other addresses, a HEARTBEAT begins one. DATA and SACK that find no entry are INVALID. So a switch
    to a path on which no HEARTBEAT has passed for nf_conntrack_sctp_timeout_heartbeat_sent fails where rules drop INVALID.`,
  points: prose`Data of the second path come in and are repeated. They do not leave where INVALID is dropped, until a HEARTBEAT has
    passed: from then on everything does.`,
  evidence: prose`INVALID packets of SCTP between other addresses than those of an association that was opened in the capture,
    with its ports and verification tag; an error where they do not leave this host`,
  certain: prose`always: tags are random`,
  alike: prose`an association that was open before; packets that passed by a translation, whose addresses are the
    association's own`,
  confirm: [line('an entry for each path:', 'conntrack -L -p sctp')],
  fix: [
    remedy(
      'on both ends: HEARTBEATs on idle paths',
      'a packet and its answer per interval on each path',
      'sysctl -w net.sctp.hb_interval=10000',
    ),
    remedy(
      'or do not track SCTP, as the report has it',
      'no translation, and rules that go by state do not match it any more',
    ),
  ],
  source: ['sctp_new() (net/netfilter/nf_conntrack_proto_sctp.c)'],
  reports: ['sctplab/usrsctp#499'],
}
