// The SizeReport: all that `ctpcap size` knows, plain and serialisable; its JSON form is docs/size-schema.md.
import type { CapturedFirst } from '../../sizing/scenarios/scenario.ts'
import type { KernelReport } from '../analyze/kernel-report.ts'
import type { CaptureReport, FilterReport, FlowReport, TableReport } from '../analyze/model.ts'

export const SIZE_SCHEMA = 'ctpcap.size/1'

/** Times of day are ISO 8601 in UTC; all other times are seconds since the first frame of the replay. */
export interface SizeReport {
  schema: typeof SIZE_SCHEMA
  generator: string
  captures: CaptureReport[]
  /** What `--filter` let through; null without it. */
  filter: FilterReport | null
  /** Seconds from the first frame of all captures to the last. */
  duration: number
  /** Whose conntrack was replayed. */
  kernel: KernelReport
  /** Whose timeouts were replayed, where they are not Linux's; absent where they are. */
  dataPlane?: string
  /** Sysctls that differ from that kernel's defaults, by name. */
  settings: Record<string, number>
  series: SeriesReport
  /** The first is the table as the traffic needs it, with the sysctls as they are. */
  scenarios: CapturedFirst<ScenarioReport>
  advice: AdviceReport
}

/** The table over time, in equal steps. */
export interface SeriesReport {
  /** Seconds a step lasts. */
  step: number
  /** Entries in the table at the end of each step: nf_conntrack_count. */
  count: number[]
  /** Live entries at the end of each step by protocol and state, the state with most entry-seconds first. */
  states: { name: string; entries: number[] }[]
}

export interface ScenarioReport {
  name: string
  kernel: KernelReport
  /** Sysctls that differ from those of the first scenario. */
  settings: Record<string, number>
  enforced: boolean
  table: Omit<TableReport, 'timeline' | 'timelineStep'>
  /** Keys in a bucket on average, with as many entries as `memoryBytes` is for. */
  chainLength: number
  /** Kernel memory for the larger of the peak of nf_conntrack_count and the level of the projection. */
  memoryBytes: number
  loss: LossReport
}

export interface LossReport {
  /** Flows that lose their entry before they are over. */
  cut: number
  /** Flows with NAT that are not tracked, and ICMP errors that are RELATED to a flow that is not tracked. */
  untranslated: number
  unrelated: number
  /** Flows of which rules of `--rules` or `--rules-after` refuse a packet that gets through in the first scenario; absent without rules. */
  refused?: number
  refusals?: RefusalReport[]
  /** The first few; `idle` is the pause in seconds that was too long, 0 where that was not it. */
  examples: { flow: FlowReport; idle: number }[]
}

/** Flows that one rule refuses in a scenario. */
export interface RefusalReport {
  /** The rule or policy as `rules.txt:14 -A INPUT -j DROP`; null for one of several. */
  rule: string | null
  protocol: string
  /** The port that was asked; null of protocols without. */
  port: number | null
  /** Whether it refuses answers. */
  isAnswer: boolean
  flows: number
  /** The rule that lets them through untracked; null where they are refused for something else. */
  accept: string | null
}

export interface AdviceReport {
  /** Entries that the table must hold. */
  need: number
  /** Whether nf_conntrack_max is enough, a quarter of headroom included. */
  isEnough: boolean
  /** A maximum, buckets for it, and a timeout where one is worth it; none where no entry was made. */
  lines: { command: string; reason: string }[]
  /** Why no timeout is among them, null where one is. */
  noTimeout: string | null
}
