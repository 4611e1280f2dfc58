// A client refuses an answer, by RST without a socket or by port unreachable: the detectors of such answers, in order.

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
import type { Cases, Parties } from '../facts/collector.ts'
import type { FindingStep } from '../facts/facts.ts'
import { asymmetricSameBridgeReturn } from './asymmetric-same-bridge-return.ts'
import type { Judgement } from './detector.ts'
import { dsrUntranslatedReply } from './dsr-untranslated-reply.ts'
import { wrongSourceAnswer } from './wrong-source-answer.ts'

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
  cases: Cases,
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
    return row.isRefusedDirectly && judge(row, cases, 'SYN') ? STRAY : NO_STRAY
  }
  if (meant < 0) return NO_STRAY
  if (!isAnswered && !isRouted && mayBeSwitched(legs, meant, seen)) return STRAY_IF_ROUTED
  judge(refusedAnswer(legs, leg, meant, seen), cases, 'SYN')
  return STRAY
}

/** Whether a refusal may cross the bridge alone, and with it an answer that the capture has lost: no station tells. */
function mayBeSwitched(legs: Legs, meant: number, seen: Observation): boolean {
  return legs.get(meant, SYN_DESTINATION_MAC) === 0 && isFresh(seen.ttl)
}

/** A client says that it does not expect datagrams of `leg`, which answer one that it sent to another address. */
export function strayDatagram(legs: Legs, cases: Cases, leg: number, seen: Observation): void {
  if (!legs.has(leg, LEG_SYN_ACK)) return
  const meant = askedByDatagram(legs, leg, seen)
  if (meant >= 0 && isNoTranslation(legs, leg, meant)) return
  const row = refusedAnswer(legs, leg, meant, seen)
  if (legs.has(leg, LEG_SYN) ? row.isRefusedDirectly : row.meant >= 0) judge(row, cases, 'datagram')
}

/** Whether who was asked and who answered differ without any translation. */
function isNoTranslation(legs: Legs, leg: number, meant: number): boolean {
  const asked = legs.responderEnd(meant)
  const answerer = legs.responderEnd(leg)
  return isOneAddress(asked, answerer) || isForMany(asked, legs.initiatorEnd(leg), answerer)
}

/** @param word what the request is called */
function judge(row: RefusedAnswer, cases: Cases, word: string): boolean {
  const { legs, leg, meant, seen } = row
  for (const detector of DETECTORS) {
    const judgement = detector(row)
    if (judgement === null) continue
    cases.add({
      ...judgement,
      client: legs.initiatorText(leg),
      flow: flowText(legs, leg, meant),
      parties: partiesOf(legs, leg, meant),
      point: seen.point,
      steps: stepsOf(row, word),
    })
    return true
  }
  return false
}

function stepsOf({ legs, leg, meant, seen, isAnswerSeen }: RefusedAnswer, word: string): FindingStep[] {
  const backend = legs.responderText(leg)
  const steps: FindingStep[] = []
  if (meant >= 0 && legs.point(meant) === seen.point)
    steps.push(stepOf(legs, meant, `${word} to ${legs.responderText(meant)}`, 0))
  if (legs.has(leg, LEG_SYN)) steps.push(stepOf(legs, leg, `${word} at ${backend}, translated`, 0))
  if (isAnswerSeen) steps.push(stepOf(legs, leg, `answer from ${backend}`, 1))
  const refusal =
    word === 'SYN' ? `RST of the client to ${backend}` : `port unreachable from the client to ${backend}`
  return [...steps, { what: refusal, frames: [{ capture: seen.capture, frame: seen.frame }] }]
}

/** @param direction 0 for what the initiator sent, 1 for the answer */
function stepOf(legs: Legs, leg: number, what: string, direction: number): FindingStep {
  const last = legs.side(leg, direction, SIDE_FRAME)
  const first = legs.get(leg, direction === 0 ? SYN_FRAME : SYN_ACK_FRAME)
  const capture = legs.capture(leg)
  const frames = [{ capture, frame: last === 0 ? first : last }]
  return { what, frames }
}

/** `tcp 10.0.0.5:40001 -> 10.96.0.1:80, translated to 10.0.0.7:8080`; `leg` is what became of `meant` (-1: not seen). */
export function flowText(legs: Legs, leg: number, meant: number): string {
  const protocol = legs.protocol(leg) === 6 ? 'tcp' : 'udp'
  const client = legs.initiatorText(leg)
  if (meant < 0) return `${protocol} ${client} -> ${legs.responderText(leg)}`
  return `${protocol} ${client} -> ${legs.responderText(meant)}, translated to ${legs.responderText(leg)}`
}

/** Who is in flowText(). */
export function partiesOf(legs: Legs, leg: number, meant: number): Parties {
  return {
    protocol: legs.protocol(leg),
    client: legs.initiatorText(leg),
    service: meant < 0 ? '' : legs.responderText(meant),
    backend: legs.responderText(leg),
  }
}
