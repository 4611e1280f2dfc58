// A source port that is used again while its last connection is still remembered: by the table, or by the peer.

import { TCP_ACK } from '../../net/numbers.ts'
import { after } from '../../net/sequence.ts'
import type { FlowForms } from '../evidence/flow-forms.ts'
import {
  LEG_FIN,
  LEG_FIN_BACK,
  LEG_RST,
  LEG_SYN,
  LEG_SYN_ACK,
  REUSE,
  REUSE_ANSWER,
  REUSE_BEFORE,
  REUSE_CHALLENGES,
  REUSE_FAILED_FOR,
  REUSE_FAILURES,
  REUSE_PAUSE,
  REUSE_REFUSALS,
  SIDE_END,
  SIDE_FRAME,
  SIDE_PACKETS,
  SYN_FRAME,
  SYN_SEQUENCE,
} from '../evidence/leg-layout.ts'
import type { Legs } from '../evidence/legs.ts'
import type { Observation } from '../evidence/observation.ts'
import { ACCEPTED_START } from '../evidence/responders.ts'
import type { Collector } from '../facts/collector.ts'
import {
  type Confidence,
  type FrameReference,
  phrase,
  type Severity,
  type Step,
  step,
  type Values,
} from '../facts/facts.ts'
import type { Detector } from './detector.ts'

// how the last connection had ended, in bits 0 to 2 of REUSE
const OPEN = 1
const HALF_CLOSED = 2
const CLOSED = 3
const WAS_RESET = 4
const ENDS = ['', 'open', 'half-closed', 'closed', 'reset']
/** How long the kernel keeps such an entry, by default. */
const KEPT = [0, Number.POSITIVE_INFINITY, 120e9, 120e9, 10e9]
const END_BITS = 7
/** How long it keeps one of which the FIN of one side is acknowledged, in milliseconds. */
const CLOSE_WAIT = 60_000
/** The SYN's number is below the last of the old connection: its peer cannot tell it from an old duplicate. */
const IS_BELOW = 8
// what came in answer, to any try
const CHALLENGED = 16
const REFUSED = 32
/** The RST goes on with the numbers of the last connection: what is left of that refuses. */
const REFUSED_BY_LAST = 64
const ANSWERS = CHALLENGED | REFUSED | REFUSED_BY_LAST
/** The same bits of the try under way stand so much higher. */
const UNDER_WAY = 3

/** How long an answer may still come. */
const GRACE = 1.5e9

export class PortReuse implements Detector {
  readonly ids = ['port-reuse'] as const
  private readonly legs: Legs
  private readonly collector: Collector
  private readonly forms: FlowForms

  constructor(legs: Legs, collector: Collector, forms: FlowForms) {
    this.legs = legs
    this.collector = collector
    this.forms = forms
  }

  /** A SYN with another number than the leg's connection had, which the leg still tells of. */
  reopened(leg: number, seen: Observation): void {
    const { legs } = this
    // what was picked up in the middle was accepted once
    const wasAccepted = legs.has(leg, LEG_SYN_ACK) || (!legs.has(leg, LEG_SYN) && hasAnswered(legs, leg))
    if (!wasAccepted) {
      this.triedAgain(leg, seen)
      return
    }
    const end = this.endOf(leg)
    const pause = seen.time - legs.time(leg)
    if (pause >= KEPT[end]) {
      legs.setRare(leg, REUSE, 0)
      return
    }
    const isBelow = !after(seen.sequence, legs.side(leg, 0, SIDE_END))
    legs.setRare(leg, REUSE, end | (isBelow ? IS_BELOW : 0))
    const before = Math.max(legs.side(leg, 0, SIDE_FRAME), legs.side(leg, 1, SIDE_FRAME))
    legs.setRare(leg, REUSE_BEFORE, before)
    legs.setRare(leg, REUSE_PAUSE, Math.min(pause / 1e6, 0x7fffffff))
    legs.setRare(leg, REUSE_ANSWER, 0)
    legs.setRare(leg, REUSE_FAILURES, 0)
    legs.setRare(leg, REUSE_FAILED_FOR, 0)
    legs.setRare(leg, REUSE_CHALLENGES, 0)
    legs.setRare(leg, REUSE_REFUSALS, 0)
  }

