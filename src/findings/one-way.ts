// TCP connections of which one direction is seen, and goes on: the other takes another way.
import { IPPROTO_TCP } from '../net/numbers.ts'
import { after } from '../net/sequence.ts'
import type { Cases } from './cases.ts'
import type { RemarkId } from './flow-catalogue.ts'
import type { FlowForms } from './flow-forms.ts'
import {
  CAPTURE,
  FIRST_ACK,
  OPENING_ACKNOWLEDGMENT,
  OPENING_FRAME,
  OPENING_SEQUENCE,
  SIDE_ACK,
  SIDE_FRAME,
  SIDE_PACKETS,
  SYN,
  SYN_ACK,
  TRAIL_EXPLAINED,
  TRAIL_SYN,
  TRAIL_SYN_ACK,
  type Trails,
} from './trails.ts'

const LEAST_PACKETS = 2
/** Searches for the other half among all flows. */
const MOST_SEARCHES = 256
const MOST_SIBLINGS = 64

export class OneWayFlows {
  private readonly trails: Trails
  private readonly notes: Cases<RemarkId>
  private readonly forms: FlowForms
  private searches = 0

  constructor(trails: Trails, notes: Cases<RemarkId>, forms: FlowForms) {
    this.trails = trails
    this.notes = notes
    this.forms = forms
  }

  /** Looks at a flow once the last packet is in. */
  conclude(trail: number): void {
    const { trails } = this
    const half = this.halfOf(trail)
    if (half < 0 || trails.has(trail, TRAIL_EXPLAINED) || this.hasOtherHalf(trail, half)) return
    const { client, flow } = this.forms.of(trail)
    const capture = trails.get(trail, CAPTURE)
    const first = trails.get(trail, (half === 0 ? SYN : SYN_ACK) + OPENING_FRAME)
    const last = trails.side(trail, half, SIDE_FRAME)
    const frames = [first, last].filter(frame => frame !== 0).map(frame => ({ capture, frame }))
    this.notes.add({
      id: 'one-way-flow',
      confidence: 'certain',
      reason: `its acknowledgments answer packets that never passed here: the ${half === 0 ? 'answers' : 'requests'} are missing`,
      client,
      flow: `${flow}, ${half === 0 ? 'answers' : 'requests'} missing`,
      point: trails.point(trail),
      steps: [
        {
          what: `packets of ${half === 0 ? 'the client' : 'the server'} alone, acknowledging what is not here`,
          frames,
        },
      ],
    })
  }

  /** The side that alone is seen and hears from the other, or -1. */
  private halfOf(trail: number): number {
    const { trails } = this
    const forth = trails.side(trail, 0, SIDE_PACKETS)
    const back = trails.side(trail, 1, SIDE_PACKETS)
    if (back === 0 && forth >= LEAST_PACKETS && !trails.has(trail, TRAIL_SYN_ACK)) {
      // a SYN acknowledges nothing, so whatever comes after it shows an answer
      if (trails.has(trail, TRAIL_SYN)) return trails.side(trail, 0, SIDE_ACK) === 0 ? -1 : 0
      return after(trails.side(trail, 0, SIDE_ACK), trails.get(trail, FIRST_ACK)) ? 0 : -1
    }
    if (forth > 0 || back < LEAST_PACKETS || trails.has(trail, TRAIL_SYN)) return -1
    const first = trails.get(trail, SYN_ACK + OPENING_ACKNOWLEDGMENT)
    return after(trails.side(trail, 1, SIDE_ACK), first) ? 1 : -1
  }

  /** Whether the other direction was seen with other addresses, or at another point. */
  private hasOtherHalf(trail: number, half: number): boolean {
    const { trails } = this
    let other = trails.nextSibling(-1, trail)
    for (let i = 0; i < MOST_SIBLINGS && other >= 0; i++, other = trails.nextSibling(other, trail)) {
      if (trails.side(other, 1 - half, SIDE_PACKETS) > 0 || trails.has(other, otherBit(half))) return true
    }
    if (this.searches === MOST_SEARCHES) return true
    this.searches++
    const number = this.openingOf(trail)
    for (other = 0; other < trails.count; other++) {
      if (other === trail || trails.protocol(other) !== IPPROTO_TCP) continue
      if (trails.has(other, otherBit(half)) && this.openingOf(other) === number) return true
    }
    return false
  }

  /** The client's first sequence number, from its SYN or from what the SYN-ACK acknowledges. */
  private openingOf(trail: number): number {
    const { trails } = this
    if (trails.has(trail, TRAIL_SYN)) return trails.get(trail, SYN + OPENING_SEQUENCE)
    return (trails.get(trail, SYN_ACK + OPENING_ACKNOWLEDGMENT) - 1) | 0
  }
}

const otherBit = (half: number): number => (half === 0 ? TRAIL_SYN_ACK : TRAIL_SYN)
