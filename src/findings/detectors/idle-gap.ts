// Connections that did not go on after a long pause, and which well-known timeouts the pause was longer than.

import { Budget } from '../evidence/budget.ts'
import type { FlowForms } from '../evidence/flow-forms.ts'
import {
  GAP_BEFORE,
  GAP_FRAME,
  GAP_LENGTH,
  GAP_OUTLIVED,
  GAP_PACKETS,
  GAP_SIDE,
  GAP_TIME,
  LEG_EXPLAINED,
  LEG_FIN,
  LEG_FIN_BACK,
  LEG_RST,
  REUSE,
  SIDE_FRAME,
  SIDE_PACKETS,
} from '../evidence/leg-layout.ts'
import type { Legs } from '../evidence/legs.ts'
import type { Observation } from '../evidence/observation.ts'
import { ENDED_LAST } from '../evidence/responders.ts'
import type { Collector } from '../facts/collector.ts'
import { type Confidence, phrase, type Step, step, type Values } from '../facts/facts.ts'
import type { Detector } from './detector.ts'

/** The least that a box on the path remembers an idle connection for: milliseconds. */
const LEAST = 240_000
/** Packets into the void, the first among them, that are no accident, and for how long: milliseconds. */
const LEAST_UNANSWERED = 3
const LEAST_WAIT = 1000
/** Other connections of the peers that are looked at, all together. */
const MOST_VISITS = 1 << 22

/** Data comes exactly where the flow had stopped a while ago; the leg does not know of it yet. */
export function notePause(legs: Legs, leg: number, direction: number, seen: Observation): void {
  const length = Math.min((seen.time - legs.time(leg)) / 1e6, 0x7fffffff)
  // one that has not been answered yet may be followed by shorter ones
  const isSequel = legs.rare(leg, GAP_FRAME) !== 0 && direction === legs.rare(leg, GAP_SIDE)
  if (isSequel && length < legs.rare(leg, GAP_LENGTH)) return
  if (legs.rare(leg, REUSE) !== 0) return
  legs.setRare(leg, GAP_FRAME, seen.frame)
  legs.setRare(leg, GAP_SIDE, direction)
  legs.setRare(leg, GAP_LENGTH, length)
  legs.setRare(leg, GAP_BEFORE, legs.side(leg, direction, SIDE_FRAME))
  legs.setRare(leg, GAP_TIME, Math.min((seen.time - legs.start(leg)) / 1e6, 0x7fffffff))
  legs.setRare(leg, GAP_PACKETS, legs.side(leg, direction, SIDE_PACKETS))
}

/** The other side has answered: the connection was still known, after as long a pause. */
export function outlivePause(legs: Legs, leg: number): void {
  const length = legs.rare(leg, GAP_LENGTH)
  if (length > legs.rare(leg, GAP_OUTLIVED)) legs.setRare(leg, GAP_OUTLIVED, length)
  forgetPause(legs, leg)
}

/** Whether the connection went on after a pause as long as this one: it was not forgotten for want of packets. */
export function hasOutlived(legs: Legs, leg: number): boolean {
  return legs.rare(leg, GAP_LENGTH) <= legs.rare(leg, GAP_OUTLIVED)
}

/** There is no pause to tell of any more. */
export function forgetPause(legs: Legs, leg: number): void {
  legs.setRare(leg, GAP_FRAME, 0)
  legs.setRare(leg, GAP_LENGTH, 0)
}

export class IdleGaps implements Detector {
  readonly ids = ['idle-gap'] as const
  private readonly legs: Legs
  private readonly collector: Collector
  private readonly forms: FlowForms
  readonly budget = new Budget('other connections of a peer that went silent', MOST_VISITS)

  constructor(legs: Legs, collector: Collector, forms: FlowForms) {
    this.legs = legs
    this.collector = collector
    this.forms = forms
  }

  /** The first RST of a flow. */
  reset(leg: number, direction: number, seen: Observation): void {
    const { legs } = this
    if (legs.has(leg, LEG_RST) || !this.hasLongGap(leg) || direction === legs.rare(leg, GAP_SIDE)) return
    const usual = legs.ttl(leg, direction)
    const isStranger = usual !== 0 && usual !== seen.ttl
    const reset = step('reset', [{ capture: seen.capture, frame: seen.frame }])
    if (isStranger) this.add(leg, 'likely', 'strange-reset', { ttl: seen.ttl, usual }, reset)
    else this.add(leg, 'possible', 'reset', {}, reset)
  }

  /** Looks at a flow whose last data after a pause may never have been answered; `now`: the last packet's time. */
  ended(leg: number, now: number): void {
    const { legs } = this
    if (!this.hasLongGap(leg) || legs.has(leg, LEG_RST)) return
    const side = legs.rare(leg, GAP_SIDE)
    const packets = legs.side(leg, side, SIDE_PACKETS) - legs.rare(leg, GAP_PACKETS)
    const waited = (legs.time(leg) - legs.start(leg)) / 1e6 - legs.rare(leg, GAP_TIME)
    if (packets < LEAST_UNANSWERED || waited < LEAST_WAIT) return
    const isAlive = this.answersOthers(leg, now)
    const frames = [{ capture: legs.capture(leg), frame: legs.side(leg, side, SIDE_FRAME) }]
    const last = step('last', frames, { packets })
    this.add(leg, isAlive ? 'likely' : 'possible', isAlive ? 'silent-here' : 'silent', { packets }, last)
  }

  /** A flow that was not being closed, nor is told of by another finding. */
  private hasLongGap(leg: number): boolean {
    const { legs } = this
    if (legs.rare(leg, GAP_FRAME) === 0 || legs.rare(leg, GAP_LENGTH) < LEAST) return false
    // of an asymmetric path half is never seen
    if (legs.side(leg, 1 - legs.rare(leg, GAP_SIDE), SIDE_PACKETS) === 0) return false
    return !legs.has(leg, LEG_EXPLAINED | LEG_FIN | LEG_FIN_BACK)
  }

  /** Whether the peer was heard in another flow of the same two hosts' service since the pause ended. */
  private answersOthers(leg: number, now: number): boolean {
    const { legs } = this
    const since = Math.min(legs.time(leg), now)
    const responder = legs.responder(leg)
    if (legs.responders.time(responder, ENDED_LAST) >= since) return true
    for (let other = legs.newestOf(responder); other >= 0; other = legs.older(other)) {
      if (!this.budget.allows(1)) return false
      if (other !== leg && legs.time(other) >= since && hasAnsweredToTheEnd(legs, other)) return true
    }
    return false
  }

  private add(leg: number, confidence: Confidence, code: string, values: Values, last: Step): void {
    const { legs } = this
    const capture = legs.capture(leg)
    const pause = legs.rare(leg, GAP_LENGTH)
    const { client, flow } = this.forms.of(leg)
    this.collector.add({
      id: 'idle-gap',
      severity: 'error',
      confidence,
      reason: phrase(code, { ...values, pause }),
      client,
      flow,
      point: legs.point(leg),
      time: legs.time(leg),
      steps: [
        step('before-pause', [{ capture, frame: legs.rare(leg, GAP_BEFORE) }]),
        step('after-pause', [{ capture, frame: legs.rare(leg, GAP_FRAME) }], { pause }),
        last,
      ],
    })
  }
}

/** Whether the responder was heard, and did not leave data after a pause unanswered. */
export function hasAnsweredToTheEnd(legs: Legs, leg: number): boolean {
  return legs.side(leg, 1, SIDE_PACKETS) > 0 && legs.rare(leg, GAP_FRAME) === 0
}