  /** Another SYN of the port, with a number of its own: the try before was given up. */
  private triedAgain(leg: number, seen: Observation): void {
    const { legs } = this
    const reuse = legs.rare(leg, REUSE)
    if ((reuse & ANSWERS) === 0) return
    const answers = reuse >> UNDER_WAY
    if ((answers & CHALLENGED) !== 0)
      legs.setRare(leg, REUSE_CHALLENGES, legs.rare(leg, REUSE_CHALLENGES) + 1)
    else if ((answers & REFUSED_BY_LAST) !== 0)
      legs.setRare(leg, REUSE_REFUSALS, legs.rare(leg, REUSE_REFUSALS) + 1)
    legs.setRare(leg, REUSE, reuse & ~(ANSWERS << UNDER_WAY))
    legs.setRare(leg, REUSE_FAILURES, legs.rare(leg, REUSE_FAILURES) + 1)
    legs.setRare(leg, REUSE_ANSWER, 0)
    const milliseconds = legs.rare(leg, REUSE_FAILED_FOR) + (seen.time - legs.start(leg)) / 1e6
    legs.setRare(leg, REUSE_FAILED_FOR, Math.min(milliseconds, 0x7fffffff))
  }

  opening(leg: number, seen: Observation, isFirst: boolean): void {
    const { legs } = this
    if (!isFirst || (seen.flags & TCP_ACK) === 0) return
    // with a window of 0 SYNPROXY answers, whatever becomes of the server
    if (legs.rare(leg, REUSE) === 0 || seen.window === 0) return
    const failures = legs.rare(leg, REUSE_FAILURES)
    const challenges = legs.rare(leg, REUSE_CHALLENGES)
    // tries that were answered alike, the others being refused as by anybody, or not answered
    const alike = challenges > 0 ? challenges : legs.rare(leg, REUSE_REFUSALS)
    const code = challenges > 0 ? 'failed' : 'failed-refused'
    const values = { failures, alike, failedFor: legs.rare(leg, REUSE_FAILED_FOR) }
    const accepted = step('syn-ack', [{ capture: seen.capture, frame: seen.frame }])
    if (alike > 0) this.add(leg, 'error', 'certain', code, [accepted], values, failures)
    else if (this.wasInTable(leg)) this.add(leg, 'info', 'certain', 'worked', [accepted])
    legs.setRare(leg, REUSE, 0)
  }

  /** An ACK is all the answer: the server takes the SYN for one of the last connection. */
  challenged(leg: number, seen: Observation): void {
    const { legs } = this
    if (legs.rare(leg, REUSE) === 0) return
    const acknowledged = seen.acknowledgment
    // what acknowledges the new SYN belongs to the new connection: its SYN-ACK was not captured
    const isAfterSyn = after(acknowledged, legs.get(leg, SYN_SEQUENCE))
    // the last connection ended behind it only if the SYN has a number below that end
    const isBelow = (legs.rare(leg, REUSE) & IS_BELOW) !== 0
    const isNew = isAfterSyn && (!isBelow || !after(acknowledged, legs.side(leg, 0, SIDE_END)))
    if (isNew) legs.setRare(leg, REUSE, 0)
    else this.note(leg, CHALLENGED, seen)
  }

  reset(leg: number, direction: number, seen: Observation): void {
    const { legs } = this
    if (direction !== 1 || legs.rare(leg, REUSE) === 0 || legs.has(leg, LEG_SYN_ACK)) return
    // without a socket it has no number of its own: 0 (RFC 9293, 3.10.7.1)
    const isOfLast = seen.sequence !== 0 && seen.sequence === legs.side(leg, 1, SIDE_END)
    this.note(leg, isOfLast ? REFUSED | REFUSED_BY_LAST : REFUSED, seen)
  }

  /** Looks at a flow whose SYN has never been answered by a SYN-ACK; `now` is the time of the last packet. */
  ended(leg: number, now: number): void {
    const { legs } = this
    const reuse = legs.rare(leg, REUSE)
    if (reuse === 0 || legs.has(leg, LEG_SYN_ACK)) return
    // after a RST no other answer comes
    if ((reuse & REFUSED_BY_LAST) === 0 && legs.start(leg) > now - GRACE) return
    const found = this.assess(leg, reuse)
    if (found === null) return
    const tries = legs.rare(leg, REUSE_FAILURES) + 1
    this.add(leg, 'error', found.confidence, found.code, this.answerSteps(leg, reuse), {}, tries)
  }

