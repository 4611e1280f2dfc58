// unfinished-handshake: a SYN is answered again and again, and its client never acknowledges the answer.

import { type FlowForms, formsOf } from '../evidence/flow-forms.ts'
import {
  LEG_ACKNOWLEDGED,
  LEG_EXPLAINED,
  LEG_OPEN,
  LEG_RST,
  LEG_SYN,
  LEG_SYN_ACK,
  SIDE_FRAME,
  SIDE_PACKETS,
  SYN_ACK_FRAME,
} from '../evidence/leg-layout.ts'
import type { Legs } from '../evidence/legs.ts'
import { openingFrame } from '../evidence/openings.ts'
import { phrase, step } from '../facts/facts.ts'
import type { Detector } from './detector.ts'
import type { Unexplained } from './unexplained.ts'

/** SYN-ACKs of one connection, and nanoseconds from its first packet to its last: a server repeats them after 1 s and 3 s. */
const LEAST_ANSWERS = 3
const LEAST_TIME = 2.5e9

/**
 * Look-alikes, none of which is this:
 * - a capture that ended before the handshake did, or that shows one direction: SYN and two repetitions of its answer take 3 s;
 * - a server that waits for data (TCP_DEFER_ACCEPT) and repeats an answer that was acknowledged;
 * - a client that refuses by RST, or another point that shows the acknowledgment;
 * - answers to SYNs that this capture does not have: somebody else's, with a forged address;
 * - a flood, and whatever else another finding explains.
 */
export class UnfinishedHandshakes implements Detector {
  readonly ids = ['unfinished-handshake'] as const
  private readonly legs: Legs
  private readonly unexplained: Unexplained
  private readonly forms: FlowForms

  constructor(legs: Legs, unexplained: Unexplained, forms: FlowForms) {
    this.legs = legs
    this.unexplained = unexplained
    this.forms = forms
  }

  ended(leg: number): void {
    const { legs } = this
    if (!legs.has(leg, LEG_SYN_ACK) || !legs.has(leg, LEG_SYN) || hasEnded(legs, leg)) return
    const answers = legs.openings(leg, 1)
    const time = legs.time(leg) - legs.start(leg)
    if (answers < LEAST_ANSWERS || time < LEAST_TIME || legs.has(leg, LEG_EXPLAINED)) return
    if (formsOf(legs, leg).some(form => hasEnded(legs, form))) return
    const capture = legs.capture(leg)
    const first = legs.get(leg, SYN_ACK_FRAME)
    const last = legs.side(leg, 1, SIDE_FRAME)
    const values = { answers, time: Math.min(time / 1e6, 0x7fffffff) }
    this.unexplained.add(leg, this.forms.of(leg), {
      id: 'unfinished-handshake',
      reason: phrase('never-acknowledged', values),
      steps: [
        step('syn', [openingFrame(legs, leg)]),
        step(
          'answers',
          first === last ? [{ capture, frame: first }] : [first, last].map(frame => ({ capture, frame })),
          values,
        ),
      ],
    })
  }
}

/** Whether the handshake came to an end, or either side went on. */
function hasEnded(legs: Legs, leg: number): boolean {
  if (legs.has(leg, LEG_OPEN | LEG_ACKNOWLEDGED | LEG_RST)) return true
  return legs.side(leg, 0, SIDE_PACKETS) > 0 || legs.side(leg, 1, SIDE_PACKETS) > 0
}
