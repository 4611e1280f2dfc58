// Presets: the timeouts and limits of other kernels, of kube-proxy, of clouds and of other trackers, as sysctls.
import type { Settings } from '../../conntrack/settings.ts'
import { UsageError } from '../io/usage-error.ts'
import { kernelNamed } from './kernel.ts'
import { nearest, suggestion } from './nearest.ts'

/** Cores that kube-proxy is taken to have; so few that its minimum holds. */
export const DEFAULT_CORES = 4

interface Preset {
  /** What it stands for, in a few words. */
  summary: string
  /** The sysctls that differ from the kernel's defaults of today, and those that were given by hand. */
  values: (cores: number) => Partial<Settings>
  /** The kernel it stands for, where it stands for one. */
  kernel?: string
}

/**
 * Other trackers have other states; theirs are laid on Linux's by what ends an entry. `one FIN` is FIN_WAIT and
 * CLOSE_WAIT here, `both FINs` LAST_ACK and TIME_WAIT. The state machine and the INVALID rules remain Linux's.
 */
const PRESETS: Record<string, Preset> = {
  // nf_conntrack_standalone.c and nf_conntrack_core.c of 6.18, more than 4 GiB of memory
  linux: {
    summary: 'Linux 5.15 and later, with its default maximum',
    values: () => ({ nf_conntrack_max: 262144, nf_conntrack_buckets: 262144 }),
  },
  // nf_conntrack_init_start() before "netfilter: conntrack: sanitize table size default settings" (5.15)
  'linux-5.14': {
    summary: 'Linux before 5.15: a quarter of the buckets',
    values: () => ({ nf_conntrack_max: 262144, nf_conntrack_buckets: 65536 }),
    kernel: '5.14',
  },
  // nf_conntrack_proto_udp.c: UDP_CT_REPLIED was 180 seconds
  'linux-4.19': {
    summary: 'Linux 4.19: UDP streams for 180 s, too',
    values: () => ({
      nf_conntrack_max: 262144,
      nf_conntrack_buckets: 65536,
      nf_conntrack_udp_timeout_stream: 180,
    }),
    kernel: '4.19',
  },
  'kube-proxy': { summary: 'kube-proxy on a node of --cores', values: kubeProxy },
  // docs.aws.amazon.com, EC2 API reference: ConnectionTrackingConfiguration
  aws: {
    summary: 'EC2 security groups',
    values: () => ({ nf_conntrack_udp_timeout: 30, nf_conntrack_udp_timeout_stream: 180 }),
  },
  'aws-nitro6': {
    summary: 'EC2 security groups on Nitro v6: established connections for 350 s',
    values: () => ({
      nf_conntrack_tcp_timeout_established: 350,
      nf_conntrack_udp_timeout: 30,
      nf_conntrack_udp_timeout_stream: 180,
    }),
  },
  // net/netfilter/ipvs/ip_vs_proto_tcp.c: tcp_timeouts; ip_vs_proto_udp.c: udp_timeouts
  ipvs: {
    summary: 'LVS (IPVS): established connections for 900 s, UDP for 300 s',
    values: () => ({
      nf_conntrack_tcp_timeout_established: 900,
      nf_conntrack_udp_timeout: 300,
      nf_conntrack_udp_timeout_stream: 300,
    }),
  },
  // openvswitch/ovs lib/conntrack-tp.c: ct_dpif_netdev_tp_def; lib/conntrack.c: DEFAULT_N_CONN_LIMIT
  ovs: {
    summary: 'Open vSwitch, user space datapath',
    values: () => ({
      nf_conntrack_max: 3_000_000,
      ...tcp({ opening: 30, established: 86400, oneFin: 900, bothFins: 45, reset: 30 }),
      nf_conntrack_udp_timeout: 60,
      nf_conntrack_udp_timeout_stream: 30,
      nf_conntrack_icmp_timeout: 30,
      nf_conntrack_icmpv6_timeout: 30,
      nf_conntrack_generic_timeout: 60,
    }),
  },
  // cilium/cilium daemon/cmd/daemon_main.go: the bpf-ct-timeout-* flags; its maps evict, they refuse nothing
  cilium: {
    summary: 'Cilium, eBPF maps',
    values: () => ({
      nf_conntrack_max: 0,
      dataPlane: 'Cilium',
      ...tcp({ opening: 60, established: 8000, oneFin: 8000, bothFins: 10, reset: 10 }),
      ...others(60, 60, 60),
    }),
  },
  // projectcalico/calico felix/bpf/conntrack/timeouts/timeouts.go: DefaultTimeouts(); its maps evict, too
  'calico-ebpf': {
    summary: 'Calico, eBPF maps',
    values: () => ({
      nf_conntrack_max: 0,
      dataPlane: 'Calico',
      ...tcp({ opening: 20, established: 3600, oneFin: 3600, bothFins: 30, reset: 40 }),
      ...others(60, 5, 600),
    }),
  },
  // openwrt/openwrt package/kernel/linux/files/sysctl-nf-conntrack.conf
  openwrt: {
    summary: 'OpenWrt: established connections for 7440 s, UDP for 60 s',
    values: () => ({
      nf_conntrack_tcp_timeout_established: 7440,
      nf_conntrack_tcp_max_retrans: 5,
      nf_conntrack_udp_timeout: 60,
      nf_conntrack_udp_timeout_stream: 180,
    }),
  },
}