  private assess(leg: number, reuse: number): { confidence: Confidence; code: string } | null {
    if ((reuse & CHALLENGED) !== 0) return { confidence: 'certain', code: 'challenged' }
    if ((reuse & REFUSED_BY_LAST) !== 0) return { confidence: 'certain', code: 'refused-by-last' }
    const isSilent = (reuse & REFUSED) === 0
    if (isSilent && this.legs.openings(leg, 0) < 2) return null
    // a server that is gone refuses or ignores everybody
    if (!this.servesOthers(leg)) return null
    return { confidence: 'likely', code: isSilent ? 'silent' : 'refused' }
  }

  /** Whether the server accepted a connection that began later. */
  private servesOthers(leg: number): boolean {
    const { legs } = this
    return legs.responders.time(legs.responder(leg), ACCEPTED_START) >= legs.start(leg)
  }

  /** Whether the kernel still had the last connection when the SYN came, by its default timeouts. */
  private wasInTable(leg: number): boolean {
    const { legs } = this
    const isHalfClosed = (legs.rare(leg, REUSE) & END_BITS) === HALF_CLOSED
    return !isHalfClosed || legs.rare(leg, REUSE_PAUSE) < CLOSE_WAIT
  }

  private endOf(leg: number): number {
    const { legs } = this
    if (legs.has(leg, LEG_RST)) return WAS_RESET
    const fins = (legs.has(leg, LEG_FIN) ? 1 : 0) + (legs.has(leg, LEG_FIN_BACK) ? 1 : 0)
    return fins === 2 ? CLOSED : fins === 1 ? HALF_CLOSED : OPEN
  }

  private note(leg: number, bits: number, seen: Observation): void {
    const { legs } = this
    const reuse = legs.rare(leg, REUSE)
    if (legs.rare(leg, REUSE_ANSWER) === 0) legs.setRare(leg, REUSE_ANSWER, seen.frame)
    legs.setRare(leg, REUSE, reuse | bits | (bits << UNDER_WAY))
  }

  private add(
    leg: number,
    severity: Severity,
    confidence: Confidence,
    code: string,
    last: Step[],
    values: Values = {},
    tries = 1,
  ): void {
    const { legs } = this
    const { client, flow } = this.forms.of(leg)
    const end = ENDS[legs.rare(leg, REUSE) & END_BITS]
    this.collector.add({
      id: 'port-reuse',
      severity,
      confidence,
      reason: phrase(code, { ...values, end }),
      client,
      flow,
      point: legs.point(leg),
      time: legs.start(leg),
      until: legs.time(leg),
      steps: [...this.steps(leg), ...last],
      tries,
    })
  }

  private steps(leg: number): Step[] {
    const { legs } = this
    const isBelow = (legs.rare(leg, REUSE) & IS_BELOW) !== 0
    return [
      step('before', this.frame(leg, legs.rare(leg, REUSE_BEFORE))),
      step('syn', this.frame(leg, legs.get(leg, SYN_FRAME)), { pause: legs.rare(leg, REUSE_PAUSE), isBelow }),
    ]
  }

  private answerSteps(leg: number, reuse: number): Step[] {
    if (this.legs.rare(leg, REUSE_ANSWER) === 0) return []
    const code = (reuse & CHALLENGED) !== 0 ? 'challenge' : 'reset'
    return [step(code, this.frame(leg, this.legs.rare(leg, REUSE_ANSWER)))]
  }

  private frame(leg: number, frame: number): FrameReference[] {
    return [{ capture: this.legs.capture(leg), frame }]
  }
}

/** Whether both sides of what the leg shows have sent something but SYN and RST. */
function hasAnswered(legs: Legs, leg: number): boolean {
  return legs.side(leg, 0, SIDE_PACKETS) > 0 && legs.side(leg, 1, SIDE_PACKETS) > 0
}
