// Answers that reach a client with the backend's address: switched past the translation, or routed around it.
import type { Cases, Parties } from './cases.ts'
import type { FindingStep } from './finding.ts'
import type { Sight } from './sight.ts'
import {
  CAPTURE,
  OPENING_ACKNOWLEDGMENT,
  OPENING_DESTINATION_MAC,
  OPENING_FRAME,
  OPENING_SEQUENCE,
  OPENING_SOURCE_MAC,
  OPENING_TTL,
  SIDE_FRAME,
  SIDE_PACKETS,
  SYN,
  SYN_ACK,
  TRAIL_SYN,
  TRAIL_SYN_ACK,
  type Trails,
} from './trails.ts'

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
 * @param trail the flow of the RST; `isNew`: nothing of it was seen before; `isRouted`: the RST was seen to be
 * @returns NO_STRAY, STRAY, STRAY_IF_ROUTED
 */
export function strayAnswer(
  trails: Trails,
  cases: Cases,
  trail: number,
  sight: Sight,
  isNew: boolean,
  isRouted: boolean,
): number {
  const isAnswered =
    trails.has(trail, TRAIL_SYN_ACK) && trails.get(trail, SYN_ACK + OPENING_ACKNOWLEDGMENT) === sight.sequence
  if (!isAnswered && !isNew && trails.has(trail, TRAIL_SYN | TRAIL_SYN_ACK)) return NO_STRAY
  const meant = askedFor(trails, trail, sight)
  const word = 'SYN'
  if (isAnswered && trails.has(trail, TRAIL_SYN)) {
    return cameRouted(trails, cases, trail, meant, sight, word) ? STRAY : NO_STRAY
  }
  if (meant < 0) return NO_STRAY
  if (isAnswered) answeredElsewhere(trails, cases, trail, meant, sight, word)
  else if (!isRouted && mayBeSwitched(trails, meant, sight)) return STRAY_IF_ROUTED
  else resetUnseen(trails, cases, trail, meant, sight)
  return STRAY
}

/** Whether a refusal may cross the bridge alone, and with it an answer that the capture has lost: no station tells. */
function mayBeSwitched(trails: Trails, meant: number, sight: Sight): boolean {
  return trails.get(meant, SYN + OPENING_DESTINATION_MAC) === 0 && isFresh(sight.ttl)
}

/** A client says that it does not expect datagrams of `trail`, which answer one that it sent to another address. */
export function strayDatagram(trails: Trails, cases: Cases, trail: number, sight: Sight): void {
  if (!trails.has(trail, TRAIL_SYN_ACK)) return
  const meant = askedByDatagram(trails, trail, sight)
  if (trails.has(trail, TRAIL_SYN)) cameRouted(trails, cases, trail, meant, sight, 'datagram')
  else if (meant >= 0) answeredElsewhere(trails, cases, trail, meant, sight, 'datagram')
}

/** The flow of the same client port that sent the SYN which `sight` gives up, unanswered at this point; or -1. */
function askedFor(trails: Trails, trail: number, sight: Sight): number {
  let sibling = trails.nextSibling(-1, trail)
  for (let i = 0; i < MOST_SIBLINGS && sibling >= 0; i++, sibling = trails.nextSibling(sibling, trail)) {
    if (trails.point(sibling) !== sight.point || !trails.has(sibling, TRAIL_SYN)) continue
    if (trails.has(sibling, TRAIL_SYN_ACK)) continue
    if (((trails.get(sibling, SYN + OPENING_SEQUENCE) + 1) | 0) === sight.sequence) return sibling
  }
  return -1
}

function askedByDatagram(trails: Trails, trail: number, sight: Sight): number {
  let sibling = trails.nextSibling(-1, trail)
  for (let i = 0; i < MOST_SIBLINGS && sibling >= 0; i++, sibling = trails.nextSibling(sibling, trail)) {
    if (trails.point(sibling) !== sight.point || !trails.has(sibling, TRAIL_SYN)) continue
    if (trails.side(sibling, 1, SIDE_PACKETS) > 0) continue
    if (sight.time - trails.time(sibling) <= ANSWER_TIME) return sibling
  }
  return -1
}

/** Seen on the backend's side: the request came routed, the client itself answers the answer. */
function cameRouted(
  trails: Trails,
  cases: Cases,
  trail: number,
  meant: number,
  sight: Sight,
  word: string,
): boolean {
  const router = trails.get(trail, SYN + OPENING_SOURCE_MAC)
  const isOther = router !== 0 && sight.sourceMac !== 0 && sight.sourceMac !== router
  if (!isOther || !isFresh(sight.ttl) || sight.ttl <= trails.get(trail, SYN + OPENING_TTL)) return false
  const backend = trails.responder(trail)
  cases.add({
    id: SAME_BRIDGE,
    confidence: 'certain',
    reason:
      'the request came through a router (its TTL and hardware address), the refusal of the answer straight from the client',
    client: trails.initiator(trail),
    flow: flowText(trails, trail, meant),
    parties: partiesOf(trails, trail, meant),
    point: sight.point,
    steps: [
      ...(meant < 0 ? [] : [stepOf(trails, meant, `${word} to ${trails.responder(meant)}`, SYN)]),
      stepOf(trails, trail, `${word} at ${backend}, translated`, SYN),
      stepOf(trails, trail, `answer from ${backend}`, SYN_ACK),
      refusal(sight, word, backend),
    ],
  })
  return true
}