export const PRESET_NAMES = Object.keys(PRESETS)

/** Help of the option, for program.ts. */
export const PRESET_HELP = `take the sysctls of a preset; --sysctl and --set win over it: ${PRESET_NAMES.join(', ')}`
export const CORES_HELP = 'cores of the node, for --preset kube-proxy'

/** What the presets stand for, a line each, for the help of a command. */
export const PRESET_LIST = `
Presets:
${Object.entries(PRESETS)
  .map(([name, { summary }]) => `  ${name.padEnd(12)} ${summary}`)
  .join('\n')}
`

/** What a preset sets, and the kernel it stands for, if any. @throws UsageError for a name that nobody knows */
export function presetValues(option: string, name: string, cores: number): Partial<Settings> {
  const preset = Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined
  if (preset === undefined) {
    throw new UsageError(
      `${option} ${name}: unknown preset${suggestion(nearest(name, PRESET_NAMES), `expected ${PRESET_NAMES.join(', ')}`)}`,
    )
  }
  const values = preset.values(cores)
  if (preset.kernel === undefined) return values
  return { ...values, kernel: kernelNamed(option, preset.kernel, 'preset') }
}

/**
 * kubernetes/kubernetes pkg/proxy/conntrack/sysctls.go: 32,768 entries a core, at least 131,072 and at most
 * 1,048,576; buckets for a quarter of them, if there are fewer; the timeouts of its default configuration.
 */
function kubeProxy(cores: number): Partial<Settings> {
  const maximum = Math.min(Math.max(32768 * cores, 131072), 1048576)
  return {
    nf_conntrack_max: maximum,
    nf_conntrack_buckets: Math.max(maximum / 4, 262144),
    nf_conntrack_tcp_timeout_established: 86400,
    nf_conntrack_tcp_timeout_close_wait: 3600,
  }
}

function tcp(seconds: {
  opening: number
  established: number
  oneFin: number
  bothFins: number
  reset: number
}): Partial<Settings> {
  return {
    nf_conntrack_tcp_timeout_syn_sent: seconds.opening,
    nf_conntrack_tcp_timeout_syn_recv: seconds.opening,
    nf_conntrack_tcp_timeout_established: seconds.established,
    nf_conntrack_tcp_timeout_fin_wait: seconds.oneFin,
    nf_conntrack_tcp_timeout_close_wait: seconds.oneFin,
    nf_conntrack_tcp_timeout_last_ack: seconds.bothFins,
    nf_conntrack_tcp_timeout_time_wait: seconds.bothFins,
    nf_conntrack_tcp_timeout_close: seconds.reset,
  }
}

function others(udp: number, icmp: number, generic: number): Partial<Settings> {
  return {
    nf_conntrack_udp_timeout: udp,
    nf_conntrack_udp_timeout_stream: udp,
    nf_conntrack_icmp_timeout: icmp,
    nf_conntrack_icmpv6_timeout: icmp,
    nf_conntrack_generic_timeout: generic,
  }
}
