// tcp-timestamps-nat: of the hosts behind one address a server answers those with the newest clocks alone (PAWS per host).

import { TCP_ACK } from '../../net/numbers.ts'
import { before } from '../../net/sequence.ts'
import { valueWithin } from '../evidence/bounded-map.ts'
import { Budget } from '../evidence/budget.ts'
import type { FlowForms } from '../evidence/flow-forms.ts'
import {
  CLOCK,
  CLOCK_FRAME,
  LEG_FIN,
  LEG_FIN_BACK,
  LEG_RST,
  LEG_SYN,
  LEG_SYN_ACK,
  SOURCE,
  SYN_FRAME,
  SYN_PACKET,
  SYN_TIMESTAMP,
} from '../evidence/leg-layout.ts'
import type { Legs } from '../evidence/legs.ts'
import type { Observation } from '../evidence/observation.ts'
import { openingFrame } from '../evidence/openings.ts'
import { ACCEPTED_START } from '../evidence/responders.ts'
import { type Case, type Collector, keyOf } from '../facts/collector.ts'
import { phrase, step } from '../facts/facts.ts'
import type { Detector } from './detector.ts'

/** How long the clock of an address is remembered, and how far behind it one may be (kernel: TCP_PAWS_MSL, TCP_PAWS_WINDOW). */
const REMEMBERED = 60e9
const SLACK = 1
/** Connections of one server that are looked at for one SYN, those of its address among them, and for all SYNs together. */
const MOST_VISITED = 1024
const MOST_ANSWERED = 64
const MOST_VISITS = 1 << 22
const MOST_GROUPS = 256
const MOST_CASES = 256
/** Connections without an answer that tell anything, and that are no chance. */
const LEAST = 2
const SURE = 3

// how the clock of a SYN without an answer compares with those of its address that were answered in the last minute
const OLDER = 1
const NEWER = 2
/** Others of the address were answered though their clocks were older: nothing is compared here. */
const DISORDERED = 3

/** SYNs without an answer of one address to one server. */
interface Group {
  cases: Case[]
  /** When the first of them came. */
  first: number
  /** Whether one had a clock as new as those that were answered, or nothing is compared here. */
  isContradicted: boolean
  /** When the server accepted a connection last, as far as that is known now. */
  accepted: number
}

/**
 * Look-alikes, none of which is this:
 * - a server that is gone, or busy: it accepts nobody else meanwhile, or ignores SYNs whatever their clocks are;
 * - clocks that differ from connection to connection (Linux since 4.10, Windows): older ones are answered, too;
 * - a port that is used again: a clock is remembered for an address, whatever the port;
 * - an address that was silent for a minute: its clock is forgotten.
 */
export class OlderClocks implements Detector {
  readonly ids = ['tcp-timestamps-nat'] as const
  readonly budget = new Budget('connections of an address whose SYNs go unanswered', MOST_VISITS)
  private readonly legs: Legs
  private readonly collector: Collector
  private readonly forms: FlowForms
  private readonly groups = new Map<string, Group>()

  constructor(legs: Legs, collector: Collector, forms: FlowForms) {
    this.legs = legs
    this.collector = collector
    this.forms = forms
  }

  /** A SYN is repeated, unanswered so far: what were the clocks of those that its address got answers for? */
  opening(leg: number, seen: Observation, isFirst: boolean): void {
    const { legs } = this
    if (isFirst || (seen.flags & TCP_ACK) !== 0 || legs.has(leg, LEG_SYN_ACK)) return
    if (legs.get(leg, SYN_TIMESTAMP) === 0 || legs.get(leg, SYN_PACKET) === seen.number) return
    const answered = this.answeredOf(leg)
    if (answered.length === 0) return
    const newest = this.newestBefore(leg, answered)
    if (newest < 0 || legs.rare(leg, CLOCK) === DISORDERED) return
    const isOlder = this.isOlder(leg, newest)
    legs.setRare(leg, CLOCK, this.isDisordered(answered) ? DISORDERED : isOlder ? OLDER : NEWER)
    legs.setRare(leg, CLOCK_FRAME, legs.get(newest, SYN_FRAME))
  }

