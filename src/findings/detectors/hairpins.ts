// hairpin-no-masquerade, hairpin-mode-off: a client asked for its own service, DNAT chose the client, and nobody answers.

import { IPPROTO_TCP } from '../../net/numbers.ts'
import { isSide } from '../../vantage/record/points.ts'
import { flowOfLegs } from '../evidence/flow-forms.ts'
import { LEG_REPEATED, LEG_SYN, LEG_SYN_ACK, SYN_SOURCE_MAC } from '../evidence/leg-layout.ts'
import type { Legs } from '../evidence/legs.ts'
import { isSameSyn, openingFrame } from '../evidence/openings.ts'
import type { Case, Collector } from '../facts/collector.ts'
import { phrase, step } from '../facts/facts.ts'
import type { Detector } from './detector.ts'

type Hairpin = Pick<Case, 'id' | 'severity' | 'confidence' | 'reason' | 'isOpen'>

const COMES_BACK: Hairpin = {
  id: 'hairpin-no-masquerade',
  severity: 'error',
  confidence: 'certain',
  reason: phrase('comes-back'),
}
const LEAVES: Hairpin = {
  id: 'hairpin-no-masquerade',
  severity: 'error',
  confidence: 'likely',
  reason: phrase('leaves'),
}
const NEVER_BACK: Hairpin = {
  id: 'hairpin-mode-off',
  severity: 'error',
  confidence: 'certain',
  reason: phrase('never-back'),
}
const SEEN_ONCE: Hairpin = {
  id: 'hairpin-mode-off',
  severity: 'error',
  confidence: 'likely',
  reason: phrase('seen-once'),
}
const PORT_MISSING: Hairpin = {
  id: 'hairpin-mode-off',
  severity: 'error',
  confidence: 'possible',
  // the client may get the packet and drop it: without the port nobody can tell that from a missing masquerade
  isOpen: true,
  reason: phrase('port-missing'),
}

/**
 * SYNs from an address to itself, unanswered.
 *
 * Look-alikes, none of which is this:
 * - masqueraded hairpin traffic, which a promiscuous bridge shows once more before it is masqueraded (it is answered);
 * - connections over the loopback interface;
 * - of hairpin-mode-off: a bridge alone, which shows a missing masquerade in the same way.
 */
export class Hairpins implements Detector {
  readonly ids = ['hairpin-no-masquerade', 'hairpin-mode-off'] as const
  private readonly legs: Legs
  private readonly collector: Collector

  constructor(legs: Legs, collector: Collector) {
    this.legs = legs
    this.collector = collector
  }

  ended(leg: number): void {
    judge(this.legs, this.collector, leg)
  }
}

function judge(legs: Legs, collector: Collector, leg: number): void {
  if (legs.protocol(leg) !== IPPROTO_TCP || !legs.has(leg, LEG_SYN) || !legs.isToItself(leg)) return
  // the loopback interface has no hardware addresses
  if (legs.has(leg, LEG_SYN_ACK) || legs.get(leg, SYN_SOURCE_MAC) === 0) return
  if (legs.openings(leg, 0) < 2) return
  let meant = -1
  let meantHere = -1
  let comesBack = false
  for (const sibling of legs.siblings(leg)) {
    if (!isSameSyn(legs, leg, sibling)) continue
    if (legs.has(sibling, LEG_SYN_ACK)) return
    if (legs.isToItself(sibling)) continue
    if (legs.point(sibling) === legs.point(leg)) meantHere = sibling
    meant = sibling
  }
  if (isSide(legs.point(leg))) {
    if (meant >= 0) toItselfOnHost(legs, collector, leg, meant)
    return
  }
  if (meantHere < 0 && meant >= 0) comesBack = isBackAt(legs, leg, legs.point(meant))
  if (meantHere >= 0 || comesBack) {
    addHairpin(legs, collector, leg, meantHere < 0 ? meant : meantHere, COMES_BACK)
  } else addHairpin(legs, collector, leg, meant, meant >= 0 ? NEVER_BACK : PORT_MISSING)
}

/**
 * Where interfaces are not told apart: what left a bridge through a port was seen twice, there and at the bridge. One
 * sighting is all there is of what a bridge kept for itself, or of what was routed without one.
 */
function toItselfOnHost(legs: Legs, collector: Collector, leg: number, meant: number): void {
  const hasLeft = legs.has(leg, LEG_REPEATED)
  const isRouted = legs.openingTtl(leg, 0) < legs.openingTtl(meant, 0)
  const isBridged = legs.has(meant, LEG_REPEATED) || !isRouted
  addHairpin(legs, collector, leg, meant, hasLeft ? COMES_BACK : isBridged ? SEEN_ONCE : LEAVES)
}

/** Whether the point that the client's own SYN passed saw it come back, to itself. */
function isBackAt(legs: Legs, leg: number, point: number): boolean {
  for (const sibling of legs.siblings(leg)) {
    if (legs.point(sibling) === point && legs.isToItself(sibling) && isSameSyn(legs, leg, sibling))
      return true
  }
  return false
}

function addHairpin(legs: Legs, collector: Collector, leg: number, meant: number, hairpin: Hairpin): void {
  const client = legs.initiatorEnd(leg)
  const toItself = step('to-itself', [openingFrame(legs, leg)], { client })
  collector.add({
    ...hairpin,
    client,
    flow: flowOfLegs(legs, meant < 0 ? leg : meant, leg),
    point: legs.point(leg),
    time: legs.start(leg),
    until: legs.time(leg),
    steps:
      meant < 0
        ? [toItself]
        : [step('request-syn', [openingFrame(legs, meant)], { server: legs.responderEnd(meant) }), toItself],
  })
}
