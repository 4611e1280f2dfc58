// What is told at the end from all flows remembered: clients that meet themselves, flows cut off, floods of SYNs.
import { IPPROTO_TCP } from '../net/numbers.ts'
import { isSide, pointOfSide } from '../vantage/points.ts'
import type { Case, Cases } from './cases.ts'
import type { NatFindingId } from './catalogue.ts'
import { flowText, partiesOf } from './stray-answers.ts'
import {
  CAPTURE,
  OPENING_FRAME,
  OPENING_SEQUENCE,
  OPENING_SOURCE_MAC,
  OPENING_TTL,
  SIDE_ACK,
  SIDE_FRAME,
  SIDE_PACKETS,
  SYN,
  SYN_ACK_COUNT,
  SYN_COUNT,
  TRAIL_OPEN,
  TRAIL_REPEATED,
  TRAIL_RST,
  TRAIL_SYN,
  TRAIL_SYN_ACK,
  type Trails,
} from './trails.ts'

const MOST_SIBLINGS = 64
/** SYNs to one destination that make a flood, and how long one may still be answered or repeated. */
const FLOOD = 100
const NAMED_SYNS = 8
const GRACE = 1.5e9

/** Goes over all flows; `now` is the time of the last packet. */
export function concludeStanding(trails: Trails, cases: Cases, now: number): void {
  const floods = new Map<string, Flood>()
  for (let trail = 0; trail < trails.count; trail++) {
    if (trails.protocol(trail) !== IPPROTO_TCP || !trails.has(trail, TRAIL_SYN)) continue
    if (trails.isToItself(trail)) toItself(trails, cases, trail)
    else cutOff(trails, cases, trail)
    count(trails, floods, trail, now)
  }
  for (const flood of floods.values()) if (isFlood(flood)) addFlood(trails, cases, flood)
}

type Hairpin = Pick<Case<NatFindingId>, 'id' | 'confidence' | 'reason'>

const COMES_BACK: Hairpin = {
  id: 'hairpin-no-masquerade',
  confidence: 'certain',
  reason: 'the SYN comes back to the client with the address of the client as its source, and nobody answers',
}
const LEAVES: Hairpin = {
  id: 'hairpin-no-masquerade',
  confidence: 'likely',
  reason: 'the SYN leaves the host with the address of the client as its source, and nobody answers',
}
const NEVER_BACK: Hairpin = {
  id: 'hairpin-mode-off',
  confidence: 'certain',
  reason:
    "the client's port of the bridge shows the SYN go in, the bridge shows it translated, and it never comes back out",
}
const SEEN_ONCE: Hairpin = {
  id: 'hairpin-mode-off',
  confidence: 'likely',
  reason: 'the SYN is seen translated at the bridge and not once more at a port of it, and nobody answers',
}
const PORT_MISSING: Hairpin = {
  id: 'hairpin-mode-off',
  confidence: 'possible',
  reason:
    "the client's port of the bridge is not in the capture: the client may get the packet and drop it (no masquerade)",
}

/** SYNs from an address to itself, unanswered: what DNAT makes of a client that asked for its own service. */
function toItself(trails: Trails, cases: Cases, trail: number): void {
  // the loopback interface has no hardware addresses
  if (trails.has(trail, TRAIL_SYN_ACK) || trails.get(trail, SYN + OPENING_SOURCE_MAC) === 0) return
  if (trails.get(trail, SYN_COUNT) < 2) return
  let meant = -1
  let meantHere = -1
  let comesBack = false
  let sibling = trails.nextSibling(-1, trail)
  for (let i = 0; i < MOST_SIBLINGS && sibling >= 0; i++, sibling = trails.nextSibling(sibling, trail)) {
    if (!isSameSyn(trails, trail, sibling)) continue
    if (trails.has(sibling, TRAIL_SYN_ACK)) return
    if (trails.isToItself(sibling)) continue
    if (trails.point(sibling) === trails.point(trail)) meantHere = sibling
    meant = sibling
  }
  if (isSide(trails.point(trail))) {
    if (meant >= 0) toItselfOnHost(trails, cases, trail, meant)
    return
  }
  if (meantHere < 0 && meant >= 0) comesBack = isBackAt(trails, trail, trails.point(meant))
  if (meantHere >= 0 || comesBack) {
    addHairpin(trails, cases, trail, meantHere < 0 ? meant : meantHere, COMES_BACK)
  } else addHairpin(trails, cases, trail, meant, meant >= 0 ? NEVER_BACK : PORT_MISSING)
}