  ended(leg: number): void {
    const { legs } = this
    const clock = legs.rare(leg, CLOCK)
    if (clock === 0 || legs.has(leg, LEG_SYN_ACK | LEG_RST)) return
    const group = this.groupOf(leg)
    if (group === null) return
    group.isContradicted ||= clock !== OLDER
    group.first = Math.min(group.first, legs.start(leg))
    group.accepted = Math.max(group.accepted, legs.responders.time(legs.responder(leg), ACCEPTED_START) || 0)
    if (group.cases.length < MOST_CASES) group.cases.push(this.caseOf(leg))
  }

  conclude(): void {
    for (const { cases, first, isContradicted, accepted } of this.groups.values()) {
      // who accepts nobody may be gone
      if (cases.length < LEAST || isContradicted || accepted <= first) continue
      const confidence = cases.length < SURE ? 'possible' : 'likely'
      for (const found of cases) this.collector.add({ ...found, confidence })
    }
  }

  /** Connections of the same address with the same server that were answered, the latest first. */
  private answeredOf(leg: number): number[] {
    const { legs, budget } = this
    const answered: number[] = []
    let other = legs.newestOf(legs.responder(leg))
    for (let visits = 0; other >= 0 && visits < MOST_VISITED; other = legs.older(other), visits++) {
      if (!budget.allows(1)) return []
      if (!legs.has(other, LEG_SYN) || !legs.has(other, LEG_SYN_ACK)) continue
      if (legs.get(other, SYN_TIMESTAMP) === 0 || !legs.sameInitiatorAddress(leg, other)) continue
      if (answered.push(other) === MOST_ANSWERED) break
    }
    return answered
  }

  /** Of those heard of in the minute before a SYN the one with the newest clock, or -1. */
  private newestBefore(leg: number, answered: readonly number[]): number {
    const { legs } = this
    let newest = -1
    for (const other of answered) {
      if (legs.start(other) > legs.start(leg) || legs.start(leg) - legs.time(other) > REMEMBERED) continue
      if (newest < 0 || this.isOlder(newest, other)) newest = other
    }
    return newest
  }

  /** Whether one was answered though another with a newer clock had been closed less than a minute before. */
  private isDisordered(answered: readonly number[]): boolean {
    const { legs } = this
    return answered.some(one =>
      answered.some(
        other =>
          legs.has(other, LEG_FIN | LEG_FIN_BACK) &&
          legs.time(other) < legs.start(one) &&
          legs.start(one) - legs.time(other) < REMEMBERED &&
          this.isOlder(one, other),
      ),
    )
  }

  /** Whether the clock of one is behind that of another. */
  private isOlder(one: number, other: number): boolean {
    const { legs } = this
    return before((legs.get(one, SYN_TIMESTAMP) + SLACK) | 0, legs.get(other, SYN_TIMESTAMP))
  }

  private groupOf(leg: number): Group | null {
    const { legs } = this
    const key = `${legs.get(leg, SOURCE)} ${keyOf(legs.responderEnd(leg))} ${legs.point(leg)}`
    return valueWithin(this.groups, key, MOST_GROUPS, () => ({
      cases: [],
      first: Number.POSITIVE_INFINITY,
      isContradicted: false,
      accepted: Number.NEGATIVE_INFINITY,
    }))
  }

  private caseOf(leg: number): Case {
    const { legs } = this
    const syns = legs.openings(leg, 0)
    return {
      id: 'tcp-timestamps-nat',
      severity: 'error',
      confidence: 'possible',
      reason: phrase('older'),
      ...this.forms.of(leg),
      point: legs.point(leg),
      time: legs.start(leg),
      steps: [
        step('answered', [{ capture: legs.capture(leg), frame: legs.rare(leg, CLOCK_FRAME) }]),
        step('unanswered', [openingFrame(legs, leg)], { syns }),
      ],
    }
  }
}
