// dsr-invalid-drop: the answers take another way, so that all but the SYN is INVALID here, and a rule drops it.

import { IPPROTO_TCP } from '../../net/numbers.ts'
import { flowOfLegs } from '../evidence/flow-forms.ts'
import { LEG_ACKNOWLEDGED, LEG_SYN, LEG_SYN_ACK, SIDE_FRAME, SIDE_PACKETS } from '../evidence/leg-layout.ts'
import type { Legs } from '../evidence/legs.ts'
import { isSameSyn, openingFrame } from '../evidence/openings.ts'
import type { Collector } from '../facts/collector.ts'
import { phrase, step } from '../facts/facts.ts'
import type { Detector } from './detector.ts'

/**
 * One direction of a connection is seen, and of that only the SYN gets through the host.
 *
 * Look-alikes, none of which is this:
 * - an asymmetric path on which nothing is dropped (all packets leave again).
 */
export class InvalidDrops implements Detector {
  readonly ids = ['dsr-invalid-drop'] as const
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
  if (legs.protocol(leg) !== IPPROTO_TCP || !legs.has(leg, LEG_SYN) || legs.isToItself(leg)) return
  if (legs.has(leg, LEG_SYN_ACK) || legs.side(leg, 0, SIDE_PACKETS) < 2) return
  if (legs.side(leg, 1, SIDE_PACKETS) > 0 || !legs.has(leg, LEG_ACKNOWLEDGED)) return
  let behind = -1
  for (const sibling of legs.siblings(leg)) {
    if (!isSameSyn(legs, leg, sibling)) continue
    if (legs.has(sibling, LEG_SYN_ACK) || legs.side(sibling, 1, SIDE_PACKETS) > 0) return
    if (legs.openingTtl(sibling, 0) >= legs.openingTtl(leg, 0)) continue
    if (legs.side(sibling, 0, SIDE_PACKETS) > 0) return
    behind = sibling
  }
  if (behind < 0) return
  const meant = legs.sameResponder(leg, behind) ? behind : leg
  collector.add({
    id: 'dsr-invalid-drop',
    severity: 'error',
    confidence: 'certain',
    reason: phrase('one-side'),
    client: legs.initiatorEnd(leg),
    flow: flowOfLegs(legs, meant, behind),
    point: legs.point(leg),
    time: legs.start(leg),
    until: legs.time(leg),
    steps: [
      step('syn-in', [openingFrame(legs, leg)]),
      step('syn-out', [openingFrame(legs, behind)]),
      step('stays', [{ capture: legs.capture(leg), frame: legs.side(leg, 0, SIDE_FRAME) }]),
    ],
  })
}
