// unacknowledged-data: data are sent again and again, and the other side never acknowledges them.

import { after, before } from '../../net/sequence.ts'
import { type FlowForms, formsOf } from '../evidence/flow-forms.ts'
import {
  LEG_EXPLAINED,
  LEG_FIN,
  LEG_FIN_BACK,
  LEG_SYN,
  LEG_SYN_ACK,
  REPEATED,
  REPEATED_ACK,
  REPEATED_FRAME,
  REPEATED_LAST,
  REPEATED_SEQUENCE,
  REPEATED_SIDE,
  REPEATED_TIME,
  SIDE_ACK,
  SIDE_END,
  SIDE_FRAME,
  SIDE_LIMIT,
  SIDE_PACKETS,
} from '../evidence/leg-layout.ts'
import type { Legs } from '../evidence/legs.ts'
import type { Observation } from '../evidence/observation.ts'
import { phrase, step } from '../facts/facts.ts'
import type { Detector } from './detector.ts'
import type { Unexplained } from './unexplained.ts'

/** Repetitions since the last acknowledgment that are no accident, and for how long: milliseconds. */
const LEAST_REPEATED = 3
const LEAST_TIME = 1000

/** Data come, or a FIN, that were sent before; the leg does not know of it yet. */
export function noteRepetition(legs: Legs, leg: number, direction: number, seen: Observation): void {
  if (seen.payload === 0) return
  const acknowledged = legs.side(leg, 1 - direction, SIDE_ACK)
  // the acknowledgment was lost on its way, or crossed it
  if (!after((seen.sequence + seen.payload) | 0, acknowledged)) return
  const time = Math.min((seen.time - legs.start(leg)) / 1e6, 0x7fffffff)
  const count = legs.rare(leg, REPEATED)
  const isMore = count > 0 && legs.rare(leg, REPEATED_SIDE) === direction
  legs.setRare(leg, REPEATED_LAST, time)
  if (isMore && legs.rare(leg, REPEATED_ACK) === acknowledged) {
    legs.setRare(leg, REPEATED, count + 1)
    return
  }
  legs.setRare(leg, REPEATED, 1)
  legs.setRare(leg, REPEATED_SIDE, direction)
  legs.setRare(leg, REPEATED_ACK, acknowledged)
  legs.setRare(leg, REPEATED_FRAME, seen.frame)
  legs.setRare(leg, REPEATED_SEQUENCE, seen.sequence)
  legs.setRare(leg, REPEATED_TIME, time)
}

/** Another connection begins, or the other side has answered otherwise. */
export function forgetRepetitions(legs: Legs, leg: number): void {
  legs.setRare(leg, REPEATED, 0)
}

/**
 * Look-alikes, none of which is this:
 * - a capture that ended before the acknowledgment, or that lost a few: three repetitions take a second or more;
 * - a capture of one direction, or one that lacks packets of the other side, which its own acknowledgments show;
 * - an acknowledgment that another point shows;
 * - probes of a closed window: they lie beyond what the other side allows, or it answers, and what it allows is not known;
 * - a RST of the other side, which is an answer;
 * - a FIN that nobody acknowledges, or data to a side that has closed: it may have gone for good;
 * - whatever another finding explains.
 */
export class UnacknowledgedData implements Detector {
  readonly ids = ['unacknowledged-data'] as const
  private readonly legs: Legs
  private readonly unexplained: Unexplained
  private readonly forms: FlowForms

  constructor(legs: Legs, unexplained: Unexplained, forms: FlowForms) {
    this.legs = legs
    this.unexplained = unexplained
    this.forms = forms
  }

  reset(leg: number, direction: number): void {
    const { legs } = this
    if (legs.rare(leg, REPEATED) > 0 && legs.rare(leg, REPEATED_SIDE) !== direction)
      forgetRepetitions(legs, leg)
  }

  ended(leg: number): void {
    const { legs } = this
    const count = legs.rare(leg, REPEATED)
    if (count < LEAST_REPEATED || legs.has(leg, LEG_EXPLAINED)) return
    const time = legs.rare(leg, REPEATED_LAST) - legs.rare(leg, REPEATED_TIME)
    if (time < LEAST_TIME || !this.isUnanswered(leg) || this.isAnsweredElsewhere(leg)) return
    const side = legs.rare(leg, REPEATED_SIDE)
    const capture = legs.capture(leg)
    const values = { count, time, isOfServer: side === 1 }
    this.unexplained.add(leg, this.forms.of(leg), {
      id: 'unacknowledged-data',
      reason: phrase('repeated', values),
      steps: [
        step('repeated', [{ capture, frame: legs.rare(leg, REPEATED_FRAME) }]),
        step('last', [{ capture, frame: legs.side(leg, side, SIDE_FRAME) }], { count, time }),
      ],
    })
  }

  /** Whether the other side could have acknowledged the data here, and has not. */
  private isUnanswered(leg: number): boolean {
    const { legs } = this
    const side = legs.rare(leg, REPEATED_SIDE)
    const other = 1 - side
    const isStartSeen = legs.has(leg, other === 0 ? LEG_SYN : LEG_SYN_ACK)
    if (legs.has(leg, other === 0 ? LEG_FIN : LEG_FIN_BACK)) return false
    if (!isStartSeen && legs.side(leg, other, SIDE_PACKETS) === 0) return false
    if (legs.side(leg, other, SIDE_ACK) !== legs.rare(leg, REPEATED_ACK)) return false
    // it acknowledges what was not captured: nor may the acknowledgments have been
    if (after(legs.side(leg, side, SIDE_ACK), legs.side(leg, other, SIDE_END))) return false
    if (!before(legs.rare(leg, REPEATED_SEQUENCE), legs.side(leg, other, SIDE_LIMIT))) return false
    return isStartSeen || legs.side(leg, other, SIDE_FRAME) < legs.rare(leg, REPEATED_FRAME)
  }

  /** Whether another point, or the connection under other addresses, shows an acknowledgment of the data. */
  private isAnsweredElsewhere(leg: number): boolean {
    const { legs } = this
    const other = 1 - legs.rare(leg, REPEATED_SIDE)
    const acknowledged = legs.rare(leg, REPEATED_ACK)
    return formsOf(legs, leg).some(
      form =>
        form !== leg &&
        legs.side(form, other, SIDE_PACKETS) > 0 &&
        after(legs.side(form, other, SIDE_ACK), acknowledged),
    )
  }
}