/** Seen on the client's side: the answer to a flow comes from an address the client never asked. */
function answeredElsewhere(
  trails: Trails,
  cases: Cases,
  trail: number,
  meant: number,
  sight: Sight,
  word: string,
): void {
  const gateway = trails.get(meant, SYN + OPENING_DESTINATION_MAC)
  const sender = trails.get(trail, SYN_ACK + OPENING_SOURCE_MAC)
  const isGateway = gateway !== 0 && gateway === sender
  const isSwitched = isFresh(trails.get(trail, SYN_ACK + OPENING_TTL)) && !isGateway
  const backend = trails.responder(trail)
  const isSure = gateway !== 0 || word === 'SYN'
  cases.add({
    id: isSwitched ? SAME_BRIDGE : OTHER_WAY,
    confidence: isSure ? 'certain' : 'likely',
    reason: isSwitched
      ? 'the answer comes from an address the client did not ask, acknowledges its request, and no router was between (its TTL and hardware address)'
      : 'the answer comes from an address the client did not ask, and acknowledges its request',
    client: trails.initiator(trail),
    flow: flowText(trails, trail, meant),
    parties: partiesOf(trails, trail, meant),
    point: sight.point,
    steps: [
      stepOf(trails, meant, `${word} to ${trails.responder(meant)}`, SYN),
      stepOf(trails, trail, `answer from ${backend}`, SYN_ACK),
      refusal(sight, word, backend),
    ],
  })
}

/** Only the refusal passes here, the answer took another way. */
function resetUnseen(trails: Trails, cases: Cases, trail: number, meant: number, sight: Sight): void {
  const gateway = trails.get(meant, SYN + OPENING_DESTINATION_MAC)
  const isOtherStation = gateway !== 0 && sight.destinationMac !== 0 && gateway !== sight.destinationMac
  const isSwitched = isOtherStation && isFresh(sight.ttl)
  const backend = trails.responder(trail)
  cases.add({
    id: isSwitched ? SAME_BRIDGE : OTHER_WAY,
    confidence: isSwitched ? 'likely' : 'certain',
    reason: `the client resets, with the number its request would be answered with, a connection to ${backend} that it never opened`,
    client: trails.initiator(trail),
    flow: flowText(trails, trail, meant),
    parties: partiesOf(trails, trail, meant),
    point: sight.point,
    steps: [stepOf(trails, meant, `SYN to ${trails.responder(meant)}`, SYN), refusal(sight, 'SYN', backend)],
  })
}

function refusal(sight: Sight, word: string, backend: string): FindingStep {
  return {
    what:
      word === 'SYN' ? `RST of the client to ${backend}` : `port unreachable from the client to ${backend}`,
    frames: [{ capture: sight.capture, frame: sight.frame }],
  }
}

function stepOf(trails: Trails, trail: number, what: string, opening: number): FindingStep {
  const direction = opening === SYN ? 0 : 1
  const last = trails.side(trail, direction, SIDE_FRAME)
  const first = trails.get(trail, opening + OPENING_FRAME)
  const capture = trails.get(trail, CAPTURE)
  const frames = [{ capture, frame: last === 0 ? first : last }]
  return { what, frames }
}

/** `tcp 10.0.0.5:40001 -> 10.96.0.1:80, translated to 10.0.0.7:8080`; `trail` is what became of `meant` (-1: not seen). */
export function flowText(trails: Trails, trail: number, meant: number): string {
  const protocol = trails.protocol(trail) === 6 ? 'tcp' : 'udp'
  const client = trails.initiator(trail)
  if (meant < 0) return `${protocol} ${client} -> ${trails.responder(trail)}`
  return `${protocol} ${client} -> ${trails.responder(meant)}, translated to ${trails.responder(trail)}`
}

/** Who is in flowText(). */
export function partiesOf(trails: Trails, trail: number, meant: number): Parties {
  return {
    protocol: trails.protocol(trail),
    client: trails.initiator(trail),
    service: meant < 0 ? '' : trails.responder(meant),
    backend: trails.responder(trail),
  }
}

/** Whether no router has touched a TTL: hosts begin with one of these. */
export function isFresh(ttl: number): boolean {
  return ttl === 64 || ttl === 128 || ttl === 255
}
