// The document of `ctpcap rules`: plain, serialisable (docs/rules-schema.md).
import type { CaptureReport, FilterReport } from '../analyze/model.ts'

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

/** Packets that other rules would have treated otherwise. */
export interface ChangeReport {
  packets: number
  /** Packets of which the one or the other rules leave open what becomes of them. */
  untold: number
  groups: ChangedReport[]
  others: number
}

/** Packets of one flow that meet another fate, by which rules. */
export interface ChangedReport extends Omit<DroppedReport, 'rule' | 'isByHost'> {
  before: DecisionReport
  after: DecisionReport
}

/** A fate, and the rule or policy that decided, as `rules.txt:14 -A INPUT -j DROP`; null for none. */
export interface DecisionReport {
  fate: string
  rule: string | null
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

/** Packets that one rule dropped or refused, of one state, from one host to a port of another. */
export interface DroppedReport {
  /** Index in `rules`; null for one of several rules, or where the host's stack dropped them, as `isByHost` tells. */
  rule: number | null
  isByHost: boolean
  state: string
  protocol: string
  source: string
  destination: string
  packets: number
  bytes: number
  /** The first of them: its frame, and the index of its capture. */
  frame: number
  capture: number
}
