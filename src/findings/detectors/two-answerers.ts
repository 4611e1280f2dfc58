// two-answerers: one connection is answered from two addresses, and its client resets one of them.

import { flowOfLegs } from '../evidence/flow-forms.ts'
import {
  LEG_SYN,
  LEG_SYN_ACK,
  SERIAL,
  SIDE_PACKETS,
  SYN_ACK_ACKNOWLEDGMENT,
  SYN_ACK_FRAME,
  SYN_SEQUENCE,
} from '../evidence/leg-layout.ts'
import type { Legs } from '../evidence/legs.ts'
import type { Observation } from '../evidence/observation.ts'
import { isFresh } from '../evidence/refused-answer.ts'
import type { Case, Collector } from '../facts/collector.ts'
import { phrase, step } from '../facts/facts.ts'
import type { Detector } from './detector.ts'

/** Refused answers that are remembered until their connection is over, 0.5 kB each. */
const MOST_REFUSED = 256

/** An answer that the client has reset, and the connection that it asked for, which may be answered later. */
interface Refused {
  asked: number
  serial: number
  found: Omit<Case, 'severity'>
}

/**
 * Look-alikes, none of which is this:
 * - a client that gives a connection up, as a scanner does, where its translated packets are captured, too: a router has
 *   lowered the TTL of those;
 * - an answer past its translation that is the only one (asymmetric-same-bridge-return, dsr-untranslated-reply);
 * - a RST of another number: it belongs to an earlier connection.
 */
export class TwoAnswerers implements Detector {
  readonly ids = ['two-answerers'] as const
  private readonly legs: Legs
  private readonly collector: Collector
  private readonly refused: Refused[] = []

  constructor(legs: Legs, collector: Collector) {
    this.legs = legs
    this.collector = collector
  }

  reset(leg: number, direction: number, seen: Observation): void {
    const { legs, refused } = this
    if (direction !== 0 || !isFresh(seen.ttl) || !legs.has(leg, LEG_SYN_ACK)) return
    // whom the client asked itself is no second answerer
    if (legs.has(leg, LEG_SYN) && isFresh(legs.openingTtl(leg, 0))) return
    if (legs.get(leg, SYN_ACK_ACKNOWLEDGMENT) !== seen.sequence || refused.length === MOST_REFUSED) return
    const asked = this.askedFor(leg, seen)
    if (asked < 0) return
    refused.push({ asked, serial: legs.get(asked, SERIAL), found: this.caseOf(leg, asked, seen) })
  }

  counted(leg: number): void {
    const { legs, refused } = this
    for (let i = refused.length - 1; i >= 0; i--) {
      const each = refused[i]
      if (each?.asked !== leg || each.serial !== legs.get(leg, SERIAL)) continue
      refused.splice(i, 1)
      if (legs.has(leg, LEG_SYN_ACK)) this.add(leg, each.found)
    }
  }

  /** The connection to another end that the client asked for with the number that its RST has, or -1. */
  private askedFor(leg: number, seen: Observation): number {
    const { legs } = this
    for (const other of legs.siblings(leg)) {
      if (legs.point(other) !== seen.point || !legs.has(other, LEG_SYN) || legs.sameResponder(other, leg))
        continue
      if (((legs.get(other, SYN_SEQUENCE) + 1) | 0) === seen.sequence) return other
    }
    return -1
  }

  private caseOf(leg: number, asked: number, seen: Observation): Omit<Case, 'severity'> {
    const { legs } = this
    const answerer = legs.responderEnd(leg)
    const { capture, frame } = seen
    return {
      id: 'two-answerers',
      confidence: 'certain',
      reason: phrase('number', { answerer }),
      client: legs.initiatorEnd(leg),
      flow: { ...flowOfLegs(legs, asked, asked), answerer },
      point: seen.point,
      time: seen.time,
      steps: [
        step('answer', [{ capture: legs.capture(leg), frame: legs.get(leg, SYN_ACK_FRAME) }], { answerer }),
        step('reset', [{ capture, frame }], { answerer }),
      ],
    }
  }

  private add(asked: number, found: Omit<Case, 'severity'>): void {
    const { legs } = this
    const answer = [{ capture: legs.capture(asked), frame: legs.get(asked, SYN_ACK_FRAME) }]
    const steps = [...found.steps, step('expected', answer, { asked: legs.responderEnd(asked) })]
    // one that goes on was not hurt by the other answer
    const severity = legs.side(asked, 1, SIDE_PACKETS) > 0 ? 'warning' : 'error'
    this.collector.add({ ...found, severity, steps })
  }
}
