// A client refuses an answer, by RST without a socket or by port unreachable: the detectors of such answers, in order.

import { flowOfLegs } from '../evidence/flow-forms.ts'
import {
  LEG_SYN,
  LEG_SYN_ACK,
  SIDE_FRAME,
  SYN_ACK_ACKNOWLEDGMENT,
  SYN_ACK_FRAME,
  SYN_DESTINATION_MAC,
  SYN_FRAME,
} from '../evidence/leg-layout.ts'
import type { Legs } from '../evidence/legs.ts'
import type { Observation } from '../evidence/observation.ts'
import {
  askedByDatagram,
  askedFor,
  isForMany,
  isFresh,
  isOneAddress,
  type RefusedAnswer,
  refusedAnswer,
} from '../evidence/refused-answer.ts'
import type { Collector } from '../facts/collector.ts'
import { type FindingId, type FlowFacts, type FrameReference, type Step, step } from '../facts/facts.ts'
import { asymmetricSameBridgeReturn } from './asymmetric-same-bridge-return.ts'
import type { Judgement } from './detector.ts'
import { dsrUntranslatedReply } from './dsr-untranslated-reply.ts'
import { wrongSourceAnswer } from './wrong-source-answer.ts'

type Word = 'syn' | 'datagram'

/** The first that knows a row has it. */
const DETECTORS: readonly ((row: RefusedAnswer) => Judgement | null)[] = [
  wrongSourceAnswer,
  asymmetricSameBridgeReturn,
  dsrUntranslatedReply,
]

/** What a RST of a client tells: nothing, that an answer was no answer to it, or that only if the RST is routed. */
export const NO_STRAY = 0
export const STRAY = 1
export const STRAY_IF_ROUTED = 2

/**
 * A client resets, without a socket of that address, what answers its own SYN.
 * @param leg the flow of the RST; `isNew`: nothing of it was seen before; `isRouted`: the RST was seen to be
 * @returns NO_STRAY, STRAY, STRAY_IF_ROUTED
 */
export function strayAnswer(
  legs: Legs,
  collector: Collector,
  leg: number,
  seen: Observation,
  isNew: boolean,
  isRouted: boolean,
): number {
  const isAnswered = legs.has(leg, LEG_SYN_ACK) && legs.get(leg, SYN_ACK_ACKNOWLEDGMENT) === seen.sequence
  if (!isAnswered && !isNew && legs.has(leg, LEG_SYN | LEG_SYN_ACK)) return NO_STRAY
  const meant = askedFor(legs, leg, seen)
  if (isAnswered && legs.has(leg, LEG_SYN)) {
    const row = refusedAnswer(legs, leg, meant, seen)
    return row.isRefusedDirectly && judge(row, collector, 'syn') ? STRAY : NO_STRAY
  }
  if (meant < 0) return NO_STRAY
  if (!isAnswered && !isRouted && mayBeSwitched(legs, meant, seen)) return STRAY_IF_ROUTED
  judge(refusedAnswer(legs, leg, meant, seen), collector, 'syn')
  return STRAY
}

/** Whether a refusal may cross the bridge alone, and with it an answer that the capture has lost: no station tells. */
function mayBeSwitched(legs: Legs, meant: number, seen: Observation): boolean {
  return legs.get(meant, SYN_DESTINATION_MAC) === 0 && isFresh(seen.ttl)
}

/** A client says that it does not expect datagrams of `leg`, which answer one that it sent to another address. */
export function strayDatagram(legs: Legs, collector: Collector, leg: number, seen: Observation): void {
  if (!legs.has(leg, LEG_SYN_ACK)) return
  const meant = askedByDatagram(legs, leg, seen)
  if (meant >= 0 && isNoTranslation(legs, leg, meant)) return
  const row = refusedAnswer(legs, leg, meant, seen)
  if (legs.has(leg, LEG_SYN) ? row.isRefusedDirectly : row.meant >= 0) judge(row, collector, 'datagram')
}

/** Whether who was asked and who answered differ without any translation. */
function isNoTranslation(legs: Legs, leg: number, meant: number): boolean {
  const asked = legs.responderEnd(meant)
  const answerer = legs.responderEnd(leg)
  return isOneAddress(asked, answerer) || isForMany(asked, legs.initiatorEnd(leg), answerer)
}

/** @param word what the request is called in the codes of steps */
function judge(row: RefusedAnswer, collector: Collector, word: Word): boolean {
  const { legs, leg, seen } = row
  for (const detector of DETECTORS) {
    const judgement = detector(row)
    if (judgement === null) continue
    collector.add({
      ...judgement,
      client: legs.initiatorEnd(leg),
      flow: flowOf(row, judgement.id),
      point: seen.point,
      time: seen.time,
      steps: stepsOf(row, word),
    })
    return true
  }
  return false
}

function flowOf({ legs, leg, meant }: RefusedAnswer, id: FindingId): FlowFacts {
  if (id === 'wrong-source-answer')
    return { ...flowOfLegs(legs, meant, meant), answerer: legs.responderEnd(leg) }
  return flowOfLegs(legs, meant < 0 ? leg : meant, leg)
}

function stepsOf({ legs, leg, meant, seen, isAnswerSeen }: RefusedAnswer, word: Word): Step[] {
  const backend = legs.responderEnd(leg)
  const steps: Step[] = []
  if (meant >= 0 && legs.point(meant) === seen.point) {
    const server = legs.responderEnd(meant)
    steps.push(step(`request-${word}`, lastFrame(legs, meant, 0), { server }))
  }
  if (legs.has(leg, LEG_SYN)) steps.push(step(`translated-${word}`, lastFrame(legs, leg, 0), { backend }))
  if (isAnswerSeen) steps.push(step('answer', lastFrame(legs, leg, 1), { backend }))
  const refusal = word === 'syn' ? 'reset' : 'unreachable'
  return [...steps, step(refusal, [{ capture: seen.capture, frame: seen.frame }], { backend })]
}

/** @param direction 0 for what the initiator sent, 1 for the answer */
function lastFrame(legs: Legs, leg: number, direction: number): FrameReference[] {
  const last = legs.side(leg, direction, SIDE_FRAME)
  const first = legs.get(leg, direction === 0 ? SYN_FRAME : SYN_ACK_FRAME)
  return [{ capture: legs.capture(leg), frame: last === 0 ? first : last }]
}
