// Explanations of what conntrack complains of: by the codes of conntrack/reason.ts, each in all the words that kernels have for it.
import { kernelOf, RELEASES } from '../../conntrack/kernel.ts'
import { Reasons, reasonTitle } from '../../conntrack/reason.ts'
import { prose, type ReasonExplanation } from './explanation.ts'

const WINDOW = 'tcp_in_window() (net/netfilter/nf_conntrack_proto_tcp.c)'
const TCP = 'nf_conntrack_tcp_packet() (net/netfilter/nf_conntrack_proto_tcp.c)'
const SCTP = 'nf_conntrack_sctp_packet() (net/netfilter/nf_conntrack_proto_sctp.c)'
const DCCP = 'nf_conntrack_dccp_packet() (net/netfilter/nf_conntrack_proto_dccp.c), up to Linux 6.16'

const BROKEN = prose`INVALID: the packet is cut off, or its headers contradict each other. No host would take it either.`
const BROKEN_ORIGIN =
  'a scanner, a broken driver or middlebox, or a capture that kept the beginning of each packet alone'
const DROPPED_ANYWAY = 'none: drop INVALID packets, as the receiver would'

const CHECKSUM_ORIGIN = prose`damage on the way, or a device that finishes checksums late. A capture cannot tell: it is taken before
  that. The replay therefore looks at checksums only with --set nf_conntrack_checksum=1`
const CHECKSUM_REMEDY = prose`the device: ethtool -S for its errors, ethtool -K to turn an offload off that miscalculates. With
  nf_conntrack_checksum=0 conntrack looks at none, and the receiver drops the packet`

const INVALID_REMEDY = prose`drop INVALID packets, so that they are sent again and nobody answers them; or
  nf_conntrack_tcp_be_liberal=1. See ctpcap explain invalid-leak for what either costs`

const GAP_ORIGIN = prose`packets that this host did not see, because they took another way or were lost by the capture; a sender or
  a middlebox that ignores the window`

