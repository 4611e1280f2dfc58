// A finding as it is printed and written: sentences, commands, frames, and the facts they are made of.
import type { Confidence, Facts, FindingId, FrameReference, Severity } from '../facts/facts.ts'
import type { OtherKernels } from './other-kernels.ts'
import type { TriedSysctl } from './tried-sysctls.ts'
import type { Advice } from './wording.ts'

/** One thing that happened, and the frames that show it. */
export interface FindingStep {
  what: string
  /** The first few, each point's. */
  frames: FrameReference[]
}

export interface Finding {
  /** Stable name, for scripts. */
  id: FindingId
  severity: Severity
  confidence: Confidence
  /** One line: what happened. */
  title: string
  /** How many flows, and how often, in words: `2 connections, 6 attempts`; `''` where the title has its own numbers. */
  amount: string
  /** The flows concerned, before and behind translation; the first few. */
  flows: string[]
  /** How many flows there are, those that are not named included. */
  flowCount: number
  /** How often it happened: tries of all its flows. */
  occurrences: number
  /** The frames that prove it; the first few. */
  frames: FrameReference[]
  /** How many frames that are, those that are not named included. */
  frameCount: number
  /** What happened in order, on the flow named first. */
  steps: FindingStep[]
  /** The observation points that show it. */
  points: string[]
  /** Why the confidence is what it is. */
  reason: string
  /** What other kernels make of packets of these flows that this one judged otherwise. */
  kernels: OtherKernels[]
  /** Why it happened. */
  cause: string
  /** What to do about it, the best first. */
  fix: Advice[]
  /** How to make sure of it on the host. */
  check: Advice[]
  /** What other sysctls would have made of its connections, by a replay of these. */
  sysctls: TriedSysctl[]
  /** What all that is made of. */
  facts: Facts
}
