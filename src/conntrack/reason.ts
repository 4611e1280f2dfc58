// Why conntrack complained about a packet: codes that the trackers give, and a kernel's own sentences.
import { formatIpv4 } from '../net/address.ts'
import type { Traits } from './kernel.ts'
import { TCP_STATE_NAMES } from './proto/tcp-table.ts'

export const REASON_TCP_TRUNCATED = 1
export const REASON_BAD_CHECKSUM = 2
export const REASON_TCP_FLAGS = 3
export const REASON_TCP_NEW = 4
export const REASON_TCP_IGNORED = 5
export const REASON_TCP_STATE = 6
export const REASON_TCP_CHALLENGE_ACK = 7
export const REASON_TCP_RST = 8
export const REASON_TCP_OVERSHOT = 9
export const REASON_TCP_SEQ_OVER = 10
export const REASON_TCP_ACK_OVER = 11
export const REASON_TCP_SEQ_UNDER = 12
export const REASON_TCP_ACK_UNDER = 13
export const REASON_TCP_LOWERED = 14
export const REASON_SHORT = 15
export const REASON_UDP_TRUNCATED = 16
export const REASON_UDPLITE_COVERAGE = 17
export const REASON_UDPLITE_CHECKSUM_MISSING = 18
export const REASON_ICMP_CHECKSUM = 19
export const REASON_ICMP_TYPE = 20
export const REASON_ICMPV6_CHECKSUM = 21
export const REASON_OUTER_ADDRESS = 22
export const REASON_REDIRECT_SHORT = 23
export const REASON_REDIRECT_SOURCE = 24
export const REASON_REDIRECT_OPTIONS = 25
export const REASON_SCTP_SHORT = 26
export const REASON_SCTP_CRC = 27
export const REASON_SCTP_CHUNKS = 28
export const REASON_SCTP_VTAG = 29
export const REASON_SCTP_STATE = 30
export const REASON_OUTER_ADDRESS_IPV6 = 31
export const REASON_DCCP_MALFORMED = 32
export const REASON_DCCP_COVERAGE = 33
export const REASON_DCCP_TYPE = 34
export const REASON_DCCP_SEQUENCE = 35
export const REASON_DCCP_STATE = 36
export const REASON_DCCP_IGNORED = 37
export const REASON_DCCP_CHECKSUM = 38

export const REASON_COUNT = 39

/**
 * The complaints about one packet, mostly none, at most a few; reused for every packet.
 * Each has a code and up to eight numbers that its sentence needs.
 */
export class Reasons {
  count = 0
  readonly codes = new Uint8Array(4)
  readonly values = new Int32Array(4 * 8)
  private readonly traits: Traits

  constructor(traits: Traits) {
    this.traits = traits
  }

  clear(): void {
    this.count = 0
  }

  add(code: number, a = 0, b = 0, c = 0, d = 0): void {
    if (this.count === this.codes.length) return
    const at = this.count * 8
    this.codes[this.count++] = code
    this.values[at] = a
    this.values[at + 1] = b
    this.values[at + 2] = c
    this.values[at + 3] = d
  }

  /** Sets the number `index` (4–7) of the complaint added last. */
  setValue(index: number, value: number): void {
    this.values[(this.count - 1) * 8 + index] = value
  }

  /** What the kernel would have logged, several complaints joined by ` | `; `''` when it logged none. */
  text(prefix = ''): string {
    let text = ''
    for (let i = 0; i < this.count; i++) {
      const sentence = reasonText(this.codes[i], this.values.subarray(i * 8, i * 8 + 8), this.traits)
      if (sentence !== '') text += `${text === '' ? '' : ' | '}${prefix}${sentence}`
    }
    return text
  }
}

/** The sentence of a code without its numbers: what packets are grouped by. */
export function reasonTitle(code: number): string {
  return TITLES[code]
}

