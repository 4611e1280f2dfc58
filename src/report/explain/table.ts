// Explanations of a table that is full, that is being filled, or that was listed at another moment.
import { type Explanation, line, prose, remedy } from './explanation.ts'

const COUNTS = line(
  'how full it is, and what the kernel said:',
  'sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max',
  'dmesg | grep nf_conntrack',
)

export const conntrackTableFull: Explanation = {
  title: 'the connection table is full, and new connections are dropped',
  severity: 'error',
  kernel: prose`Each new entry is counted before its packet goes on. With nf_conntrack_max entries in the table the kernel looks at
    eight buckets for entries that are not ASSURED, and deletes those of the first bucket that has any. Where there are none
    it drops the packet: "nf_conntrack: table full, dropping packet". What has an entry goes on undisturbed. Expired entries
    count until a lookup or the collector meets them.`,
  points: prose`In front of the host: first packets come in, and are repeated after 1, 3, 7 seconds. Behind it: none of them, whatever
    the server, while open connections go on. conntrack -S: drop and early_drop grow.`,
  evidence: prose`ten or more new connections in a row come in and do not leave, to servers that others had reached by the
    same interface, the same client among them`,
  certain: prose`never from packets alone: likely while open flows go on, else possible; certain by the model of the table`,
  alike: prose`a capture of the outer side that ended earlier; a rule, rp_filter or a filter of martians, which drops by
    interface, server or source`,
  confirm: [COUNTS, line('drop= and early_drop= grow:', 'conntrack -S')],
  fix: [
    remedy(
      'a larger table: ctpcap size tells what this traffic needs, as a command',
      '384 bytes for each entry and 8 for each bucket; the buckets have to grow with it, or lookups get slow',
    ),
    remedy(
      'or entries that go sooner: the timeout of the state that fills it',
      'what is idle for longer than that is forgotten: see ctpcap explain idle-timeout-inbound',
    ),
    remedy(
      'or what needs no NAT and no state left untracked (CT --notrack, notrack in nft)',
      'rules that go by state do not match it any more; ctpcap size --notrack tells which',
    ),
  ],
  source: [
    '__nf_conntrack_alloc() (net/netfilter/nf_conntrack_core.c)',
    'early_drop() (net/netfilter/nf_conntrack_core.c)',
    'gc_worker() (net/netfilter/nf_conntrack_core.c)',
  ],
  reports: [
    'kubernetes/kubernetes#71261',
    'kubernetes/kubernetes#18604',
    'kubernetes/kubernetes#97377',
    'projectcalico/felix#617',
  ],
}

export const conntrackEarlyDrop: Explanation = {
  title: 'the connection table is full, and entries make way for new ones',
  severity: 'warning',
  kernel: prose`As conntrack-table-full, a step earlier: the kernel still finds entries that are not ASSURED. Those are connections
    without a reply, UDP exchanges that lasted less than two seconds, and half-open TCP. Whoever owned one loses its
    translation: its next packet makes a new entry, or is INVALID.`,
  points: prose`Nothing is lost at once. Answers that come late meet no entry, and are sent back to nobody. conntrack -S: early_drop
    grows; conntrack -E: DESTROY of entries that had time left.`,
  evidence: prose`the table that is modelled is full, and entries that are not ASSURED make way for new ones, none being
    refused`,
  certain: prose`always, by the model of the table; which entries go is the model's choice (the kernel's hash is random)`,
  alike: prose`a table that was given no maximum grows instead`,
  confirm: [COUNTS, line('early_drop= grows:', 'conntrack -S')],
  fix: [
    remedy('as conntrack-table-full: a larger table, shorter timeouts, or less of it tracked', 'as there'),
  ],
  source: [
    'early_drop() (net/netfilter/nf_conntrack_core.c)',
    '__nf_conntrack_alloc() (net/netfilter/nf_conntrack_core.c)',
  ],
  reports: [],
}

