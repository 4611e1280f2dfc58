// A finding as it stands in the Report: sentences and commands, and the facts that they are made of.
import type { Confidence, FrameReference, Severity } from '../../findings/facts/facts.ts'
import type { FindingStep } from '../../findings/wording/finding.ts'
import type { OtherKernels } from '../../findings/wording/other-kernels.ts'
import type { TriedSysctl } from '../../findings/wording/tried-sysctls.ts'
import type { Advice } from '../../findings/wording/wording.ts'

export interface FindingReport {
  id: string
  severity: Severity
  confidence: Confidence
  title: string
  /** How many flows, and how often, in words: `2 connections, 6 attempts`; `''` where the title has its own numbers. */
  amount: string
  /** The flows, before and behind translation; the first few. */
  flows: string[]
  flowCount: number
  /** What addresses of the flows are called, where somebody knows. */
  names?: { address: string; name: string }[]
  /** What the capture has written on frames of it: processes, pods; the first few that differ. */
  comments?: (FrameReference & { text: string })[]
  frames: FrameReference[]
  /** How many frames that are, those that are not named included. */
  frameCount: number
  /** What happened in order, on the flow named first; with the frames of each capture. */
  steps: FindingStep[]
  /** Observation points that show it. */
  points: string[]
  /** Tries of all its flows. */
  occurrences: number
  /** Why the confidence is what it is. */
  reason: string
  /** What other kernels make of packets of these flows that this one judged otherwise. */
  kernels?: OtherKernels[]
  cause: string
  /** Of several hosts: whose finding this one comes of; it is to be fixed there. */
  causedBy?: { host: string; id: string }
  /** What to do, the best first; how to make sure of it on the host. Each line is a whole command. */
  fix: Advice[]
  check: Advice[]
  /** What other sysctls would have made of its connections, by a replay of these alone. */
  sysctls?: TriedSysctl[]
  /** A command that shows the frames, or `''`. */
  tshark: string
  facts: FactsReport
}

/** What the sentences of a finding are made of. */
export interface FactsReport {
  flows: FlowFactsReport[]
  reasons: PhraseReport[]
  /** Codes of the steps, in their order. */
  steps: PhraseReport[]
  /** The first and the last time that it was seen; null where only a count was kept. */
  first: InstantReport | null
  last: InstantReport | null
  values: Record<string, ValueReport>
  /** Rules of the host that confirm it, or that matter for it. */
  rules: { place: string; name: string }[]
}

export interface FlowFactsReport {
  protocol: string
  protocolNumber: number
  /** Who opened it; null for many. */
  client: EndReport | null
  server: EndReport
  translated: { client: EndReport | null; server: EndReport } | null
  untranslated?: { source: EndReport; destination: EndReport }
  answerer?: EndReport
  missing?: 'answers' | 'requests'
  counts?: { flows: number; answered: number; completed: number }
  example?: FlowFactsReport
  listedAs?: string
}

/** An address; its port is null where the protocol has none. */
export interface EndReport {
  address: string
  port: number | null
}

export type ValueReport = number | string | boolean | EndReport

export interface PhraseReport {
  code: string
  values: Record<string, ValueReport>
}

/** An instant as RFC 3339 in UTC, and as nanoseconds since 1970, which no number holds. */
export interface InstantReport {
  time: string
  nanoseconds: string
}
