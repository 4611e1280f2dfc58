// What a connection comes to once it is over: a client that met itself, a flow cut off, one SYN of a flood.

import { IPPROTO_TCP } from '../../net/numbers.ts'
import { isSide } from '../../vantage/record/points.ts'
import {
  LEG_ACKNOWLEDGED,
  LEG_REPEATED,
  LEG_SYN,
  LEG_SYN_ACK,
  SIDE_FRAME,
  SIDE_PACKETS,
  SYN_FRAME,
  SYN_SEQUENCE,
  SYN_SOURCE_MAC,
} from '../evidence/leg-layout.ts'
import type { Legs } from '../evidence/legs.ts'
import type { Case, Cases } from '../facts/collector.ts'
import type { NatFindingId } from '../wording/catalogue.ts'
import { flowText, partiesOf } from './refused-answers.ts'

const MOST_SIBLINGS = 64

/** Judges a leg whose connection is over, or is at the end of the capture. */
export function judgeOpening(legs: Legs, cases: Cases, leg: number): void {
  if (legs.protocol(leg) !== IPPROTO_TCP || !legs.has(leg, LEG_SYN)) return
  if (legs.isToItself(leg)) toItself(legs, cases, leg)
  else cutOff(legs, cases, leg)
}

type Hairpin = Pick<Case<NatFindingId>, 'id' | 'confidence' | 'reason' | 'isOpen'>

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
  // the client may get the packet and drop it: without the port nobody can tell that from a missing masquerade
  isOpen: true,
  reason:
    "the bridge shows the SYN go from the client to itself; the client's port of it is not in the capture",
}

/** SYNs from an address to itself, unanswered: what DNAT makes of a client that asked for its own service. */
function toItself(legs: Legs, cases: Cases, leg: number): void {
  // the loopback interface has no hardware addresses
  if (legs.has(leg, LEG_SYN_ACK) || legs.get(leg, SYN_SOURCE_MAC) === 0) return
  if (legs.openings(leg, 0) < 2) return
  let meant = -1
  let meantHere = -1
  let comesBack = false
  let sibling = legs.nextSibling(-1, leg)
  for (let i = 0; i < MOST_SIBLINGS && sibling >= 0; i++, sibling = legs.nextSibling(sibling, leg)) {
    if (!isSameSyn(legs, leg, sibling)) continue
    if (legs.has(sibling, LEG_SYN_ACK)) return
    if (legs.isToItself(sibling)) continue
    if (legs.point(sibling) === legs.point(leg)) meantHere = sibling
    meant = sibling
  }
  if (isSide(legs.point(leg))) {
    if (meant >= 0) toItselfOnHost(legs, cases, leg, meant)
    return
  }
  if (meantHere < 0 && meant >= 0) comesBack = isBackAt(legs, leg, legs.point(meant))
  if (meantHere >= 0 || comesBack) {
    addHairpin(legs, cases, leg, meantHere < 0 ? meant : meantHere, COMES_BACK)
  } else addHairpin(legs, cases, leg, meant, meant >= 0 ? NEVER_BACK : PORT_MISSING)
}

/**
 * Where interfaces are not told apart: what left a bridge through a port was seen twice, there and at the bridge. One
 * sighting is all there is of what a bridge kept for itself, or of what was routed without one.
 */
function toItselfOnHost(legs: Legs, cases: Cases, leg: number, meant: number): void {
  const hasLeft = legs.has(leg, LEG_REPEATED)
  const isRouted = legs.openingTtl(leg, 0) < legs.openingTtl(meant, 0)
  const isBridged = legs.has(meant, LEG_REPEATED) || !isRouted
  addHairpin(legs, cases, leg, meant, hasLeft ? COMES_BACK : isBridged ? SEEN_ONCE : LEAVES)
}

/** Whether the point that the client's own SYN passed saw it come back, to itself. */
function isBackAt(legs: Legs, leg: number, point: number): boolean {
  let sibling = legs.nextSibling(-1, leg)
  for (let i = 0; i < MOST_SIBLINGS && sibling >= 0; i++, sibling = legs.nextSibling(sibling, leg)) {
    if (legs.point(sibling) === point && legs.isToItself(sibling) && isSameSyn(legs, leg, sibling))
      return true
  }
  return false
}

function addHairpin(legs: Legs, cases: Cases, leg: number, meant: number, hairpin: Hairpin): void {
  const client = legs.initiatorText(leg)
  const step = {
    what: `SYN from ${client} to itself, repeated and never answered`,
    frames: [openingFrame(legs, leg)],
  }
  cases.add({
    ...hairpin,
    client,
    flow: flowText(legs, leg, meant),
    parties: partiesOf(legs, leg, meant),
    point: legs.point(leg),
    steps:
      meant < 0
        ? [step]
        : [{ what: `SYN to ${legs.responderText(meant)}`, frames: [openingFrame(legs, meant)] }, step],
  })
}

/** A flow of which one direction is seen, and of that only the SYN gets through the host. */
function cutOff(legs: Legs, cases: Cases, leg: number): void {
  if (legs.has(leg, LEG_SYN_ACK) || legs.side(leg, 0, SIDE_PACKETS) < 2) return
  if (legs.side(leg, 1, SIDE_PACKETS) > 0 || !legs.has(leg, LEG_ACKNOWLEDGED)) return
  let behind = -1
  let sibling = legs.nextSibling(-1, leg)
  for (let i = 0; i < MOST_SIBLINGS && sibling >= 0; i++, sibling = legs.nextSibling(sibling, leg)) {
    if (!isSameSyn(legs, leg, sibling)) continue
    if (legs.has(sibling, LEG_SYN_ACK) || legs.side(sibling, 1, SIDE_PACKETS) > 0) return
    if (legs.openingTtl(sibling, 0) >= legs.openingTtl(leg, 0)) continue
    if (legs.side(sibling, 0, SIDE_PACKETS) > 0) return
    behind = sibling
  }
  if (behind < 0) return
  const capture = legs.capture(leg)
  const frames = [{ capture, frame: legs.side(leg, 0, SIDE_FRAME) }]
  const meant = legs.sameResponder(leg, behind) ? -1 : leg
  cases.add({
    id: 'dsr-invalid-drop',
    confidence: 'certain',
    reason:
      'the SYN was seen on both sides of the host, what follows on one alone, and it acknowledges an answer that never passed here',
    client: legs.initiatorText(leg),
    flow: flowText(legs, behind, meant),
    parties: partiesOf(legs, behind, meant),
    point: legs.point(leg),
    steps: [
      { what: 'SYN comes in', frames: [openingFrame(legs, leg)] },
      { what: 'SYN leaves', frames: [openingFrame(legs, behind)] },
      { what: 'further packets come in, and do not leave', frames },
    ],
  })
}

export function openingFrame(legs: Legs, leg: number) {
  return { capture: legs.capture(leg), frame: legs.get(leg, SYN_FRAME) }
}

function isSameSyn(legs: Legs, a: number, b: number): boolean {
  return legs.has(b, LEG_SYN) && legs.get(a, SYN_SEQUENCE) === legs.get(b, SYN_SEQUENCE)
}