/** By code. */
const EXPLANATIONS: readonly ReasonExplanation[] = [
  {
    text: prose`INVALID, and the kernel logs nothing: an ICMP error about a connection that has no entry, an answer of ping that nobody
      asked for, a first TCP packet that is no SYN with nf_conntrack_tcp_loose=0, a header shorter than its protocol has.`,
    origin: 'an entry that has gone, a direction that takes another way, or a stranger',
    remedy: 'none by itself: look at which packets they are (ctpcap packets --only invalid)',
    source: 'nf_conntrack_in() (net/netfilter/nf_conntrack_core.c)',
  },
  {
    text: BROKEN,
    origin: BROKEN_ORIGIN,
    remedy: DROPPED_ANYWAY,
    source: 'tcp_error() (net/netfilter/nf_conntrack_proto_tcp.c)',
  },
  {
    text: 'INVALID: the checksum of the TCP, UDP or UDP-Lite packet is wrong. Looked at when the packet comes in, while nf_conntrack_checksum is 1.',
    origin: CHECKSUM_ORIGIN,
    remedy: CHECKSUM_REMEDY,
    source: 'tcp_error(), udp_error() (net/netfilter/nf_conntrack_proto_tcp.c, …_udp.c)',
  },
  {
    text: prose`INVALID: flags that no TCP sends together, such as SYN with FIN, SYN with RST, FIN without ACK, or none at all.`,
    origin: 'a port scan (nmap -sX, -sN, -sF), or a fuzzer',
    remedy:
      'drop INVALID packets: NAT lets them out with the address they have inside (invalid-leak-private-source)',
    source: 'tcp_error() (net/netfilter/nf_conntrack_proto_tcp.c)',
  },
  {
    text: prose`INVALID: there is no entry, and this packet may not make one: a SYN-ACK, or a RST or FIN of a connection that conntrack
      does not know. (Other packets with ACK make one while nf_conntrack_tcp_loose is 1.) Kernels before 6.12 log nothing.`,
    origin: prose`an answer whose request took another way, or was not captured; a RST that comes after the first one closed the entry;
      backscatter of somebody who forges this address`,
    remedy: 'find the other direction (one-way-flow), or drop INVALID packets',
    source: 'tcp_new() (net/netfilter/nf_conntrack_proto_tcp.c)',
  },
  {
    text: prose`Not INVALID: the packet passes, but moves neither state nor timeout, and is not counted. It fits no transition, yet the
      other side may answer it, a SYN in an open connection for one; conntrack waits for that answer.`,
    origin:
      'a port that is used again while its last connection is in the table (port-reuse), or a late retransmission',
    remedy: 'none by itself',
    source: TCP,
  },
  {
    text: prose`INVALID: no connection in this state has such a packet in this direction, by the table of transitions. "index" is the
      kind (0 SYN, 1 SYN-ACK, 2 FIN, 3 ACK, 4 RST), "dir" 0 the original direction.`,
    origin: prose`one direction of the connection takes another way, so that the state stands still: an ACK in SYN_SENT
      (dsr-invalid-drop, one-way-flow); an answer that came from another address than was asked`,
    remedy: 'find the direction that is missing: see ctpcap explain one-way-flow',
    source: TCP,
  },
  {
    text: prose`Not INVALID: an ACK answers a SYN that conntrack let through without believing it. The server challenges the SYN of a
      port that it still knows (RFC 5961). The packet passes, so that the client can reset the old connection, and does not count
      as the last ACK of that one.`,
    origin: 'port-reuse',
    remedy: 'see ctpcap explain port-reuse',
    source: TCP,
  },
  {
    text: prose`INVALID: a RST whose sequence number lies below the highest that the other side has acknowledged. A host would
      ignore it as well. nf_conntrack_tcp_ignore_invalid_rst=1 lets such packets pass.`,
    origin: 'a RST that came late, or a forged one',
    remedy: 'none where the connection goes on',
    source: TCP,
  },
  {
    text: prose`From Linux 6.1 on not INVALID: data a little beyond the window that the receiver offered passes uncounted. Before, it is
      INVALID.`,
    origin: 'a sender that overruns the window: a probe of a zero window, a receiver that shrinks it',
    remedy: 'none from 6.1 on; before: nf_conntrack_tcp_be_liberal=1',
    source: WINDOW,
  },
  {
    text: prose`INVALID: the segment begins beyond what the receiver has allowed, by the last window that conntrack saw from it, and
      ends further beyond than the largest window it ever offered (before Linux 6.1: beyond at all). The number in the
      message is that bound.`,
    origin: GAP_ORIGIN,
    remedy: INVALID_REMEDY,
    source: WINDOW,
  },
  {
    text: prose`INVALID: the segment acknowledges data that conntrack has not seen. The number is the end of what it has seen.`,
    origin: prose`packets of the other direction that this host did not see: an asymmetric path, an entry that was made in the
      middle, frames that the capture lost. On Linux 5.10 also the acknowledgment of data that it had called INVALID`,
    remedy: INVALID_REMEDY,
    source: WINDOW,
  },
  {
    text: prose`From Linux 6.1 on not INVALID: the segment lies below what has been acknowledged. It passes uncounted. Before, it is
      INVALID.`,
    origin: 'a retransmission that was not needed, a keepalive, a copy',
    remedy: 'none from 6.1 on; before: nf_conntrack_tcp_be_liberal=1',
    source: WINDOW,
  },
  {
    text: prose`From Linux 6.1 on not INVALID: an acknowledgment far below (66,000 bytes or the largest window) what was acknowledged
      before. It passes uncounted. Before, it is INVALID.`,
    origin: 'a packet that was held up for long, or a copy',
    remedy: 'none',
    source: WINDOW,
  },
  {
    text: prose`Says of an INVALID FIN or RST outside the window, which answers another such one, that it shortened the timeout of the
      entry to nf_conntrack_tcp_timeout_unacknowledged: both sides seem to have closed what conntrack holds for open. From Linux
      6.1 on.`,
    origin: 'conntrack has lost step with a connection, which both sides then close',
    remedy: 'none: the entry goes sooner for it',
    source: 'nf_tcp_handle_invalid() (net/netfilter/nf_conntrack_proto_tcp.c)',
  },
  {
    text: BROKEN,
    origin: BROKEN_ORIGIN,
    remedy: DROPPED_ANYWAY,
    source: 'icmp_error(), udp_error() and others (net/netfilter/nf_conntrack_proto_*.c)',
  },
  {
    text: BROKEN,
    origin: BROKEN_ORIGIN,
    remedy: DROPPED_ANYWAY,
    source: 'udp_error() (net/netfilter/nf_conntrack_proto_udp.c)',
  },
  {
    text: 'INVALID: the UDP-Lite header says that its checksum covers fewer bytes than a header has, or more than the packet.',
    origin: BROKEN_ORIGIN,
    remedy: DROPPED_ANYWAY,
    source: 'udplite_error() (net/netfilter/nf_conntrack_proto_udp.c), up to Linux 6.18',
  },
  {
    text: 'INVALID: a UDP-Lite packet without a checksum, which that protocol does not allow.',
    origin: BROKEN_ORIGIN,
    remedy: DROPPED_ANYWAY,
    source: 'udplite_error() (net/netfilter/nf_conntrack_proto_udp.c), up to Linux 6.18',
  },
  {
    text: 'INVALID: the checksum of an ICMP packet is wrong. Looked at while nf_conntrack_checksum is 1.',
    origin: CHECKSUM_ORIGIN,
    remedy: CHECKSUM_REMEDY,
    source: 'nf_conntrack_icmpv4_error() (net/netfilter/nf_conntrack_proto_icmp.c)',
  },
  {
    text: 'INVALID: an ICMP type above 18, which conntrack does not know.',
    origin: 'an extension (types 42 and 43, the extended echo of RFC 8335), or a fuzzer',
    remedy: 'NOTRACK for that type where it is wanted',
    source: 'nf_conntrack_icmpv4_error() (net/netfilter/nf_conntrack_proto_icmp.c)',
  },
  {
    text: 'INVALID: the checksum of an ICMPv6 packet is wrong. Looked at while nf_conntrack_checksum is 1.',
    origin: CHECKSUM_ORIGIN,
    remedy: CHECKSUM_REMEDY,
    source: 'nf_conntrack_icmpv6_error() (net/netfilter/nf_conntrack_proto_icmpv6.c)',
  },
  outerAddress(),
  {
    text: 'INVALID: an ICMPv6 redirect that ends before its addresses do.',
    origin: BROKEN_ORIGIN,
    remedy: DROPPED_ANYWAY,
    source: 'nf_conntrack_icmpv6_redirect() (net/netfilter/nf_conntrack_proto_icmpv6.c)',
  },
  {
    text: 'INVALID: an ICMPv6 redirect must come from a link-local address, with a hop limit of 255, so that no router passed it on.',
    origin: 'a forged redirect',
    remedy: DROPPED_ANYWAY,
    source: 'nf_conntrack_icmpv6_redirect() (net/netfilter/nf_conntrack_proto_icmpv6.c)',
  },
  {
    text: 'INVALID: an ICMPv6 redirect without the packet that it is about, or with an option of no length.',
    origin: BROKEN_ORIGIN,
    remedy: DROPPED_ANYWAY,
    source: 'nf_conntrack_icmpv6_redirect() (net/netfilter/nf_conntrack_proto_icmpv6.c)',
  },
  { text: BROKEN, origin: BROKEN_ORIGIN, remedy: DROPPED_ANYWAY, source: SCTP },
  {
    text: 'INVALID: the CRC32c of an SCTP packet is wrong. Looked at while nf_conntrack_checksum is 1.',
    origin: CHECKSUM_ORIGIN,
    remedy: CHECKSUM_REMEDY,
    source: SCTP,
  },
  {
    text: 'INVALID: an SCTP packet whose chunks contradict their lengths, or stand together where they must stand alone (INIT).',
    origin: BROKEN_ORIGIN,
    remedy: DROPPED_ANYWAY,
    source: SCTP,
  },
  {
    text: prose`INVALID: the verification tag of an SCTP packet is not the one that the other side chose when the association began.
      The numbers are the tag found and the tag expected, in the byte order of the wire.`,
    origin:
      'an association that was opened anew on the same ports, a path that this host did not see from the start, a forged packet',
    remedy: 'none where the association goes on; delete the entry where it does not',
    source: SCTP,
  },
  {
    text: 'INVALID: no association in this state has such a chunk in this direction. Numbers are the state, the direction, the type.',
    origin: 'one direction takes another way, or the association was open before the entry was made',
    remedy: 'find the direction that is missing: see ctpcap explain one-way-flow',
    source: SCTP,
  },
  outerAddress(),
  { text: BROKEN, origin: BROKEN_ORIGIN, remedy: DROPPED_ANYWAY, source: DCCP },
  { text: BROKEN, origin: BROKEN_ORIGIN, remedy: DROPPED_ANYWAY, source: DCCP },
  {
    text: 'INVALID: a DCCP packet of a type that is not assigned.',
    origin: BROKEN_ORIGIN,
    remedy: DROPPED_ANYWAY,
    source: DCCP,
  },
  {
    text: 'INVALID: a DCCP packet that opens or closes has a short sequence number, which such packets must not have.',
    origin: BROKEN_ORIGIN,
    remedy: DROPPED_ANYWAY,
    source: DCCP,
  },
  {
    text: 'INVALID: no DCCP connection in this state has such a packet in this direction.',
    origin: 'one direction takes another way, or the connection was open before the entry was made',
    remedy: 'find the direction that is missing: see ctpcap explain one-way-flow',
    source: DCCP,
  },
  {
    text: 'Not INVALID: a DCCP packet that fits no transition passes and moves nothing, as the other side may answer it.',
    origin: 'a port that is used again, or a late retransmission',
    remedy: 'none by itself',
    source: DCCP,
  },
  {
    text: 'INVALID: the checksum of the DCCP packet is wrong, over as much of it as it says. Looked at while nf_conntrack_checksum is 1.',
    origin: CHECKSUM_ORIGIN,
    remedy: CHECKSUM_REMEDY,
    source: DCCP,
  },
]

