// What a detector of forwarded flows gets beside the flow: how others left, and how others that asked for the same fared.
import type { ForwardedFlow } from '../evidence/forwarded-flow.ts'
import type { Transits } from '../evidence/transits.ts'
import type { UplinkFlow } from '../evidence/uplinks.ts'
import type { Case } from '../facts/collector.ts'
import type { FlowFacts } from '../facts/facts.ts'

/** Flows that left by one point with one source address that they were given there. */
export interface Masqueraded {
  /** When the first and the newest of them began, and how many were answered. */
  first: number
  newest: number
  answered: number
}

/** The key of flows of one family that left by one point: what IPv4 is given says nothing of IPv6. */
export function exitKey(point: number, family: number): number {
  return point * 2 + (family === 6 ? 1 : 0)
}

/** Flows to one destination and port. */
export interface Service {
  /** When the first began that was sent elsewhere, and how many of those were answered. */
  firstTranslated: number
  answered: number
  /** When the newest began that was not, and whether one of those was answered. */
  newestUntranslated: number
  hasAnsweredUntranslated: boolean
  /** The same of their source: when the first began that was given another one, whose it was, how many were answered, … */
  firstMasqueraded: number
  /** Its address, or the fold of that. */
  masqueradedClient: number
  answeredMasqueraded: number
  /** … and when the newest began that kept its own, and whether one of those was answered. */
  newestOwnSource: number
  hasAnsweredOwnSource: boolean
  /** Answers that left, and that did not, of all flows. */
  answersPassed: number
  answersStayed: number
}

/** What other flows did. */
export interface Traffic {
  /** Flows by the point that they left by and their family (exitKey), then by the address that they were given, or its fold. */
  exits: ReadonlyMap<number, ReadonlyMap<number, Masqueraded>>
  /** Those to the same destination and port; null where there were too many to tell. */
  service: Service | null
  /** Points by which the same client reached the same port, was forwarded and answered. */
  arrivals: number
  /** Whether flows to the same service are known to be lost as this one is. */
  hasLostOthers: boolean
  /** Whether rules that were given send a flow to another host, and none of them drops it on its way. */
  isSentOn: (flow: FlowFacts) => boolean
  transits: Transits
  /** Observation points that there are. */
  points: number
}

export type Judge = (
  flow: ForwardedFlow,
  traffic: Traffic,
) => (Pick<Case, 'id' | 'severity' | 'confidence' | 'reason' | 'steps'> & { points: number }) | null

/** A detector of flows of which the interface that they leave by was captured alone. */
export type UplinkJudge = (
  flow: UplinkFlow,
) => Pick<Case, 'id' | 'severity' | 'confidence' | 'reason' | 'steps'> | null
