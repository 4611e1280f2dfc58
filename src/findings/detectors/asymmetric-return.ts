// Answers that reach a client with the backend's address: switched past the translation, or routed around it.

import {
  LEG_SYN,
  LEG_SYN_ACK,
  SIDE_FRAME,
  SIDE_PACKETS,
  SYN_ACK_ACKNOWLEDGMENT,
  SYN_ACK_FRAME,
  SYN_ACK_SOURCE_MAC,
  SYN_DESTINATION_MAC,
  SYN_FRAME,
  SYN_SEQUENCE,
  SYN_SOURCE_MAC,
} from '../evidence/leg-layout.ts'
import type { Legs } from '../evidence/legs.ts'
import type { Observation } from '../evidence/observation.ts'
import type { Cases, Parties } from '../wording/cases.ts'
import type { FindingStep } from '../wording/finding.ts'

/** Flows of one client port that are looked at. */
const MOST_SIBLINGS = 64
/** An answer comes sooner. */
const ANSWER_TIME = 5e9

const SAME_BRIDGE = 'asymmetric-same-bridge-return'
const OTHER_WAY = 'dsr-untranslated-reply'

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
  const word = 'SYN'
  if (isAnswered && legs.has(leg, LEG_SYN)) {
    return cameRouted(legs, cases, leg, meant, seen, word) ? STRAY : NO_STRAY
  }
  if (meant < 0) return NO_STRAY
  if (isAnswered) answeredElsewhere(legs, cases, leg, meant, seen, word)
  else if (!isRouted && mayBeSwitched(legs, meant, seen)) return STRAY_IF_ROUTED
  else resetUnseen(legs, cases, leg, meant, seen)
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
  if (legs.has(leg, LEG_SYN)) cameRouted(legs, cases, leg, meant, seen, 'datagram')
  else if (meant >= 0) answeredElsewhere(legs, cases, leg, meant, seen, 'datagram')
}

/** The flow of the same client port that sent the SYN which `seen` gives up, unanswered at this point; or -1. */
function askedFor(legs: Legs, leg: number, seen: Observation): number {
  let sibling = legs.nextSibling(-1, leg)
  for (let i = 0; i < MOST_SIBLINGS && sibling >= 0; i++, sibling = legs.nextSibling(sibling, leg)) {
    if (legs.point(sibling) !== seen.point || !legs.has(sibling, LEG_SYN)) continue
    if (legs.has(sibling, LEG_SYN_ACK)) continue
    if (((legs.get(sibling, SYN_SEQUENCE) + 1) | 0) === seen.sequence) return sibling
  }
  return -1
}

function askedByDatagram(legs: Legs, leg: number, seen: Observation): number {
  let sibling = legs.nextSibling(-1, leg)
  for (let i = 0; i < MOST_SIBLINGS && sibling >= 0; i++, sibling = legs.nextSibling(sibling, leg)) {
    if (legs.point(sibling) !== seen.point || !legs.has(sibling, LEG_SYN)) continue
    if (legs.side(sibling, 1, SIDE_PACKETS) > 0) continue
    if (seen.time - legs.time(sibling) <= ANSWER_TIME) return sibling
  }
  return -1
}

/** Seen on the backend's side: the request came routed, the client itself answers the answer. */
function cameRouted(
  legs: Legs,
  cases: Cases,
  leg: number,
  meant: number,
  seen: Observation,
  word: string,
): boolean {
  const router = legs.get(leg, SYN_SOURCE_MAC)
  const isOther = router !== 0 && seen.sourceMac !== 0 && seen.sourceMac !== router
  if (!isOther || !isFresh(seen.ttl) || seen.ttl <= legs.openingTtl(leg, 0)) return false
  const backend = legs.responderText(leg)
  cases.add({
    id: SAME_BRIDGE,
    confidence: 'certain',
    reason:
      'the request came through a router (its TTL and hardware address), the refusal of the answer straight from the client',
    client: legs.initiatorText(leg),
    flow: flowText(legs, leg, meant),
    parties: partiesOf(legs, leg, meant),
    point: seen.point,
    steps: [
      ...(meant < 0 ? [] : [stepOf(legs, meant, `${word} to ${legs.responderText(meant)}`, 0)]),
      stepOf(legs, leg, `${word} at ${backend}, translated`, 0),
      stepOf(legs, leg, `answer from ${backend}`, 1),
      refusal(seen, word, backend),
    ],
  })
  return true
}

/** Seen on the client's side: the answer to a flow comes from an address the client never asked. */
function answeredElsewhere(
  legs: Legs,
  cases: Cases,
  leg: number,
  meant: number,
  seen: Observation,
  word: string,
): void {
  const gateway = legs.get(meant, SYN_DESTINATION_MAC)
  const sender = legs.get(leg, SYN_ACK_SOURCE_MAC)
  const isGateway = gateway !== 0 && gateway === sender
  const isSwitched = isFresh(legs.openingTtl(leg, 1)) && !isGateway
  const backend = legs.responderText(leg)
  const isSure = gateway !== 0 || word === 'SYN'
  cases.add({
    id: isSwitched ? SAME_BRIDGE : OTHER_WAY,
    confidence: isSure ? 'certain' : 'likely',
    reason: isSwitched
      ? 'the answer comes from an address the client did not ask, acknowledges its request, and no router was between (its TTL and hardware address)'
      : 'the answer comes from an address the client did not ask, and acknowledges its request',
    client: legs.initiatorText(leg),
    flow: flowText(legs, leg, meant),
    parties: partiesOf(legs, leg, meant),
    point: seen.point,
    steps: [
      stepOf(legs, meant, `${word} to ${legs.responderText(meant)}`, 0),
      stepOf(legs, leg, `answer from ${backend}`, 1),
      refusal(seen, word, backend),
    ],
  })
}

/** Only the refusal passes here, the answer took another way. */
function resetUnseen(legs: Legs, cases: Cases, leg: number, meant: number, seen: Observation): void {
  const gateway = legs.get(meant, SYN_DESTINATION_MAC)
  const isOtherStation = gateway !== 0 && seen.destinationMac !== 0 && gateway !== seen.destinationMac
  const isSwitched = isOtherStation && isFresh(seen.ttl)
  const backend = legs.responderText(leg)
  cases.add({
    id: isSwitched ? SAME_BRIDGE : OTHER_WAY,
    confidence: isSwitched ? 'likely' : 'certain',
    reason: `the client resets, with the number its request would be answered with, a connection to ${backend} that it never opened`,
    client: legs.initiatorText(leg),
    flow: flowText(legs, leg, meant),
    parties: partiesOf(legs, leg, meant),
    point: seen.point,
    steps: [stepOf(legs, meant, `SYN to ${legs.responderText(meant)}`, 0), refusal(seen, 'SYN', backend)],
  })
}

function refusal(seen: Observation, word: string, backend: string): FindingStep {
  return {
    what:
      word === 'SYN' ? `RST of the client to ${backend}` : `port unreachable from the client to ${backend}`,
    frames: [{ capture: seen.capture, frame: seen.frame }],
  }
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

/** Whether no router has touched a TTL: hosts begin with one of these. */
export function isFresh(ttl: number): boolean {
  return ttl === 64 || ttl === 128 || ttl === 255
}
