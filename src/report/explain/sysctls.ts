// Explanations of the sysctls under net.netfilter.
import type { SysctlName } from '../../conntrack/settings.ts'
import { prose, type SysctlExplanation } from './explanation.ts'

/** What it costs to keep an entry of this kind for a longer or a shorter time. */
const TIMEOUT = prose`Longer: entries stay in the table for more time, 384 bytes each. Shorter: what is silent for longer loses its
  entry, and its translation with it`

/** A timeout of a protocol's state. */
function timeout(text: string, cost = TIMEOUT): SysctlExplanation {
  return { text, cost }
}

export const SYSCTL_EXPLANATIONS: Readonly<Record<SysctlName, SysctlExplanation>> = {
  nf_conntrack_acct: {
    text: 'Whether entries count their packets and bytes. Seen in conntrack -L and -E as packets= and bytes=. Holds for entries that are made from then on.',
    cost: '1: two counters, written by each packet',
  },
  nf_conntrack_buckets: {
    text: prose`Buckets of the hash table. Each entry is in two chains, so with as many buckets as entries a chain has two. Writable in the
      first network namespace alone; the table is rehashed when it is written.`,
    cost: '8 bytes each, whether used or not. Too few: each lookup walks a longer chain, and from some length on new entries are refused (chaintoolong of conntrack -S)',
  },
  nf_conntrack_checksum: {
    text: prose`Whether conntrack looks at checksums of what comes in, and calls what is wrong INVALID. The kernel's default is 1; a
      replay's is 0, because a capture shows checksums before the device has finished them.`,
    cost: '0: broken packets make entries and renew them; their receiver drops them all the same',
  },
  nf_conntrack_count: {
    text: prose`How many entries the table of this network namespace has, expired ones that nobody has collected included. Read-only in
      the kernel. Set for a replay it is what other traffic, not in the capture, holds all the while.`,
    cost: 'nothing: it is a counter',
  },
  nf_conntrack_events: {
    text: 'Whether entries send events (conntrack -E): 0 never, 1 always, 2 once somebody listens. 2 is the default since Linux 5.19.',
    cost: '1: memory of each entry and some time of each change, with nobody listening',
  },
  nf_conntrack_expect_max: {
    text: 'The most expectations of helpers at a time: flows that FTP, TFTP, SIP and others have announced.',
    cost: 'too few: announced flows are not expected, and meet the rules for strangers',
  },
  nf_conntrack_frag6_high_thresh: {
    text: 'Bytes that fragments of IPv6 may take while they wait for the rest of their datagrams. Above it new ones are dropped.',
    cost: 'memory that a stranger can fill; too little: fragmented datagrams are lost under load',
  },
  nf_conntrack_frag6_low_thresh: {
    text: 'Bytes of waiting fragments of IPv6 below which older kernels stopped to throw them away. Today nothing goes by it.',
    cost: 'nothing',
  },
  nf_conntrack_frag6_timeout: {
    text: 'Seconds that a fragment of IPv6 waits for the rest of its datagram.',
    cost: 'longer: memory; shorter: datagrams whose pieces come late are lost',
  },
  nf_conntrack_generic_timeout: timeout(
    'Seconds without a packet until an entry of a protocol without a tracker of its own goes (ESP, IGMP, OSPF, …).',
  ),
  nf_conntrack_gre_timeout: timeout(
    'Seconds without a packet until an entry of GRE goes, while one direction alone was seen.',
  ),
  nf_conntrack_gre_timeout_stream: timeout('The same once both directions were seen.'),
  nf_conntrack_icmp_timeout: timeout('Seconds without a packet until an entry of ICMP (ping) goes.'),
  nf_conntrack_icmpv6_timeout: timeout('Seconds without a packet until an entry of ICMPv6 (ping) goes.'),
  nf_conntrack_log_invalid: {
    text: prose`Which INVALID packets are logged, with the reason: a protocol number (6 TCP, 17 UDP), 255 for all, 0 for none. In other network
      namespaces than the first they are logged only with net.netfilter.nf_log_all_netns=1.`,
    cost: 'a line of the log for each of them: too much for a flood. Each line can be explained by this command',
  },
  nf_conntrack_max: {
    text: prose`The most entries of the table. With that many the kernel evicts entries that are not ASSURED, or drops what would make a new one
      ("table full, dropping packet"). Given to a replay it is enforced.`,
    cost: '384 bytes for each entry that is there; nf_conntrack_buckets has to grow with it. ctpcap size tells what a capture needs',
  },
  nf_conntrack_sctp_timeout_closed: timeout(
    'Seconds that an SCTP association which was shut down or aborted keeps its entry.',
  ),
  nf_conntrack_sctp_timeout_cookie_echoed: timeout(
    'Seconds in COOKIE_ECHOED: the third packet of the handshake was seen.',
  ),
  nf_conntrack_sctp_timeout_cookie_wait: timeout(
    'Seconds in COOKIE_WAIT: INIT was seen, and perhaps INIT ACK.',
  ),
  nf_conntrack_sctp_timeout_established: timeout(
    'Seconds without a packet until the entry of an open SCTP association goes. 210 by the heartbeats of RFC 9260; 432,000 in older kernels (5.10.46 is one).',
  ),
  nf_conntrack_sctp_timeout_heartbeat_sent: timeout(
    'Seconds of an entry that a HEARTBEAT made: a further path of an association that is open already.',
  ),
  nf_conntrack_sctp_timeout_shutdown_ack_sent: timeout('Seconds in SHUTDOWN_ACK_SENT.'),
  nf_conntrack_sctp_timeout_shutdown_recd: timeout(
    'Seconds in SHUTDOWN_RECD: the answering side has been told to shut down.',
  ),
  nf_conntrack_sctp_timeout_shutdown_sent: timeout('Seconds in SHUTDOWN_SENT.'),
  nf_conntrack_tcp_be_liberal: {
    text: 'With 1 segments outside the window are not INVALID; only RSTs are still looked at. kube-proxy leaves its rule that drops INVALID packets away then.',
    cost: '1: whoever knows addresses and ports can slip segments past rules that trust ESTABLISHED; windows are not kept either',
  },
  nf_conntrack_tcp_ignore_invalid_rst: {
    text: 'With 1 a RST below what was acknowledged ("invalid rst") is not INVALID. Since Linux 5.14.',
    cost: '1: a forged RST with a low number passes; whether it ends anything the receiver decides',
  },
  nf_conntrack_tcp_loose: {
    text: prose`Whether a TCP packet that is no SYN may make an entry: connections that were open before, or whose entry has gone, are taken
      up in the middle, without a check of windows until both sides are known.`,
    cost: '0: such connections are INVALID, and lost where rules drop that. 1: a firewall lets in what goes on, by ESTABLISHED alone',
  },
  nf_conntrack_tcp_max_retrans: {
    text: 'After so many retransmissions without an answer the timeout is nf_conntrack_tcp_timeout_max_retrans, if its own is longer.',
    cost: 'more: dead connections stay in the table for longer',
  },
  nf_conntrack_tcp_timeout_close: timeout('Seconds in CLOSE: a RST was seen.'),
  nf_conntrack_tcp_timeout_close_wait: timeout(
    prose`Seconds in CLOSE_WAIT: one side has sent FIN, and the other has acknowledged it. kube-proxy sets 3600, for programs that close
      late: a FIN that comes after this leaves untranslated (invalid-leak-private-source).`,
  ),
  nf_conntrack_tcp_timeout_established: timeout(
    prose`Seconds without a packet until the entry of an open connection goes; five days by default, one day with kube-proxy. RFC 5382 asks for
      7,440 at least.`,
    prose`Longer: connections whose ends vanished fill the table. Shorter than keepalives: see ctpcap explain
      idle-timeout-inbound`,
  ),
  nf_conntrack_tcp_timeout_fin_wait: timeout('Seconds in FIN_WAIT: one side has sent FIN.'),
  nf_conntrack_tcp_timeout_last_ack: timeout('Seconds in LAST_ACK: both sides have sent FIN.'),
  nf_conntrack_tcp_timeout_max_retrans: timeout(
    'Seconds after which a connection goes that retransmits without an answer (nf_conntrack_tcp_max_retrans times), and one with a window of zero.',
  ),
  nf_conntrack_tcp_timeout_syn_recv: timeout(
    'Seconds in SYN_RECV: SYN and SYN-ACK were seen, and no ACK of them.',
  ),
  nf_conntrack_tcp_timeout_syn_sent: timeout(
    prose`Seconds in SYN_SENT: a SYN that nobody has answered. Repetitions do not renew it (before Linux 5.14 they did), so a SYN keeps its
      translation to a backend that is gone for so long (stale-mapping).`,
  ),
  nf_conntrack_tcp_timeout_time_wait: timeout(
    prose`Seconds in TIME_WAIT. With many short connections this holds most of the table: their rate times this. A translated port is taken
      for as long (snat-port-pressure).`,
    'Longer: more entries, fewer free ports. Shorter: a late segment of the old connection is INVALID, or meets a new one',
  ),
  nf_conntrack_tcp_timeout_unacknowledged: timeout(
    'Seconds of a connection with data that was not acknowledged, and of one that was taken up in the middle until both sides were heard, where its own timeout is longer.',
  ),
  nf_conntrack_timestamp: {
    text: 'Whether entries remember when they began. Seen as delta-time= in /proc/net/nf_conntrack, and as start and stop in events.',
    cost: '1: 16 bytes an entry',
  },
  nf_conntrack_udp_timeout: timeout(
    'Seconds without a packet until an entry of UDP goes that has had no reply, or has existed for less than two seconds.',
    prose`Longer: one-shot queries (DNS) stay in the table for more time: their rate times this. Shorter: an answer that comes later meets no
      entry`,
  ),
  nf_conntrack_udp_timeout_stream: timeout(
    'Seconds without a packet until the entry of a UDP exchange goes that has had a reply and has lasted for two seconds or more.',
    'Longer: more entries. Shorter than the keepalives of SIP, QUIC, WireGuard or a VPN: the other side is no longer let in',
  ),
  nf_flowtable_tcp_timeout: {
    text: 'Seconds without a packet until a TCP connection leaves an nftables flowtable and is seen by conntrack again. Replays have no flowtables.',
    cost: 'longer: less work for connections that pause; shorter: the reverse',
  },
  nf_flowtable_udp_timeout: {
    text: 'Seconds without a packet until a UDP exchange leaves an nftables flowtable and is seen by conntrack again. Replays have no flowtables.',
    cost: 'longer: less work for exchanges that pause; shorter: the reverse',
  },
}
