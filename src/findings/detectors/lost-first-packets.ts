// First packets that enter the host and never leave it: two that raced for one port, or all from one moment on.

import { IPPROTO_TCP, IPPROTO_UDP } from '../../net/numbers.ts'
import { MOST_POINTS, pointOfSide } from '../../vantage/record/points.ts'
import type { Sightings } from '../../vantage/record/sighting.ts'
import { flowOfLegs } from '../evidence/flow-forms.ts'
import {
  LEG_FORWARDED,
  LEG_LOST,
  LEG_OPEN,
  LEG_SYN_ACK,
  SIDE_FRAME,
  SIDE_PACKETS,
  SYN_FRAME,
} from '../evidence/leg-layout.ts'
import type { Legs } from '../evidence/legs.ts'
import type { Observation } from '../evidence/observation.ts'
import { FORWARDED } from '../evidence/responders.ts'
import type { Case, Collector } from '../facts/collector.ts'
import { type FrameReference, phrase, type Step, step } from '../facts/facts.ts'

/** First packets that are remembered, for one that raced them; a power of two. */
const RECENT = 64
/** Two packets that meet in NAT are that close. */
const RACE_TIME = 1e6
/** New flows lost in a row that are no accident, and how many of them are named. */
const LEAST_LOST = 10
const MOST_NAMED = 256
/** Earlier connections of a server that are looked at. */
const MOST_EARLIER = 256

/** New flows that were lost one after another. */
class Streak {
  count = 0
  /** When the first of them began, and the capture that shows the last. */
  start = 0
  capture = -1
  /** Whether a client of them had reached the server it asks for before. */
  hasKnownClient = false
  /** Packets of open flows that were forwarded meanwhile. */
  passing = 0
  /** Whether nothing was seen where packets leave since it began. */
  isCutShort = false
  /** Legs of the flows, and those that ended meanwhile, lost for good. */
  readonly lost: number[] = []
  readonly gone: LostFlow[] = []
}

type LostFlow = Pick<Case, 'client' | 'flow' | 'point' | 'time' | 'until' | 'steps' | 'tries'>

/**
 * Look-alikes, none of which is this:
 * - of a full table: a rule or a route that forbids a server (nothing went there before);
 * - of a full table: rp_filter (nothing went there by that interface);
 * - of a full table: a filter of sources or of martians (no client of the streak was through before);
 * - of a race: two queries of one socket (one sender);
 * - of a race: answers of two servers.
 */
export class Losses {
  private readonly legs: Legs
  private readonly collector: Collector
  private readonly recent = new Int32Array(RECENT).fill(-1)
  private readonly serials = new Int32Array(RECENT)
  private readonly times = new Float64Array(RECENT)
  /** Bits of RECENT_*. */
  private readonly kinds = new Uint8Array(RECENT)
  private next = 0
  /** When each point saw its last packet; where packets leave. */
  private readonly lastTimes = new Float64Array(MOST_POINTS).fill(Number.NEGATIVE_INFINITY)
  private exit = -1
  private exitCapture = -1
  /** Flows that were forwarded, ever. */
  private forwarded = 0
  private current = new Streak()
  /** Those that are long enough to be told. */
  private readonly long: Streak[] = []
  /** Legs of all of them. */
  private named = 0
  private races = 0

  constructor(legs: Legs, collector: Collector) {
    this.legs = legs
    this.collector = collector
  }

  /** A point saw a packet; it and not its time is taken, because a number with a fraction is boxed where no call is inlined. */
  saw(seen: Observation): void {
    this.lastTimes[pointOfSide(seen.point)] = seen.time
  }

  /** A packet left the host there. */
  left(point: number, capture: number): void {
    this.exit = point
    this.exitCapture = capture
  }

  /** A packet of an initiator, whose first sighting is in `leg`, went through the host, or was not seen to. */
  passed(leg: number, sightings: Sightings, isForwarded: boolean, isSourceTranslated: boolean): void {
    const { legs } = this
    if (leg < 0) return
    if (isForwarded) legs.mark(leg, LEG_FORWARDED)
    if (!this.isFirst(leg)) {
      if (isForwarded && this.current.count > 0) this.current.passing++
      return
    }
    const kind = (isForwarded ? 1 : 0) | (isSourceTranslated ? 2 : 0)
    const time = sightings.time(0)
    const hasRaced = this.race(leg, time, kind)
    this.remember(leg, time, kind)
    if (isForwarded) this.endStreak()
    else if (!hasRaced && this.forwarded > 0) this.lose(leg)
    if (!isForwarded) return
    this.forwarded++
    if (legs.responder(leg) >= 0) legs.responders.count(legs.responder(leg), FORWARDED)
  }

  /** Looks once more at what was lost: a packet may have been seen late, or its repetition have passed. */
  conclude(): void {
    this.endStreak()
    const { forwarded } = this
    // the reason that is given is the surest, of equals that of the longest
    for (const streak of this.long.toSorted((a, b) => b.count - a.count)) {
      const lost = [
        ...streak.gone,
        ...streak.lost.filter(leg => this.isLost(leg)).map(leg => this.describe(leg)),
      ]
      if (lost.length < LEAST_LOST) continue
      const isSure = streak.passing > 0
      const { count, isCutShort } = streak
      const reason = phrase('streak', { lost: count, forwarded, isSure, isCutShort })
      for (const flow of lost) {
        this.collector.add({
          id: 'conntrack-table-full',
          severity: 'error',
          confidence: isSure ? 'likely' : 'possible',
          reason,
          ...flow,
        })
      }
    }
  }

