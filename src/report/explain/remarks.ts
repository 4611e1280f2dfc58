// Explanations of what is worth knowing, and seldom a fault by itself.
import { type Explanation, line, prose, remedy } from './explanation.ts'

export const vxlanChecksum: Explanation = {
  title: 'a connection through a tunnel was answered after half a minute of repeated SYNs',
  severity: 'warning; info if never answered',
  kernel: prose`Some drivers miscalculate the UDP checksum of the outer packet when the inner one was masqueraded and left unfinished
    for the hardware. The other node drops each such packet without a word (UdpInCsumErrors). A retransmission that is sent
    without that offload gets through, which takes a minute by doubling intervals.`,
  points: prose`On the sending node: SYNs into the tunnel after 1, 3, 7, 15, 31 and 63 s. On the receiving node: the same, with a wrong
    outer checksum. In the pod there: the last of them. UdpInCsumErrors grows there.`,
  evidence: prose`inside of a VXLAN or Geneve tunnel SYNs at doubling intervals, answered after 30 s or more`,
  certain: prose`never: likely, unanswered possible`,
  alike: prose`a server that is down, a rule that drops: not answered later, or nobody else accepted`,
  confirm: [
    line('on the receiving node: does it grow?', 'nstat -az UdpInCsumErrors Udp6InCsumErrors'),
    line('devices of tunnels:', 'ip -brief link show type vxlan', 'ip -brief link show type geneve'),
  ],
  fix: [
    remedy(
      'let the kernel calculate that checksum at the device of the tunnel (ethtool -K, tx-checksum-ip-generic off)',
      'processor time for each packet into the tunnel',
    ),
  ],
  source: ['udp_set_csum() (net/ipv4/udp.c)', 'vxlan_xmit_one() (drivers/net/vxlan/vxlan_core.c)'],
  reports: ['kubernetes/kubernetes#88986', 'projectcalico/calico#3145', 'flannel-io/flannel#1282'],
}

export const oneWayFlow: Explanation = {
  title: 'one direction of a connection passes here, the other takes another way',
  severity: 'info',
  kernel: prose`Conntrack needs both directions. With the client's alone the entry stays SYN_SENT [UNREPLIED] and what follows the
    SYN is INVALID; with the server's alone the SYN-ACK, which may open nothing, is. NAT and stateful rules cannot work for
    either.`,
  points: prose`Here: acknowledgments of packets that never passed. On the other path: those packets.`,
  evidence: prose`one direction of a TCP connection, acknowledging what never passed here; the finding says whether answers
    or requests are missing`,
  certain: prose`always`,
  alike: prose`a translated half (seen with other addresses), the other half at another point; SYNs alone`,
  confirm: [
    line('entries that stay without a reply:', 'conntrack -L -p tcp | grep UNREPLIED'),
    line('which way this host sends each of the two addresses:', 'ip route'),
  ],
  fix: [
    remedy('route both directions through one host', 'it must carry both'),
    remedy('or leave what passes here untracked (CT --notrack)', 'no NAT and no stateful rule works for it'),
  ],
  source: [
    'nf_conntrack_tcp_packet() (net/netfilter/nf_conntrack_proto_tcp.c)',
    'tcp_new() (net/netfilter/nf_conntrack_proto_tcp.c)',
  ],
  reports: ['metallb/metallb#297', 'openwrt/openwrt#24873'],
}

export const multicastAnswer: Explanation = {
  title: 'answers to a query that went to a group are NEW to conntrack',
  severity: 'info',
  kernel: prose`The entry of a query to 239.255.255.250 (or another group) expects answers from that very address. Stations answer
    with their own. No entry expects those, so each makes one of its own, and a rule that lets in ESTABLISHED packets alone
    drops it.`,
  points: prose`At the querier: the query, answers, and nothing to the program. In the table: the query [UNREPLIED].`,
  evidence: prose`a datagram comes from the port that a query to a group went to, to the port it came from, within 5 s, and
    makes an entry of its own`,
  certain: prose`always`,
  alike: prose`two stations that both query the group from its own port`,
  confirm: [line('which rule counts them:', 'iptables-save -c', 'nft list ruleset')],
  fix: [
    remedy(
      'where they are wanted: let them in by their source port and the network of those who answer',
      "a source port is anybody's choice, so the network has to be in the rule",
    ),
  ],
  source: [
    'nf_ct_invert_tuple() (net/netfilter/nf_conntrack_core.c)',
    'init_conntrack() (net/netfilter/nf_conntrack_core.c)',
  ],
  reports: ['christgau/wsdd#215', 'firewalld/firewalld#848', 'miniupnp/miniupnp#119'],
}

export const offloadChecksum: Explanation = {
  title: 'packets were captured before their checksum was finished',
  severity: 'info',
  kernel: prose`Where the device can calculate checksums, the kernel writes the sum of the pseudo header alone and leaves the rest to
    it (CHECKSUM_PARTIAL). A capture on the sending host is taken in front of the device. On veth nobody calculates it at
    all. Conntrack knows such packets by a mark that no capture has, and does not call them bad.`,
  points: prose`On the sending host: wrong checksums on what it sends, right ones on what it gets. On the wire: right ones.`,
  evidence: prose`SYNs whose checksum is the sum of the pseudo header`,
  certain: prose`always, from two on`,
  alike: '–',
  confirm: [line('devices that calculate checksums:', 'ethtool -k lo | grep checksum')],
  fix: [
    remedy(
      'none needed; tools that verify checksums can be told not to (Wireshark does not by default)',
      'packets that really are broken pass, too',
    ),
  ],
  source: ['skb_checksum_help() (net/core/dev.c)', 'nf_ip_checksum() (net/netfilter/utils.c)'],
  reports: ['zeek/zeek#5294', 'zeek/zeek#5343'],
}

export const midStreamPickup: Explanation = {
  title: 'TCP flows begin with a packet that is no SYN',
  severity: 'info',
  kernel: prose`With nf_conntrack_tcp_loose=1 any segment with ACK makes an entry. Nothing is known of such a connection: not who
    opened it, not its window scale, so that windows are not checked, and not its translation. Until the other side is heard the
    entry has 300 s.`,
  points: prose`At any point: the first packet of a tuple is data or an ACK. In the table: ESTABLISHED without [ASSURED] at first.`,
  evidence: prose`the entry was made by a packet that is no SYN`,
  certain: prose`always`,
  alike: prose`the answers of a connection that a bridge shows half translated: joined with its requests`,
  confirm: [
    line(
      'whether conntrack takes up connections in the middle (1: yes):',
      'sysctl net.netfilter.nf_conntrack_tcp_loose',
    ),
  ],
  fix: [
    remedy(
      'none needed where the capture began later than the connection; --table gives the entries of that moment',
      'none',
    ),
  ],
  source: ['tcp_new() (net/netfilter/nf_conntrack_proto_tcp.c)'],
  reports: [],
}