function outerAddress(): ReasonExplanation {
  return {
    text: prose`INVALID: an ICMP error quotes a packet of a known connection, but is sent to another address than that packet came from.
      The two numbers are those addresses.`,
    origin:
      'a router in front of a second NAT that does not translate what is quoted inside of errors, or a forged error',
    remedy: prose`mend the NAT that leaves quoted packets as they are; until then path MTU discovery does not work through it (clamp the
      MSS)`,
    source: 'nf_conntrack_inet_error() (net/netfilter/nf_conntrack_proto_icmp.c)',
  }
}

export interface Reason {
  /** Its sentence, without numbers. */
  title: string
  explanation: ReasonExplanation
}

/** All reasons, in the order of their codes. */
export const REASONS: readonly Reason[] = EXPLANATIONS.map((explanation, code) => ({
  title: reasonTitle(code),
  explanation,
}))

/**
 * The reasons that a text names: a line of a kernel's log, or a part of a sentence.
 * Several, where it is a part of several.
 */
export function reasonsNamed(text: string): Reason[] {
  const given = wordsOf(text)
  if (given.length === 0) return []
  const all = REASONS.map((reason, code) => ({ reason, phrases: wordingsOf(code).map(wordsOf) }))
  const same = all.filter(({ phrases }) => phrases.some(phrase => phrase.join(' ') === given.join(' ')))
  if (same.length > 0) return distinct(same)
  const within = all.filter(({ phrases }) => phrases.some(phrase => given.length > 1 && holds(phrase, given)))
  if (within.length > 0) return distinct(within)
  const longest = all.map(({ reason, phrases }) => ({
    reason,
    length: Math.max(
      ...phrases.map(phrase => (phrase.length > 1 && holds(given, phrase) ? phrase.length : 0)),
    ),
  }))
  const most = Math.max(...longest.map(({ length }) => length))
  return most === 0 ? [] : distinct(longest.filter(({ length }) => length === most))
}

/** The sentences that kernels have for a code, with zeros for numbers. */
export function wordingsOf(code: number): string[] {
  const wordings = new Set([reasonTitle(code)])
  for (const release of RELEASES) {
    const kernel = kernelOf(release, 'default')
    if (kernel === null) continue
    const reasons = new Reasons(kernel.traits)
    reasons.add(code)
    const text = reasons.text()
    if (text !== '') wordings.add(text)
  }
  return [...wordings]
}

/** One of each sentence: that of an address of either family is the same. */
function distinct(found: readonly { reason: Reason }[]): Reason[] {
  return [...new Map(found.map(({ reason }) => [reason.title, reason])).values()]
}

/** Words without numbers, addresses and states, which differ from packet to packet. */
function wordsOf(text: string): string[] {
  return text
    .replace(/\bstate [A-Z_0-9]+/g, 'state')
    .toLowerCase()
    .split(/[^a-z0-9_-]+/)
    .filter(word => /[a-z]/.test(word) && !/\d/.test(word) && !/^[a-f]{4,8}$/.test(word))
}

/** Whether `words` has `part` in it, one word after the other. */
function holds(words: readonly string[], part: readonly string[]): boolean {
  return ` ${words.join(' ')} `.includes(` ${part.join(' ')} `)
}
