// TCP connections of which one direction is seen, and goes on: the other takes another way.

import { after } from '../net/sequence.ts'
import type { Cases } from './cases.ts'
import {
  FIRST_ACK,
  LEG_ACKNOWLEDGED,
  LEG_EXPLAINED,
  LEG_SYN,
  LEG_SYN_ACK,
  SIDE_ACK,
  SIDE_FRAME,
  SIDE_PACKETS,
  SYN_ACK_ACKNOWLEDGMENT,
  SYN_ACK_FRAME,
  SYN_FRAME,
  SYN_SEQUENCE,
} from './evidence/leg-layout.ts'
import type { Legs } from './evidence/legs.ts'
import type { RemarkId } from './flow-catalogue.ts'
import type { FlowForms } from './flow-forms.ts'

const LEAST_PACKETS = 2
const MOST_SIBLINGS = 64

export class OneWayFlows {
  private readonly legs: Legs
  private readonly notes: Cases<RemarkId>
  private readonly forms: FlowForms

  constructor(legs: Legs, notes: Cases<RemarkId>, forms: FlowForms) {
    this.legs = legs
    this.notes = notes
    this.forms = forms
  }

  /** Looks at a flow once the last packet is in. */
  conclude(leg: number): void {
    const { legs } = this
    const half = this.halfOf(leg)
    if (half < 0 || legs.has(leg, LEG_EXPLAINED) || this.hasOtherHalf(leg, half)) return
    const { client, flow } = this.forms.of(leg)
    const capture = legs.capture(leg)
    const first = legs.get(leg, half === 0 ? SYN_FRAME : SYN_ACK_FRAME)
    const last = legs.side(leg, half, SIDE_FRAME)
    const frames = [first, last].filter(frame => frame !== 0).map(frame => ({ capture, frame }))
    this.notes.add({
      id: 'one-way-flow',
      confidence: 'certain',
      reason: `its acknowledgments answer packets that never passed here: the ${half === 0 ? 'answers' : 'requests'} are missing`,
      client,
      flow: `${flow}, ${half === 0 ? 'answers' : 'requests'} missing`,
      point: legs.point(leg),
      steps: [
        {
          what: `packets of ${half === 0 ? 'the client' : 'the server'} alone, acknowledging what is not here`,
          frames,
        },
      ],
    })
  }

  /** The side that alone is seen and hears from the other, or -1. */
  private halfOf(leg: number): number {
    const { legs } = this
    const forth = legs.side(leg, 0, SIDE_PACKETS)
    const back = legs.side(leg, 1, SIDE_PACKETS)
    if (back === 0 && forth >= LEAST_PACKETS && !legs.has(leg, LEG_SYN_ACK)) {
      // a SYN acknowledges nothing, so whatever comes after it shows an answer
      if (legs.has(leg, LEG_SYN)) return legs.has(leg, LEG_ACKNOWLEDGED) ? 0 : -1
      return after(legs.side(leg, 0, SIDE_ACK), legs.get(leg, FIRST_ACK)) ? 0 : -1
    }
    if (forth > 0 || back < LEAST_PACKETS || legs.has(leg, LEG_SYN)) return -1
    const first = legs.get(leg, SYN_ACK_ACKNOWLEDGMENT)
    return after(legs.side(leg, 1, SIDE_ACK), first) ? 1 : -1
  }

  /** Whether the other direction was seen with other addresses, or at another point. */
  private hasOtherHalf(leg: number, half: number): boolean {
    const { legs } = this
    let other = legs.nextSibling(-1, leg)
    for (let i = 0; i < MOST_SIBLINGS && other >= 0; i++, other = legs.nextSibling(other, leg)) {
      if (legs.side(other, 1 - half, SIDE_PACKETS) > 0 || legs.has(other, otherBit(half))) return true
    }
    const number = this.openingOf(leg)
    const isOther = (other: number): boolean =>
      other !== leg && legs.has(other, otherBit(half)) && this.openingOf(other) === number
    const entry = legs.entry(leg)
    if (entry >= 0) {
      for (other = legs.firstOf(entry); other >= 0; other = legs.next(other)) if (isOther(other)) return true
    }
    return false
  }

  /** The client's first sequence number, from its SYN or from what the SYN-ACK acknowledges. */
  private openingOf(leg: number): number {
    const { legs } = this
    if (legs.has(leg, LEG_SYN)) return legs.get(leg, SYN_SEQUENCE)
    return (legs.get(leg, SYN_ACK_ACKNOWLEDGMENT) - 1) | 0
  }
}

const otherBit = (half: number): number => (half === 0 ? LEG_SYN_ACK : LEG_SYN)
