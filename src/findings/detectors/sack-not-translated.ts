// sack-not-translated: SACK blocks lie outside of all that was ever sent, by a constant: a box rewrites numbers, but not SACK.

import { after, before } from '../../net/sequence.ts'
import type { FlowForms } from '../evidence/flow-forms.ts'
import {
  LEG_RST,
  LEG_SYN,
  LEG_SYN_ACK,
  REPEATED,
  REPEATED_ACK,
  REPEATED_SIDE,
  SHIFTED,
  SHIFTED_BY,
  SHIFTED_DOUBT,
  SHIFTED_FRAME,
  SHIFTED_LAST,
  SHIFTED_SIDE,
  SIDE_ACK,
  SIDE_END,
  SIDE_LIMIT,
  SIDE_PACKETS,
} from '../evidence/leg-layout.ts'
import type { Legs } from '../evidence/legs.ts'
import type { Observation } from '../evidence/observation.ts'
import type { Collector } from '../facts/collector.ts'
import { phrase, step } from '../facts/facts.ts'
import type { Detector } from './detector.ts'

/** How far from what was sent a block may be: two windows, this much at least; where the window scale is unknown, more than any window. */
const LEAST_SLACK = 1 << 17
const MOST_SLACK = 1 << 26
/** Segments with such blocks that tell anything, and that are no accident. */
const LEAST = 2
const SURE = 3
/** Repetitions of the same data after which a connection has failed. */
const FAILED = 3

/** A segment without data acknowledges what one did before; the leg does not know of it yet. */
export function noteDuplicate(legs: Legs, leg: number, direction: number, seen: Observation): void {
  const sender = 1 - direction
  const end = legs.side(leg, sender, SIDE_END)
  // nothing is missing: it tells of its window, or answers a keepalive
  if (end === seen.acknowledgment || legs.side(leg, sender, SIDE_PACKETS) === 0 || !seen.readSack()) return
  const slack = slackOf(legs, leg, direction, seen)
  const highest = after(end, seen.acknowledgment) ? end : seen.acknowledgment
  const isOutside =
    after(seen.sackRight, (highest + slack) | 0) || before(seen.sackLeft, (seen.acknowledgment - slack) | 0)
  const count = legs.rare(leg, SHIFTED)
  if (count > 0 && legs.rare(leg, SHIFTED_SIDE) !== direction) return
  if (!isOutside) {
    if (count > 0) legs.setRare(leg, SHIFTED_DOUBT, 1)
    return
  }
  const shift = (seen.sackLeft - seen.acknowledgment) | 0
  if (count === 0) {
    legs.setRare(leg, SHIFTED_SIDE, direction)
    legs.setRare(leg, SHIFTED_BY, shift)
    legs.setRare(leg, SHIFTED_FRAME, seen.frame)
  } else if (Math.abs((shift - legs.rare(leg, SHIFTED_BY)) | 0) > slack) legs.setRare(leg, SHIFTED_DOUBT, 1)
  legs.setRare(leg, SHIFTED, count + 1)
  legs.setRare(leg, SHIFTED_LAST, seen.frame)
}

/** Whoever selects holds no more than it offered; acknowledgments that a capture lost may have offered more. */
function slackOf(legs: Legs, leg: number, direction: number, seen: Observation): number {
  if (!legs.has(leg, direction === 0 ? LEG_SYN : LEG_SYN_ACK)) return MOST_SLACK
  const window = (legs.side(leg, direction, SIDE_LIMIT) - seen.acknowledgment) | 0
  return Math.min(Math.max(window * 2, LEAST_SLACK), MOST_SLACK)
}

/**
 * Look-alikes, none of which is this:
 * - blocks of data that were sent and that this capture lacks: they are within the window;
 * - blocks of data that came twice (D-SACK): they are a window behind at most;
 * - the other side of such a box, where blocks and data have the same numbers;
 * - a SYNPROXY, or a helper of NAT that changes lengths: Linux translates SACK, too;
 * - a block that fits behind one that does not, or numbers that are off otherwise each time: nothing constant.
 */
export class ShiftedSacks implements Detector {
  readonly ids = ['sack-not-translated'] as const
  private readonly legs: Legs
  private readonly collector: Collector
  private readonly forms: FlowForms

  constructor(legs: Legs, collector: Collector, forms: FlowForms) {
    this.legs = legs
    this.collector = collector
    this.forms = forms
  }

  ended(leg: number): void {
    const { legs } = this
    const count = legs.rare(leg, SHIFTED)
    if (count < LEAST || legs.rare(leg, SHIFTED_DOUBT) !== 0) return
    const capture = legs.capture(leg)
    const hasFailed = this.hasFailed(leg)
    this.collector.add({
      id: 'sack-not-translated',
      severity: hasFailed ? 'error' : 'warning',
      confidence: count < SURE ? 'likely' : 'certain',
      reason: phrase(hasFailed ? 'failed' : 'went-on', { count, shift: legs.rare(leg, SHIFTED_BY) >>> 0 }),
      ...this.forms.of(leg),
      point: legs.point(leg),
      time: legs.start(leg),
      steps: [
        step('first', [{ capture, frame: legs.rare(leg, SHIFTED_FRAME) }]),
        step('last', [{ capture, frame: legs.rare(leg, SHIFTED_LAST) }], { count }),
      ],
    })
  }

  /** Whether the data whose acknowledgments have such blocks were given up, or the connection was. */
  private hasFailed(leg: number): boolean {
    const { legs } = this
    const receiver = legs.rare(leg, SHIFTED_SIDE)
    const acknowledged = legs.side(leg, receiver, SIDE_ACK)
    if (!after(legs.side(leg, 1 - receiver, SIDE_END), acknowledged)) return false
    if (legs.has(leg, LEG_RST)) return true
    return (
      legs.rare(leg, REPEATED) >= FAILED &&
      legs.rare(leg, REPEATED_SIDE) !== receiver &&
      legs.rare(leg, REPEATED_ACK) === acknowledged
    )
  }
}
