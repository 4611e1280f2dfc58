// Timeouts in jiffies, per tracker and state, from the sysctls: tcp_timeouts, sctp_timeouts and their like.
import type { Settings } from './settings.ts'

/** Slots of `tcp` beyond the states: TCP_CONNTRACK_RETRANS and TCP_CONNTRACK_UNACK. */
export const TIMEOUT_RETRANS = 10
export const TIMEOUT_UNACK = 11

/** All in jiffies; `tcp` and `sctp` are indexed by state. */
export interface Timeouts {
  tcp: Int32Array
  sctp: Int32Array
  udp: number
  udpStream: number
  icmp: number
  icmpv6: number
  gre: number
  greStream: number
  generic: number
}

/** Timeouts as the sysctls set them, in jiffies. */
export function timeoutsOf(settings: Settings): Timeouts {
  const { hz } = settings.kernel
  // the three tenths of a second that older kernels have show as 0
  const shutdown = settings.kernel.traits.sctpTags ? 0 : 0.3 * hz
  const jiffies = (seconds: number): number => Math.min(seconds * hz, 0x7fffffff)
  return {
    tcp: Int32Array.of(
      0, // NONE
      jiffies(settings.nf_conntrack_tcp_timeout_syn_sent),
      jiffies(settings.nf_conntrack_tcp_timeout_syn_recv),
      jiffies(settings.nf_conntrack_tcp_timeout_established),
      jiffies(settings.nf_conntrack_tcp_timeout_fin_wait),
      jiffies(settings.nf_conntrack_tcp_timeout_close_wait),
      jiffies(settings.nf_conntrack_tcp_timeout_last_ack),
      jiffies(settings.nf_conntrack_tcp_timeout_time_wait),
      jiffies(settings.nf_conntrack_tcp_timeout_close),
      120 * hz, // SYN_SENT2 has no sysctl
      jiffies(settings.nf_conntrack_tcp_timeout_max_retrans),
      jiffies(settings.nf_conntrack_tcp_timeout_unacknowledged),
    ),
    sctp: Int32Array.of(
      10 * hz, // NONE has no sysctl
      jiffies(settings.nf_conntrack_sctp_timeout_closed),
      jiffies(settings.nf_conntrack_sctp_timeout_cookie_wait),
      jiffies(settings.nf_conntrack_sctp_timeout_cookie_echoed),
      jiffies(settings.nf_conntrack_sctp_timeout_established),
      jiffies(settings.nf_conntrack_sctp_timeout_shutdown_sent) || shutdown,
      jiffies(settings.nf_conntrack_sctp_timeout_shutdown_recd) || shutdown,
      jiffies(settings.nf_conntrack_sctp_timeout_shutdown_ack_sent),
      jiffies(settings.nf_conntrack_sctp_timeout_heartbeat_sent),
      210 * hz, // HEARTBEAT_ACKED, whose sysctl is gone
    ),
    udp: jiffies(settings.nf_conntrack_udp_timeout),
    udpStream: jiffies(settings.nf_conntrack_udp_timeout_stream),
    icmp: jiffies(settings.nf_conntrack_icmp_timeout),
    icmpv6: jiffies(settings.nf_conntrack_icmpv6_timeout),
    gre: jiffies(settings.nf_conntrack_gre_timeout),
    greStream: jiffies(settings.nf_conntrack_gre_timeout_stream),
    generic: jiffies(settings.nf_conntrack_generic_timeout),
  }
}