/**
 * Where interfaces are not told apart: what left a bridge through a port was seen twice, there and at the bridge. One
 * sighting is all there is of what a bridge kept for itself, or of what was routed without one.
 */
function toItselfOnHost(trails: Trails, cases: Cases, trail: number, meant: number): void {
  const hasLeft = trails.has(trail, TRAIL_REPEATED)
  const isRouted = trails.get(trail, SYN + OPENING_TTL) < trails.get(meant, SYN + OPENING_TTL)
  const isBridged = trails.has(meant, TRAIL_REPEATED) || !isRouted
  addHairpin(trails, cases, trail, meant, hasLeft ? COMES_BACK : isBridged ? SEEN_ONCE : LEAVES)
}

/** Whether the point that the client's own SYN passed saw it come back, to itself. */
function isBackAt(trails: Trails, trail: number, point: number): boolean {
  let sibling = trails.nextSibling(-1, trail)
  for (let i = 0; i < MOST_SIBLINGS && sibling >= 0; i++, sibling = trails.nextSibling(sibling, trail)) {
    if (trails.point(sibling) === point && trails.isToItself(sibling) && isSameSyn(trails, trail, sibling))
      return true
  }
  return false
}

function addHairpin(trails: Trails, cases: Cases, trail: number, meant: number, hairpin: Hairpin): void {
  const client = trails.initiator(trail)
  const step = {
    what: `SYN from ${client} to itself, repeated and never answered`,
    frames: [openingFrame(trails, trail)],
  }
  cases.add({
    ...hairpin,
    client,
    flow: flowText(trails, trail, meant),
    parties: partiesOf(trails, trail, meant),
    point: trails.point(trail),
    steps:
      meant < 0
        ? [step]
        : [{ what: `SYN to ${trails.responder(meant)}`, frames: [openingFrame(trails, meant)] }, step],
  })
}

/** A flow of which one direction is seen, and of that only the SYN gets through the host. */
function cutOff(trails: Trails, cases: Cases, trail: number): void {
  if (trails.has(trail, TRAIL_SYN_ACK) || trails.side(trail, 0, SIDE_PACKETS) < 2) return
  if (trails.side(trail, 1, SIDE_PACKETS) > 0 || trails.side(trail, 0, SIDE_ACK) === 0) return
  let behind = -1
  let sibling = trails.nextSibling(-1, trail)
  for (let i = 0; i < MOST_SIBLINGS && sibling >= 0; i++, sibling = trails.nextSibling(sibling, trail)) {
    if (!isSameSyn(trails, trail, sibling)) continue
    if (trails.has(sibling, TRAIL_SYN_ACK) || trails.side(sibling, 1, SIDE_PACKETS) > 0) return
    if (trails.get(sibling, SYN + OPENING_TTL) >= trails.get(trail, SYN + OPENING_TTL)) continue
    if (trails.side(sibling, 0, SIDE_PACKETS) > 0) return
    behind = sibling
  }
  if (behind < 0) return
  const capture = trails.get(trail, CAPTURE)
  const frames = [{ capture, frame: trails.side(trail, 0, SIDE_FRAME) }]
  const meant = trails.sameResponder(trail, behind) ? -1 : trail
  cases.add({
    id: 'dsr-invalid-drop',
    confidence: 'certain',
    reason:
      'the SYN was seen on both sides of the host, what follows on one alone, and it acknowledges an answer that never passed here',
    client: trails.initiator(trail),
    flow: flowText(trails, behind, meant),
    parties: partiesOf(trails, behind, meant),
    point: trails.point(trail),
    steps: [
      { what: 'SYN comes in', frames: [openingFrame(trails, trail)] },
      { what: 'SYN leaves', frames: [openingFrame(trails, behind)] },
      { what: 'further packets come in, and do not leave', frames },
    ],
  })
}

/** New connections to one destination at one point. */
interface Flood {
  flows: number
  completed: number
  refused: number
  repeated: number
  answered: number
  repeatedAnswers: number
  senders: Set<string>
  /** The first of them, which name the flood. */
  trails: number[]
}

