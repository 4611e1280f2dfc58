// The sysctls under net.netfilter that we know, with a kernel's defaults: nf_conntrack_standalone.c, nf_conntrack-sysctl.rst.
import type { BroadcastNetwork, HelperAssignment } from './helper-assignment.ts'
import { CURRENT_KERNEL, type Kernel } from './kernel.ts'

/** What a sysctl changes in a replay: a verdict, a timeout, the size of the table, what is shown, or nothing. */
export type Effect = 'verdict' | 'timeout' | 'size' | 'shown' | 'none'

interface Sysctl {
  value: number
  effect: Effect
  maximum?: number
}

const seconds = (value: number): Sysctl => ({ value, effect: 'timeout', maximum: 0x7fffffff })
const flag = (value: number, effect: Effect = 'verdict'): Sysctl => ({ value, effect, maximum: 1 })
const number = (value: number, effect: Effect): Sysctl => ({ value, effect })

/**
 * Every `net.netfilter.nf_conntrack_*` of Linux 6.18 by its name without the prefix `net.netfilter.`, and its default
 * on a host with more than 4 GiB. One default is ours: `nf_conntrack_checksum` is 1 in the kernel, but host captures
 * show offloaded checksums that the kernel never saw that way. And `nf_conntrack_count`, which can only be read in the
 * kernel, is the number of entries that other traffic, not in the capture, holds in the table all the while.
 */
export const SYSCTLS = {
  nf_conntrack_acct: flag(0, 'shown'),
  nf_conntrack_buckets: number(262144, 'size'),
  nf_conntrack_checksum: flag(0),
  nf_conntrack_count: number(0, 'size'),
  nf_conntrack_events: { value: 2, effect: 'none', maximum: 2 } as Sysctl,
  nf_conntrack_expect_max: number(4096, 'none'),
  nf_conntrack_frag6_high_thresh: number(4194304, 'verdict'),
  nf_conntrack_frag6_low_thresh: number(3145728, 'none'),
  nf_conntrack_frag6_timeout: seconds(60),
  nf_conntrack_generic_timeout: seconds(600),
  nf_conntrack_gre_timeout: seconds(30),
  nf_conntrack_gre_timeout_stream: seconds(180),
  nf_conntrack_icmp_timeout: seconds(30),
  nf_conntrack_icmpv6_timeout: seconds(30),
  nf_conntrack_log_invalid: { value: 0, effect: 'none', maximum: 255 } as Sysctl,
  nf_conntrack_max: number(262144, 'size'),
  nf_conntrack_sctp_timeout_closed: seconds(10),
  nf_conntrack_sctp_timeout_cookie_echoed: seconds(3),
  nf_conntrack_sctp_timeout_cookie_wait: seconds(3),
  nf_conntrack_sctp_timeout_established: seconds(210),
  nf_conntrack_sctp_timeout_heartbeat_sent: seconds(30),
  nf_conntrack_sctp_timeout_shutdown_ack_sent: seconds(3),
  nf_conntrack_sctp_timeout_shutdown_recd: seconds(3),
  nf_conntrack_sctp_timeout_shutdown_sent: seconds(3),
  nf_conntrack_tcp_be_liberal: flag(0),
  nf_conntrack_tcp_ignore_invalid_rst: flag(0),
  nf_conntrack_tcp_loose: flag(1),
  nf_conntrack_tcp_max_retrans: { value: 3, effect: 'timeout', maximum: 255 } as Sysctl,
  nf_conntrack_tcp_timeout_close: seconds(10),
  nf_conntrack_tcp_timeout_close_wait: seconds(60),
  nf_conntrack_tcp_timeout_established: seconds(432000),
  nf_conntrack_tcp_timeout_fin_wait: seconds(120),
  nf_conntrack_tcp_timeout_last_ack: seconds(30),
  nf_conntrack_tcp_timeout_max_retrans: seconds(300),
  nf_conntrack_tcp_timeout_syn_recv: seconds(60),
  nf_conntrack_tcp_timeout_syn_sent: seconds(120),
  nf_conntrack_tcp_timeout_time_wait: seconds(120),
  nf_conntrack_tcp_timeout_unacknowledged: seconds(300),
  nf_conntrack_timestamp: flag(0, 'shown'),
  nf_conntrack_udp_timeout: seconds(30),
  nf_conntrack_udp_timeout_stream: seconds(120),
  nf_flowtable_tcp_timeout: { value: 30, effect: 'none' } as Sysctl,
  nf_flowtable_udp_timeout: { value: 30, effect: 'none' } as Sysctl,
} satisfies Record<string, Sysctl>

export type SysctlName = keyof typeof SYSCTLS

/** A value for every sysctl, timeouts in seconds, the kernel whose they are, and the helpers that its rules assign. */
export type Settings = Record<SysctlName, number> & {
  kernel: Kernel
  helpers: readonly HelperAssignment[]
  /** Networks of the host, as far as they are known: answers to its own broadcasts come from any host there. */
  networks: readonly BroadcastNetwork[]
  /** The eBPF data plane whose timeouts these are, with a table of its own; `''` for Linux's own tracking. */
  dataPlane: string
}

export const SYSCTL_NAMES = Object.keys(SYSCTLS) as SysctlName[]

/** The defaults of a kernel (see SYSCTLS for the one exception). */
export function defaultSettings(kernel = CURRENT_KERNEL): Settings {
  const settings = { kernel, dataPlane: '' } as Settings
  settings.helpers = []
  settings.networks = []
  for (const name of SYSCTL_NAMES) settings[name] = SYSCTLS[name].value
  const { traits } = kernel
  if (!traits.bucketForEntry) {
    settings.nf_conntrack_buckets = settings.nf_conntrack_max / 4
    settings.nf_conntrack_expect_max = settings.nf_conntrack_buckets / 64
  }
  if (!traits.eventsOnDemand) settings.nf_conntrack_events = 1
  // sctp_timeouts[] before they were cut to what RFC 9260 recommends
  if (!traits.sctpTags) {
    settings.nf_conntrack_sctp_timeout_established = 432000
    settings.nf_conntrack_sctp_timeout_shutdown_sent = 0
    settings.nf_conntrack_sctp_timeout_shutdown_recd = 0
  }
  return settings
}

/** Whether `name` (without `net.netfilter.`) is a sysctl we know. */
export function isSysctlName(name: string): name is SysctlName {
  return Object.hasOwn(SYSCTLS, name)
}