export const synFlood: Explanation = {
  title: 'a flood of SYNs to one destination, hardly any of which completes the handshake',
  severity: 'warning',
  kernel: prose`Each SYN makes an entry: 120 s in SYN_SENT while nobody answers, 60 s in SYN_RECV once somebody does. None of them is
    ASSURED, so they are the first to go when the table is full, but until then they hold their places, and the server holds
    a half-open connection for each.`,
  points: prose`In front of the server: SYNs from many addresses or ports, answers that are repeated, no third packet. In the table:
    SYN_SENT or SYN_RECV by the hundred.`,
  evidence: prose`a hundred or more SYNs to one destination within ten seconds, less than a tenth of all completed, refused
    or (a quarter) repeated`,
  certain: prose`the server repeats its answers; else likely; from eight addresses or fewer, or a thousand or more in a capture
    that ends within 1.5 s: possible`,
  alike: prose`clients without an answer: they repeat their SYNs; probes of a server that is gone, which are few at a time; a
    program that gives up each try before it would repeat it`,
  confirm: [
    line('half-open connections, on the server:', 'ss -Htn state syn-recv | wc -l'),
    line(
      'entries in that state, on the node:',
      'conntrack -L -p tcp --state SYN_RECV',
      'conntrack -L -p tcp --state SYN_SENT',
    ),
  ],
  fix: [
    remedy(
      'SYN cookies on the server',
      'connections that begin by a cookie have no window scaling unless both sides have timestamps',
      'sysctl -w net.ipv4.tcp_syncookies=1',
    ),
    remedy(
      'SYNPROXY in front of it, as the report has it: such SYNs make no entry then',
      'the proxy answers for the server before it knows whether it is there; nothing that needs DNAT can be behind it',
    ),
    remedy(
      'or a shorter time for what nobody answers',
      'a client behind a slow path that repeats its SYN later than that gets another translation',
      'sysctl -w net.netfilter.nf_conntrack_tcp_timeout_syn_sent=30',
    ),
  ],
  source: [
    'tcp_new() (net/netfilter/nf_conntrack_proto_tcp.c)',
    'tcp_conn_request() (net/ipv4/tcp_input.c)',
    'synproxy_tg4() (net/ipv4/netfilter/ipt_SYNPROXY.c)',
  ],
  reports: ['hackerschoice/segfault#50', 'cilium/cilium#3232'],
}

export const udpFlood: Explanation = {
  title: 'datagrams make very many entries a second that nobody answers',
  severity: 'warning',
  kernel: prose`Each datagram with new addresses or ports makes an entry, which lives for nf_conntrack_udp_timeout (30 s) whether it is
    answered or not, and whether anybody listens or not: 4,000 a second hold 120,000 entries. None is ASSURED, so that they are the first
    to go when the table is full; until then each costs a lookup, an insertion, and 384 bytes.`,
  points: prose`In front of the server: datagrams from very many addresses, or from one to very many. In the table: udp [UNREPLIED] by
    the thousand.`,
  evidence: prose`more than 512 new UDP entries within a second that nobody answers, to one port, to one address, or from one
    source; less than a tenth of all such are answered. The same of SYNs from one source is syn-flood`,
  certain: prose`never: likely from 64 addresses or more; from fewer, and of one source, possible, and from a thousand within a
    second on`,
  alike: prose`clients that are answered; the outside of tunnels (VXLAN, Geneve), whose source ports are hashes; one-way protocols
    (syslog, statsd, flow export) and hosts that ask many peers (DHT): less than a thousand a second`,
  confirm: [
    line('how many there are, on the node:', 'conntrack -L -p udp | grep -c UNREPLIED'),
    line('how full the table is:', 'sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max'),
  ],
  fix: [
    remedy(
      'drop in table raw what is more than the service can take, as the report has it',
      'honest datagrams above the rate are lost, too',
    ),
    remedy(
      'or do not track the service',
      'no translation, and rules that go by state do not match it any more',
    ),
    remedy(
      'or a shorter time for what nobody answers',
      'an answer that takes longer finds no entry',
      'sysctl -w net.netfilter.nf_conntrack_udp_timeout=10',
    ),
  ],
  source: ['nf_conntrack_udp_packet() (net/netfilter/nf_conntrack_proto_udp.c)'],
  reports: ['moby/moby#44877'],
}

export const tableFileContradicted: Explanation = {
  title: 'the traffic contradicts the table that was given',
  severity: 'warning',
  kernel: prose`Nothing is wrong in the kernel. --table is a listing of one moment, of one host and network namespace. Where a capture
    opens what the listing has as open, or sends behind another translation than it lists, they do not belong together, and what the
    report says of connections that were open already rests on the wrong entries.`,
  points: prose`At any point: a SYN where an open connection is listed, data where a closed one is, an address that the listing does
    not have.`,
  evidence: prose`an entry is judged by the first packet that meets it, its translation by all`,
  certain: prose`as the kinds of contradiction below have it`,
  alike: prose`a SYN or FIN that is repeated; half of two translations, as a bridge shows it`,
  confirm: [line('the namespaces of this host, each of which has a table of its own:', 'lsns -t net')],
  fix: [
    remedy(
      'list the table right before the capture starts, in the same network namespace',
      'a listing of a large table takes seconds',
      'conntrack -L >table.txt',
    ),
  ],
  source: ['ctnetlink_dump_table() (net/netfilter/nf_conntrack_netlink.c)'],
  reports: [],
}
