// A flow that was forwarded, with all that its entry and its way through the host tell: what detectors of translation read.
import { IPS_DST_NAT, IPS_SEEN_REPLY, IPS_SRC_NAT } from '../../conntrack/status.ts'
import type { Table } from '../../conntrack/table.ts'
import type { FlowFacts } from '../facts/facts.ts'
import { hasDirectAnswer } from './direct-answer.ts'
import { flowOfEntry } from './flow-facts.ts'
import { LEG_TO_HOST } from './leg-layout.ts'
import type { Legs } from './legs.ts'
import type { Transits } from './transits.ts'

/** Times are nanoseconds since the first frame; frames are of the first and the last packet, in their capture. */
export interface ForwardedFlow {
  protocol: number
  flow: FlowFacts
  isSourceTranslated: boolean
  isTargetTranslated: boolean
  /** Requests that were seen translated, whatever the entry came to. */
  translated: number
  isAnswered: boolean
  /** Whether an ICMP error told of it. */
  hasError: boolean
  /** Whether an answer came past the translation. */
  isAnsweredDirectly: boolean
  /** Whether its first packet was addressed to the host that was captured, as cooked captures tell. */
  isToHost: boolean
  /** TCP or SCTP state of its entry. */
  state: number
  start: number
  /** When its last packet came, and its last answer; -Infinity for never. */
  lastTime: number
  lastAnswerTime: number
  /** Masks of points: where requests came in and left, where answers left. */
  requestIn: number
  requestOut: number
  answerOut: number
  answerIn: number
  /** Packets that left, and that did not: of requests, and of answers that left. */
  passed: number
  stayed: number
  answersPassed: number
  answersStayed: number
  requestFrames: { capture: number; first: number; last: number }
  answerFrames: { capture: number; first: number; last: number }
  stayedFrames: { capture: number; first: number; last: number }
  stayedAnswerFrames: { capture: number; first: number; last: number }
  /** When the last request left, and when the first came of those that have not left since; 0 for never. */
  passedTime: number
  stayedTime: number
}

/** @param record its way (transits.ts); `hasError`: an ICMP error told of it */
export function forwardedFlow(
  table: Table,
  ct: number,
  legs: Legs,
  transits: Transits,
  record: number,
  hasError: boolean,
): ForwardedFlow {
  const status = table.status(ct)
  const isAnswered = (status & IPS_SEEN_REPLY) !== 0
  const flow = flowOfEntry(table, ct)
  return {
    protocol: table.protocol(ct),
    flow,
    isSourceTranslated: (status & IPS_SRC_NAT) !== 0,
    isTargetTranslated: (status & IPS_DST_NAT) !== 0,
    translated: transits.translatedCount(record),
    isAnswered,
    hasError,
    isAnsweredDirectly: !isAnswered && hasDirectAnswer(legs, flow),
    isToHost: legs.anyHas(ct, LEG_TO_HOST),
    state: table.state(ct),
    start: table.start(ct),
    lastTime: transits.lastTime(record, 0),
    lastAnswerTime: isAnswered ? transits.lastTime(record, 1) : Number.NEGATIVE_INFINITY,
    requestIn: transits.inPoints(record, 0),
    requestOut: transits.outPoints(record, 0),
    answerOut: transits.outPoints(record, 1),
    answerIn: transits.inPoints(record, 1),
    passed: transits.passedCount(record, 0),
    stayed: transits.stayedCount(record, 0),
    answersPassed: transits.passedCount(record, 1),
    answersStayed: transits.stayedCount(record, 1),
    requestFrames: transits.passedFrames(record, 0),
    answerFrames: transits.passedFrames(record, 1),
    stayedFrames: transits.stayedFrames(record, 0),
    stayedAnswerFrames: transits.stayedFrames(record, 1),
    passedTime: transits.passedTime(record, 0),
    stayedTime: transits.stayedTime(record, 0),
  }
}
