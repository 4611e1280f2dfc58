// The document of `ctpcap rules`: plain, serialisable (docs/rules-schema.md).
import type { CaptureReport, ChangeReport, FilterReport, PacketGroupReport } from '../analyze/model.ts'

export const RULES_SCHEMA = 'ctpcap.rules/1'

export interface RulesReport {
  schema: typeof RULES_SCHEMA
  generator: string
  captures: CaptureReport[]
  filter: FilterReport | null
  /** Seconds from the first frame to the last. */
  duration: number
  /** Packets that were replayed through the rules. */
  packets: number
  fates: Record<string, number>
  rules: RuleReport[]
  dropped: DroppedReport[]
  /** Dropped packets of flows that are not in `dropped`. */
  droppedOthers: number
  /** What `--rules-after` changes; null without it. */
  change: ChangeReport | null
  limits: string[]
}

/** A rule, or the policy of a chain. */
export interface RuleReport {
  file: string | null
  line: number | null
  handle: number | null
  family: string
  table: string
  chain: string
  isPolicy: boolean
  /** The rule as its tool writes it; of a policy its verdict. */
  text: string
  /** Packets and bytes that met it for certain, as the kernel counts them. */
  packets: number
  bytes: number
  /** Packets of which it cannot be told whether they met it. */
  untold: number
  /** Seconds since the first frame; null where it met nothing. */
  first: number | null
  last: number | null
}

/** Packets that one rule dropped or refused. */
export interface DroppedReport extends PacketGroupReport {
  /** Index in `rules`; null for one of several rules, or where the host's stack dropped them, as `isByHost` tells. */
  rule: number | null
  isByHost: boolean
}
