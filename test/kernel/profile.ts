// Sysctl profiles of a conformance run: what the kernel and the model are both set to, and how long its pauses are.

export interface Profile {
  name: string
  /** Sysctls by their names under net.netfilter, or dotted ones outside it. */
  sysctls: Readonly<Record<string, number>>
  /** Whole seconds that the generator's pauses cross, or fall one short of: timeouts that matter here. */
  pauses: readonly number[]
}

/** ctpcap's default, not the kernel's: captures show checksums that the kernel never saw. */
const CHECKSUM_OFF = { nf_conntrack_checksum: 0 }

const SHORT = {
  nf_conntrack_generic_timeout: 2,
  nf_conntrack_gre_timeout: 1,
  nf_conntrack_gre_timeout_stream: 3,
  nf_conntrack_icmp_timeout: 1,
  nf_conntrack_icmpv6_timeout: 2,
  nf_conntrack_sctp_timeout_closed: 2,
  nf_conntrack_sctp_timeout_cookie_echoed: 2,
  nf_conntrack_sctp_timeout_cookie_wait: 1,
  nf_conntrack_sctp_timeout_established: 3,
  nf_conntrack_sctp_timeout_heartbeat_sent: 1,
  nf_conntrack_sctp_timeout_shutdown_ack_sent: 2,
  nf_conntrack_sctp_timeout_shutdown_recd: 3,
  nf_conntrack_sctp_timeout_shutdown_sent: 1,
  nf_conntrack_tcp_timeout_close: 1,
  nf_conntrack_tcp_timeout_close_wait: 3,
  nf_conntrack_tcp_timeout_established: 4,
  nf_conntrack_tcp_timeout_fin_wait: 2,
  nf_conntrack_tcp_timeout_last_ack: 1,
  nf_conntrack_tcp_timeout_max_retrans: 2,
  nf_conntrack_tcp_timeout_syn_recv: 2,
  nf_conntrack_tcp_timeout_syn_sent: 2,
  nf_conntrack_tcp_timeout_time_wait: 3,
  nf_conntrack_tcp_timeout_unacknowledged: 3,
  nf_conntrack_udp_timeout: 1,
  nf_conntrack_udp_timeout_stream: 3,
  nf_conntrack_frag6_timeout: 1,
  'net.ipv4.ipfrag_time': 1,
}

export const PROFILES: readonly Profile[] = [
  { name: 'default', sysctls: CHECKSUM_OFF, pauses: [1, 3] },
  { name: 'short', sysctls: { ...CHECKSUM_OFF, ...SHORT }, pauses: [1, 2, 3, 4] },
  { name: 'checksum', sysctls: { nf_conntrack_checksum: 1 }, pauses: [1, 3] },
  { name: 'strict', sysctls: { ...CHECKSUM_OFF, nf_conntrack_tcp_loose: 0 }, pauses: [1, 3] },
  { name: 'liberal', sysctls: { ...CHECKSUM_OFF, nf_conntrack_tcp_be_liberal: 1 }, pauses: [1, 3] },
  { name: 'any-rst', sysctls: { ...CHECKSUM_OFF, nf_conntrack_tcp_ignore_invalid_rst: 1 }, pauses: [1, 3] },
  {
    // long lives that a lowered timeout, unacknowledged data or retransmissions cut short
    name: 'lowered',
    sysctls: {
      ...CHECKSUM_OFF,
      nf_conntrack_tcp_timeout_unacknowledged: 2,
      nf_conntrack_tcp_timeout_max_retrans: 3,
      nf_conntrack_tcp_timeout_close: 1,
      nf_conntrack_tcp_max_retrans: 1,
    },
    pauses: [1, 2, 3],
  },
  {
    // what is shorter by default is longer here, so that a minimum taken the wrong way round shows
    name: 'upside-down',
    sysctls: {
      ...CHECKSUM_OFF,
      ...SHORT,
      nf_conntrack_tcp_loose: 0,
      nf_conntrack_tcp_be_liberal: 1,
      nf_conntrack_tcp_ignore_invalid_rst: 1,
      nf_conntrack_tcp_max_retrans: 0,
      nf_conntrack_tcp_timeout_established: 1,
      nf_conntrack_tcp_timeout_close: 4,
      nf_conntrack_tcp_timeout_max_retrans: 3,
      nf_conntrack_tcp_timeout_unacknowledged: 2,
      nf_conntrack_udp_timeout: 3,
      nf_conntrack_udp_timeout_stream: 1,
      nf_conntrack_gre_timeout: 3,
      nf_conntrack_gre_timeout_stream: 1,
    },
    pauses: [1, 2, 3, 4],
  },
]

export function profileNamed(name: string): Profile {
  const profile = PROFILES.find(p => p.name === name)
  if (profile === undefined)
    throw new Error(`no profile ${name}; there are ${PROFILES.map(p => p.name).join(', ')}`)
  return profile
}
