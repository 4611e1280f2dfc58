// What a finding is: a conclusion with its severity, its confidence and the frames that prove it.

export const SEVERITIES = ['error', 'warning', 'info'] as const
export type Severity = (typeof SEVERITIES)[number]

export type Confidence = 'certain' | 'likely' | 'possible'

/** A frame of a capture: `frame` is Wireshark's frame.number in capture number `capture`. */
export interface FrameReference {
  capture: number
  frame: number
}

/** One thing that happened, and the frames that show it. */
export interface FindingStep {
  what: string
  /** The first few, each point's. */
  frames: FrameReference[]
}

export interface Finding {
  /** Stable name, for scripts. */
  id: string
  severity: Severity
  confidence: Confidence
  /** One line: what happened. */
  title: string
  /** The flows concerned, as `conntrack` would print their original tuples; the first few. */
  flows: string[]
  /** How many flows there are, those that are not named included. */
  flowCount: number
  /** The frames that prove it; the first few. */
  frames: FrameReference[]
  /** What happened in order, on the flow named first. */
  steps?: FindingStep[]
  /** The observation points that show it. */
  points?: string[]
  /** How often it happened: tries of all its flows. */
  occurrences?: number
  /** Why the confidence is what it is. */
  reason?: string
  /** What other kernels make of packets of these flows that this one judged otherwise. */
  kernels?: string[]
  /** Why it happened. */
  cause: string
  /** What to do about it; commands where there are any. */
  fix: string
}

/** Whether `severity` is at least as grave as `threshold`. */
export function isAtLeast(severity: Severity, threshold: Severity): boolean {
  return SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(threshold)
}