function count(trails: Trails, floods: Map<string, Flood>, trail: number, now: number): void {
  if (trails.startTimes[trail] > now - GRACE) return
  if (isSide(trails.point(trail)) && isOtherSide(trails, trail)) return
  const key = `${pointOfSide(trails.point(trail))} ${trails.responder(trail)}`
  let flood = floods.get(key)
  if (flood === undefined) {
    flood = {
      flows: 0,
      completed: 0,
      refused: 0,
      repeated: 0,
      answered: 0,
      repeatedAnswers: 0,
      senders: new Set(),
      trails: [],
    }
    floods.set(key, flood)
  }
  flood.flows++
  if (trails.has(trail, TRAIL_OPEN)) flood.completed++
  if (trails.has(trail, TRAIL_RST)) flood.refused++
  if (trails.get(trail, SYN_COUNT) > 1) flood.repeated++
  if (trails.has(trail, TRAIL_SYN_ACK)) flood.answered++
  if (trails.get(trail, SYN_ACK_COUNT) > 1) flood.repeatedAnswers++
  if (flood.senders.size < FLOOD) flood.senders.add(trails.initiator(trail))
  if (flood.trails.length < NAMED_SYNS) flood.trails.push(trail)
}

/** Whether the flow was seen on another side of the same point before. */
function isOtherSide(trails: Trails, trail: number): boolean {
  const point = pointOfSide(trails.point(trail))
  let sibling = trails.nextSibling(-1, trail)
  for (let i = 0; i < MOST_SIBLINGS && sibling >= 0; i++, sibling = trails.nextSibling(sibling, trail)) {
    if (
      sibling < trail &&
      trails.sameResponder(trail, sibling) &&
      pointOfSide(trails.point(sibling)) === point
    )
      return true
  }
  return false
}

/** Programs that want a connection repeat their SYN, and complete the handshake. */
function isFlood({ flows, completed, refused, repeated }: Flood): boolean {
  return flows >= FLOOD && completed * 10 < flows && refused * 10 < flows && repeated * 4 < flows
}

function addFlood(trails: Trails, cases: Cases, flood: Flood): void {
  const { flows, answered, repeatedAnswers, trails: named } = flood
  const { meant, translated } = formsOf(trails, named)
  const asked = trails.responder(meant)
  const came = trails.responder(translated)
  const isSure = repeatedAnswers * 2 > flows
  cases.add({
    id: 'syn-flood',
    confidence: isSure ? 'certain' : 'likely',
    reason: isSure
      ? 'the server repeats its answers, which nobody completes'
      : 'the senders do not repeat their SYNs, as programs that want a connection do',
    client: asked,
    flow: `tcp ${flows} flows -> ${asked}${came === asked ? '' : `, translated to ${came}`}, ${answered} answered, ${flood.completed} completed`,
    parties: partiesOf(trails, translated, came === asked ? -1 : meant),
    point: trails.point(named[0]),
    steps: [{ what: 'the first of the SYNs', frames: named.map(trail => openingFrame(trails, trail)) }],
  })
}

/** A flood as it was meant, and as DNAT made it: by SYNs that other points saw with another destination. */
function formsOf(trails: Trails, named: readonly number[]): { meant: number; translated: number } {
  for (const trail of named) {
    let meant = trail
    let translated = trail
    let sibling = trails.nextSibling(-1, trail)
    for (let i = 0; i < MOST_SIBLINGS && sibling >= 0; i++, sibling = trails.nextSibling(sibling, trail)) {
      if (!isSameSyn(trails, trail, sibling)) continue
      if (isFurther(trails, meant, sibling)) meant = sibling
      if (isFurther(trails, sibling, translated)) translated = sibling
    }
    if (!trails.sameResponder(meant, translated)) return { meant, translated }
  }
  return { meant: named[0], translated: named[0] }
}

/** Whether one SYN was further on its way at `a` than at `b`: routing lowers the TTL; on a bridge the time tells. */
function isFurther(trails: Trails, a: number, b: number): boolean {
  const ttl = (trail: number): number => trails.get(trail, SYN + OPENING_TTL)
  return ttl(a) === ttl(b) ? trails.startTimes[a] > trails.startTimes[b] : ttl(a) < ttl(b)
}

function openingFrame(trails: Trails, trail: number) {
  return { capture: trails.get(trail, CAPTURE), frame: trails.get(trail, SYN + OPENING_FRAME) }
}

function isSameSyn(trails: Trails, a: number, b: number): boolean {
  return (
    trails.has(b, TRAIL_SYN) &&
    trails.get(a, SYN + OPENING_SEQUENCE) === trails.get(b, SYN + OPENING_SEQUENCE)
  )
}
