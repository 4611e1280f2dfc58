// What each finding about single flows means, beyond what NAT did wrong: title, severity, cause and fix by stable id.
import type { CatalogueEntry } from './catalogue.ts'

const KEEPALIVE =
  "keepalives at shorter intervals than the smallest timeout on the path (an application's own, or SO_KEEPALIVE with " +
  'sysctl -w net.ipv4.tcp_keepalive_time=SECONDS), or a longer timeout there'

/** What went wrong. */
export const FLOW_FINDINGS = {
  'dns-race': {
    severity: 'error',
    title: 'of two DNS queries that left one socket together, one was lost, and asked again seconds later',
    cause:
      'A and AAAA queries leave one socket at the same moment; both make a new entry, and where the kernel cannot ' +
      'resolve the clash, the second to be confirmed is dropped (insert_failed of `conntrack -S`)',
    fix: 'resolv.conf: options single-request-reopen (or use-vc), or a resolver on the node (NodeLocal DNS), which is asked without translation and can stay untracked: iptables -t raw -A OUTPUT -p udp -d 169.254.20.10 --dport 53 -j CT --notrack',
  },
  'port-reuse': {
    severity: 'error',
    title: 'a source port was used again too early, and the connection was not made',
    cause:
      "one side, or a box between them, still held the port's last connection: a SYN that does not belong to it is " +
      'answered by a challenge ACK, refused or ignored',
    fix: 'sysctl -w net.ipv4.ip_local_port_range="1024 65535" on the client, connections that stay open, and more addresses where NAT chose the port',
  },
  'idle-gap': {
    severity: 'error',
    title: 'after a long pause a connection did not go on',
    cause:
      'something on the path forgets idle connections: the first packet after the pause was reset, or never answered',
    fix: KEEPALIVE,
  },
  'recycled-address': {
    severity: 'error',
    title: 'the address of a peer went to another station, which refused the connection',
    cause:
      'the address was given to somebody else (a new pod, a container that was made again) while a connection, or a ' +
      'translation to it, was still kept: its packets reach a station that knows nothing of it',
    fix: 'conntrack -D --orig-dst ADDRESS (or --reply-src) when an address is given up; wait longer before it is given out again',
  },
  'vxlan-checksum': {
    severity: 'warning',
    title: 'a connection through the tunnel was answered after half a minute of repeated SYNs or more',
    cause:
      'this is how a driver looks that miscalculates the outer checksum of masqueraded packets: the other node drops ' +
      'each silently, until the connection is sent without offloading',
    fix: 'ethtool -K TUNNEL-DEVICE tx-checksum-ip-generic off (flannel.1, vxlan.calico), and count: nstat -az UdpInCsumErrors on the other node',
  },
  'stale-mapping': {
    severity: 'error',
    title: 'packets still go to a backend that is gone, by an entry that was made when it was there',
    cause:
      'the translation of a connection is chosen once, with its first packet. Each datagram renews the entry: who sends ' +
      'more often than the timeout never gets another backend. SYNs keep theirs for 120 s, on older kernels for as long ' +
      'as they repeat',
    fix: 'conntrack -D -p PROTOCOL --orig-dst SERVICE --orig-port-dst PORT (kube-proxy does so itself since 1.32)',
  },
  'snat-port-pressure': {
    severity: 'warning',
    title: 'source ports to one destination are nearly used up',
    cause:
      'a translated address has one port for each connection to the same destination, and a closed connection holds ' +
      'its port until its entry is gone (TIME_WAIT, 120 s): whoever comes when none is left is dropped (insert_failed of `conntrack -S`)',
    fix: 'more source addresses: iptables -t nat … -j SNAT --to-source FIRST-LAST; or connections that stay open (keep-alive), or sysctl -w net.netfilter.nf_conntrack_tcp_timeout_time_wait=30',
  },
} satisfies Record<string, CatalogueEntry>

export type FlowFindingId = keyof typeof FLOW_FINDINGS

/** What is worth knowing, and no fault. */
export const REMARKS = {
  'dns-race': {
    severity: 'info',
    title: 'DNS queries left one socket together, exposed to the race for a new entry; none was lost in it',
    cause:
      'A and AAAA queries leave one socket at the same moment, and both find no entry: some kernels drop one',
    fix: 'none needed; resolv.conf: options single-request-reopen keeps them apart',
  },
  'port-reuse': {
    severity: 'info',
    title:
      'a source port was used again while its last connection would still be in the table, and it worked',
    cause: 'the SYN opens the entry again: DESTROY and NEW in one packet',
    fix: 'none needed',
  },
  'one-way-flow': {
    severity: 'info',
    title: 'one direction of a connection passes here, and it goes on: the other takes another way',
    cause:
      'an asymmetric path, or a capture of one direction. Where conntrack sees just that, packets are INVALID or the ' +
      'entry stays [UNREPLIED], and neither NAT nor stateful rules can work',
    fix: 'route both directions through one host, or leave the flow untracked: iptables -t raw -A PREROUTING -d DESTINATION -j CT --notrack',
  },
  'vxlan-checksum': {
    severity: 'info',
    title:
      'SYNs into a tunnel repeat at doubling intervals without an answer, while the server answers others',
    cause:
      'a rule that drops them on the other node, or the outer checksum that some drivers miscalculate: the packets ' +
      'alone do not tell',
    fix: 'on the other node: nstat -az UdpInCsumErrors; if it grows, ethtool -K TUNNEL-DEVICE tx-checksum-ip-generic off on this one',
  },
  'offload-checksum': {
    severity: 'info',
    title: 'SYNs were captured before their checksum was finished',
    cause:
      'the sum of the pseudo header alone stands there: hardware, or nobody (veth), adds the rest behind the capture ' +
      'point. Tools that verify checksums call these packets bad; they are not',
    fix: 'none needed; to capture finished ones: ethtool -K DEVICE tx off',
  },
} satisfies Record<string, CatalogueEntry>

export type RemarkId = keyof typeof REMARKS