  /** A leg goes, whose flow may have been lost. */
  ended(leg: number): void {
    if (!this.legs.has(leg, LEG_LOST)) return
    for (const streak of [this.current, ...this.long]) {
      const index = streak.lost.indexOf(leg)
      if (index < 0) continue
      streak.lost.splice(index, 1)
      if (this.isLost(leg)) streak.gone.push(this.describe(leg))
      return
    }
  }

  /** Whether a flow did not leave later either, and nobody answered it. */
  private isLost(leg: number): boolean {
    return !this.legs.has(leg, LEG_FORWARDED | LEG_SYN_ACK | LEG_OPEN)
  }

  private describe(leg: number): LostFlow {
    const { legs } = this
    return {
      client: legs.initiatorEnd(leg),
      flow: flowOfLegs(legs, leg, leg),
      point: legs.point(leg),
      time: legs.start(leg),
      until: legs.time(leg),
      steps: this.stepsOf(leg),
      tries: legs.openings(leg, 0),
    }
  }

  private stepsOf(leg: number): Step[] {
    const { legs } = this
    const capture = legs.capture(leg)
    const first = legs.get(leg, SYN_FRAME)
    const last = legs.side(leg, 0, SIDE_FRAME)
    const opening = step('syn-stays', [{ capture, frame: first }])
    return last === first ? [opening] : [opening, step('repeated', [{ capture, frame: last }])]
  }

  /** The first packet of a flow: its first SYN, or its first datagram. */
  private isFirst(leg: number): boolean {
    const { legs } = this
    const isTcp = legs.protocol(leg) === IPPROTO_TCP
    if (isTcp) return legs.openings(leg, 0) === 1 && legs.side(leg, 0, SIDE_PACKETS) === 0
    return legs.side(leg, 0, SIDE_PACKETS) === 1 && legs.side(leg, 1, SIDE_PACKETS) === 0
  }

  private lose(leg: number): void {
    const { legs } = this
    if (legs.protocol(leg) !== IPPROTO_TCP) return
    // where nothing went to this server before, by this interface, a rule or a route may forbid it
    if (legs.responders.get(legs.responder(leg), FORWARDED) === 0) return
    const { current } = this
    if (current.count === 0) current.start = legs.start(leg)
    current.count++
    current.hasKnownClient ||= this.wentThroughBefore(leg)
    current.capture = legs.capture(leg)
    if (this.named + current.lost.length + current.gone.length === MOST_NAMED) return
    legs.mark(leg, LEG_LOST)
    current.lost.push(leg)
  }

  private endStreak(): void {
    const { current } = this
    if (current.count === 0) return
    if (current.hasKnownClient && current.count >= LEAST_LOST && this.named < MOST_NAMED) {
      this.long.push(current)
      this.named += current.lost.length + current.gone.length
      // the capture of the other side may simply have ended
      current.isCutShort = this.exitCapture !== current.capture && this.lastTimes[this.exit] <= current.start
    }
    this.current = new Streak()
  }

  /** Whether the same client reached the same server before: what a rule or a filter of sources lets through. */
  private wentThroughBefore(leg: number): boolean {
    const { legs } = this
    let other = legs.older(leg)
    for (let i = 0; i < MOST_EARLIER && other >= 0; i++, other = legs.older(other)) {
      if (legs.has(other, LEG_FORWARDED) && legs.sameInitiatorAddress(other, leg)) return true
    }
    return false
  }

  private remember(leg: number, time: number, kind: number): void {
    this.recent[this.next] = leg
    this.serials[this.next] = this.legs.serial(leg)
    this.times[this.next] = time
    this.kinds[this.next] = kind
    this.next = (this.next + 1) & (RECENT - 1)
  }

  /** Whether one of two first packets of one port was lost, and the other, the latest there is, left with a translated source. */
  private race(leg: number, time: number, kind: number): boolean {
    const { legs } = this
    for (let ago = 1; ago <= RECENT; ago++) {
      const i = (this.next - ago) & (RECENT - 1)
      const other = this.recent[i]
      if (other < 0 || Math.abs(time - this.times[i]) > RACE_TIME) continue
      if (other === leg || legs.serial(other) !== this.serials[i] || !this.areRivals(leg, other)) continue
      if ((kind & 1) === 0 && this.kinds[i] === 3) this.raced(leg, other)
      else if (kind === 3 && (this.kinds[i] & 1) === 0) this.raced(other, leg)
      else continue
      return true
    }
    return false
  }

  private areRivals(a: number, b: number): boolean {
    const { legs } = this
    // answers of two servers to one client, whose questions came before the capture, are none
    const isAnswer = legs.protocol(a) === IPPROTO_UDP && legs.hasLowerPort(a)
    return (
      !isAnswer &&
      legs.protocol(a) === legs.protocol(b) &&
      legs.sameResponder(a, b) &&
      legs.isPortShared(a, b) &&
      !legs.sameInitiator(a, b)
    )
  }

  private raced(lost: number, won: number): void {
    const { legs } = this
    this.races++
    const isSure = this.races > 2
    this.collector.add({
      id: 'snat-insert-race',
      severity: 'error',
      confidence: isSure ? 'certain' : 'likely',
      reason: phrase(isSure ? 'again' : 'once'),
      client: legs.initiatorEnd(lost),
      flow: flowOfLegs(legs, lost, lost),
      point: legs.point(lost),
      time: legs.time(lost),
      steps: [
        step('won', [this.frame(won)], { client: legs.initiatorEnd(won) }),
        step('lost', [this.frame(lost)], { client: legs.initiatorEnd(lost) }),
      ],
    })
  }

  private frame(leg: number): FrameReference {
    return { capture: this.legs.capture(leg), frame: this.legs.side(leg, 0, SIDE_FRAME) }
  }
}
