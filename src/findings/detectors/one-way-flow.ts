// TCP connections of which one direction is seen, and goes on: the other takes another way.

import { IPPROTO_TCP } from '../../net/numbers.ts'
import { after } from '../../net/sequence.ts'
import { Budget } from '../evidence/budget.ts'
import { type FlowForms, SAME_OPENING } from '../evidence/flow-forms.ts'
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
} from '../evidence/leg-layout.ts'
import type { Legs } from '../evidence/legs.ts'
import type { Case, Collector } from '../facts/collector.ts'
import { phrase, step } from '../facts/facts.ts'
import type { Detector } from './detector.ts'

const LEAST_PACKETS = 2
/** Halves that wait for the end, where all that may be their other half is known: 0.5 kB each. */
const MOST_WAITING = 1 << 15

type Starts = Map<number, number[]>

/** A half without another so far. */
interface Half {
  /** 0 requests, 1 answers. */
  half: number
  /** The client's first sequence number, or null where no opening was seen; and when the half began. */
  opening: number | null
  start: number
  found: Case
}

export class OneWayFlows implements Detector {
  readonly ids = ['one-way-flow'] as const
  private readonly legs: Legs
  private readonly collector: Collector
  private readonly forms: FlowForms
  private readonly waiting: Half[] = []
  readonly budget = new Budget(
    'halves of connections whose other half may have other addresses',
    MOST_WAITING,
  )

  constructor(legs: Legs, collector: Collector, forms: FlowForms) {
    this.legs = legs
    this.collector = collector
    this.forms = forms
  }

  ended(leg: number): void {
    const { legs } = this
    if (legs.protocol(leg) !== IPPROTO_TCP) return
    const half = this.halfOf(leg)
    if (half < 0 || legs.has(leg, LEG_EXPLAINED) || this.hasOtherHalf(leg, half)) return
    const { client, flow } = this.forms.of(leg)
    const capture = legs.capture(leg)
    const first = legs.get(leg, half === 0 ? SYN_FRAME : SYN_ACK_FRAME)
    const last = legs.side(leg, half, SIDE_FRAME)
    const frames = [first, last].filter(frame => frame !== 0).map(frame => ({ capture, frame }))
    const missing = half === 0 ? 'answers' : 'requests'
    const found: Case = {
      id: 'one-way-flow',
      severity: 'info',
      confidence: 'certain',
      reason: phrase('missing', { missing }),
      client,
      flow: { ...flow, missing },
      point: legs.point(leg),
      time: legs.start(leg),
      until: legs.time(leg),
      steps: [step(half === 0 ? 'client' : 'server', frames)],
    }
    if (this.budget.allows(1))
      this.waiting.push({ half, opening: this.openingOf(leg), start: legs.start(leg), found })
    else this.collector.add(found)
  }

  /** Tells of the halves whose other half was seen nowhere, under whatever addresses; every half is known. */
  conclude(): void {
    if (this.waiting.length === 0) return
    const openings = this.openings()
    for (const { half, opening, start, found } of this.waiting) {
      const others = opening === null ? [] : (openings[1 - half].get(opening) ?? [])
      if (!others.some(other => Math.abs(other - start) <= SAME_OPENING)) this.collector.add(found)
    }
  }

  /** When connections began, by their clients' first sequence numbers: whose requests were seen, and whose answers were. */
  private openings(): [Starts, Starts] {
    const { legs } = this
    const openings: [Starts, Starts] = [new Map(), new Map()]
    for (let leg = 0; leg < legs.top; leg++) {
      if (!legs.isUsed(leg) || legs.protocol(leg) !== IPPROTO_TCP) continue
      const opening = this.openingOf(leg)
      if (opening === null) continue
      if (legs.has(leg, LEG_SYN)) note(openings[0], opening, legs.start(leg))
      if (legs.has(leg, LEG_SYN_ACK)) note(openings[1], opening, legs.start(leg))
    }
    for (const { half, opening, start } of this.waiting) {
      if (opening !== null) note(openings[half], opening, start)
    }
    return openings
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
    for (const other of legs.siblings(leg)) {
      if (legs.side(other, 1 - half, SIDE_PACKETS) > 0 || legs.has(other, otherBit(half))) return true
    }
    return false
  }

  /** The client's first sequence number, from its SYN or from what the SYN-ACK acknowledges; null without either. */
  private openingOf(leg: number): number | null {
    const { legs } = this
    if (legs.has(leg, LEG_SYN)) return legs.get(leg, SYN_SEQUENCE)
    return legs.has(leg, LEG_SYN_ACK) ? (legs.get(leg, SYN_ACK_ACKNOWLEDGMENT) - 1) | 0 : null
  }
}

/** Numbers meet by chance: of one only the first few are told apart. */
const MOST_ALIKE = 64

function note(starts: Starts, opening: number, start: number): void {
  const known = starts.get(opening)
  if (known === undefined) starts.set(opening, [start])
  else if (known.length < MOST_ALIKE) known.push(start)
}

const otherBit = (half: number): number => (half === 0 ? LEG_SYN_ACK : LEG_SYN)
