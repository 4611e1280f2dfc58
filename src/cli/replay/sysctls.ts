// The sysctls of a replay: those of net.netfilter as Settings, and the few of the host beside them.
import type { Settings, SysctlName } from '../../conntrack/settings.ts'
import { FRAGMENT_DEFAULTS, type FragmentSettings } from '../../packet/defrag/fragments.ts'

/** Sysctls outside net.netfilter that a replay may want to know. */
export const HOST_SYSCTLS = [
  'net.bridge.bridge-nf-call-iptables',
  'net.bridge.bridge-nf-call-ip6tables',
  'net.ipv4.ipfrag_time',
  'net.ipv4.ipfrag_high_thresh',
  'net.ipv4.ipfrag_max_dist',
] as const

export type HostSysctlName = (typeof HOST_SYSCTLS)[number]

/** What `--sysctl` and `--set` came to. */
export interface Sysctls {
  settings: Settings
  /** Values of HOST_SYSCTLS, where they were given. */
  host: Partial<Record<HostSysctlName, number>>
  /** Sysctls that routing goes by, by their full names, where they were given. */
  routing: Map<string, number>
  /** Which of `settings` were given, and not left at their defaults. */
  given: Set<SysctlName>
}

/** Whether the table refuses what exceeds nf_conntrack_max: when it was given, by `--set`, `--sysctl` or `--preset`. */
export function enforcesMaximum({ given, settings }: Sysctls): boolean {
  // the maps of eBPF evict
  return given.has('nf_conntrack_max') && settings.dataPlane === ''
}

/** What reassembly needs of them. */
export function fragmentSettings({ settings, host }: Sysctls): FragmentSettings {
  return {
    ipfrag_time: host['net.ipv4.ipfrag_time'] ?? FRAGMENT_DEFAULTS.ipfrag_time,
    ipfrag_high_thresh: host['net.ipv4.ipfrag_high_thresh'] ?? FRAGMENT_DEFAULTS.ipfrag_high_thresh,
    ipfrag_max_dist: host['net.ipv4.ipfrag_max_dist'] ?? FRAGMENT_DEFAULTS.ipfrag_max_dist,
    nf_conntrack_frag6_timeout: settings.nf_conntrack_frag6_timeout,
    nf_conntrack_frag6_high_thresh: settings.nf_conntrack_frag6_high_thresh,
  }
}