const TITLES = [
  'no reason logged',
  'truncated packet',
  'bad checksum',
  'invalid tcp flag combination',
  'invalid new',
  'packet ignored',
  'packet invalid in this state',
  'challenge-ack ignored',
  'invalid rst',
  'more bytes than expected',
  'SEQ is over upper bound (over the window of the receiver)',
  'ACK is over upper bound (ACKed data not seen yet)',
  'SEQ is under lower bound (already ACKed data retransmitted)',
  'ignored ACK under lower bound (possible overly delayed)',
  'response lowers the timeout',
  'short packet',
  'truncated/malformed packet',
  'invalid checksum coverage',
  'checksum missing',
  'bad hw icmp checksum',
  'invalid icmp type',
  'ICMPv6 checksum failed',
  'outer daddr != inner',
  'short redirect',
  'invalid saddr or hoplimit for redirect',
  'redirect without options',
  'nf_ct_sctp: short packet',
  'nf_ct_sctp: bad CRC',
  'sctp do_basic_checks failed',
  'verification tag check failed',
  'Invalid sctp chunk in this state',
  'outer daddr != inner',
  'nf_ct_dccp: truncated/malformed packet',
  'nf_ct_dccp: bad checksum coverage',
  'nf_ct_dccp: reserved packet type',
  'nf_ct_dccp: type lacks 48bit sequence numbers',
  'invalid state transition',
  'invalid packet',
  'nf_ct_dccp: bad checksum',
]

/** The sentence of a code as a kernel with these traits logs it; `''` where it logs none. */
function reasonText(code: number, v: Int32Array, traits: Traits): string {
  switch (code) {
    case REASON_TCP_NEW:
      return traits.logsTcpNew ? TITLES[code] : ''
    case REASON_TCP_IGNORED:
      if (!traits.logsIgnoredIndex) return `invalid packet ignored in state ${TCP_STATE_NAMES[v[2]]} `
      return `packet (index ${v[0]}) in dir ${v[1]} ignored, state ${TCP_STATE_NAMES[v[2]]}`
    case REASON_TCP_STATE:
      if (!traits.logsBounds) return 'invalid state'
      return `packet (index ${v[0]}) in dir ${v[1]} invalid, state ${TCP_STATE_NAMES[v[2]]}`
    case REASON_TCP_OVERSHOT:
      return `${v[0] >>> 0} bytes more than expected`
    case REASON_TCP_SEQ_OVER:
      if (!traits.logsBounds) return 'SEQ is over the upper bound (over the window of the receiver)'
      return `SEQ is over upper bound ${v[0] >>> 0} (over the window of the receiver)`
    case REASON_TCP_ACK_OVER:
      if (!traits.logsBounds) return 'ACK is over the upper bound (ACKed data not seen yet)'
      return `ACK is over upper bound ${v[0] >>> 0} (ACKed data not seen yet)`
    case REASON_TCP_SEQ_UNDER:
      if (!traits.logsBounds) return 'SEQ is under the lower bound (already ACKed data retransmitted)'
      return `SEQ is under lower bound ${v[0] >>> 0} (already ACKed data retransmitted)`
    case REASON_TCP_ACK_UNDER:
      if (!traits.logsBounds) return 'ACK is under the lower bound (possible overly delayed ACK)'
      return `ignored ACK under lower bound ${v[0] >>> 0} (possible overly delayed)`
    case REASON_TCP_LOWERED:
      if (!traits.logsLoweredBy) return 'lowered timeout to UNACK'
      return `packet (index ${v[0]}, dir ${v[1]}) response for index ${v[2]} lower timeout to ${v[3] >>> 0}`
    case REASON_OUTER_ADDRESS:
      return `outer daddr ${formatIpv4(v[0])} != inner ${formatIpv4(v[1])}`
    case REASON_OUTER_ADDRESS_IPV6:
      return `outer daddr ${groups(v, 0)} != inner ${groups(v, 4)}`
    case REASON_SCTP_SHORT:
      return 'nf_ct_sctp: short packet '
    case REASON_SCTP_CRC:
      return 'nf_ct_sctp: bad CRC '
    case REASON_SCTP_CHUNKS:
      if (!traits.logsSctp) return ''
      return `do_basic_checks failed. chunk num ${v[0]}, type ${v[1]}, len ${v[2]} flag ${v[3]}`
    case REASON_SCTP_VTAG:
      if (!traits.logsSctp) return ''
      return `verification tag check failed ${hex(v[0])} vs ${hex(v[1])} for dir ${v[2]}`
    case REASON_SCTP_STATE:
      if (!traits.logsSctp) return ''
      return `Invalid, old_state ${v[0]}, dir ${v[1]}, type ${v[2]}`
    default:
      return TITLES[code]
  }
}

const hex = (word: number): string => (word >>> 0).toString(16)

/** An IPv6 address as the kernel's %pI6 prints it: eight groups of four digits. */
function groups(v: Int32Array, at: number): string {
  const words = [v[at], v[at + 1], v[at + 2], v[at + 3]]
  return words.map(w => `${hex(w >>> 16).padStart(4, '0')}:${hex(w & 0xffff).padStart(4, '0')}`).join(':')
}
