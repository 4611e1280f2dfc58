// Floods of SYNs: connections to one responder that hardly anybody completes, counted as they end.

import type { Endpoint } from '../../host/knowledge.ts'
import { IPPROTO_TCP } from '../../net/numbers.ts'
import { isSide, pointOfSide } from '../../vantage/record/points.ts'
import { formsOf, isOneEnd } from '../evidence/flow-forms.ts'
import {
  LEG_ACKNOWLEDGED,
  LEG_OPEN,
  LEG_RST,
  LEG_SYN,
  LEG_SYN_ACK,
  SIDE_PACKETS,
} from '../evidence/leg-layout.ts'
import type { Legs } from '../evidence/legs.ts'
import type { Observation } from '../evidence/observation.ts'
import { openingFrame } from '../evidence/openings.ts'
import { BUSIEST, COMPLETED, ENDED, LEGS, OPEN } from '../evidence/responders.ts'
import type { Collector } from '../facts/collector.ts'
import { type FrameReference, phrase, step } from '../facts/facts.ts'

/** SYNs to one destination that make a flood, within ten seconds; how long one may still be answered or repeated. */
const FLOOD = 100
const NAMED_SYNS = 8
/** Addresses that may belong to programs which give up each try before they would repeat its SYN. */
const FEW_SENDERS = 8
/** What part of the connections completed leaves no room for a flood. */
const NEARLY_ALL = 0.9
const GRACE = 1.5e9
/** A capture that ends sooner shows no repetition: so many SYNs in a moment are still none that clients send. */
const SHORT_GRACE = 0.3e9
const SHORT_FLOOD = 1000

/** The first SYN of a connection; the leg does not know of it yet. */
export function noteSyn(legs: Legs, leg: number, seen: Observation): void {
  if (!isSeenBefore(legs, leg)) legs.responders.countSyn(legs.responder(leg), seen.time, seen.sourceWord)
}

/** What is counted of connections to one responder at one point: their sums stand with it from ENDED on, in this order. */
const NAMES = ['flows', 'completed', 'refused', 'repeated', 'answered', 'repeatedAnswers'] as const

type Counts = Record<(typeof NAMES)[number], number>

/** Which of NAMES a connection adds to, a bit for each. */
function addsTo(legs: Legs, leg: number): number {
  let bits = 1
  if (isCompleted(legs, leg)) bits |= 1 << 1
  if (legs.has(leg, LEG_RST)) bits |= 1 << 2
  if (legs.openings(leg, 0) > 1) bits |= 1 << 3
  if (legs.has(leg, LEG_SYN_ACK)) bits |= 1 << 4
  if (legs.openings(leg, 1) > 1) bits |= 1 << 5
  return bits
}

/** What names a flood: some of its first SYNs, what was asked for and what that was translated to. */
interface Name {
  asked: Endpoint
  came: Endpoint
  point: number
  start: number
  frames: FrameReference[]
}

/** Sums stand with the responders (responders.ts), so that they stay exact however many connections there were. */
export class Floods {
  private readonly legs: Legs
  private readonly collector: Collector
  /** Of responders whose first connections have ended. */
  private readonly names = new Map<number, Name>()

  constructor(legs: Legs, collector: Collector) {
    this.legs = legs
    this.collector = collector
  }

  /** The connection of a leg is over: it is counted with its responder. */
  ended(leg: number): void {
    const { legs } = this
    if (!legs.has(leg, LEG_SYN) || legs.responder(leg) < 0 || isSeenBefore(legs, leg)) return
    const responder = legs.responder(leg)
    const { responders } = legs
    if (
      responders.get(responder, ENDED) + responders.get(responder, LEGS) >= FLOOD &&
      !this.names.has(responder)
    ) {
      this.names.set(responder, nameOf(legs, this.oldest(responder)))
    }
    const adds = addsTo(legs, leg)
    for (let i = 0; i < NAMES.length; i++) if ((adds & (1 << i)) !== 0) responders.count(responder, ENDED + i)
  }

  /** Judges the responders that nobody talks to any more, and forgets them. */
  sweep(): void {
    const { responders } = this.legs
    responders.forEach(responder => {
      if (responders.get(responder, LEGS) > 0) return
      this.judge(responder, Number.POSITIVE_INFINITY)
      this.names.delete(responder)
      responders.remove(responder)
    })
  }

  /** Judges all responders; `now` is the time of the last packet. */
  conclude(now: number): void {
    const { responders } = this.legs
    const large: number[] = []
    responders.forEach(responder => {
      if (responders.get(responder, ENDED) + responders.get(responder, LEGS) >= FLOOD) large.push(responder)
    })
    for (const responder of large.sort((a, b) => a - b)) this.judge(responder, now)
  }

  private judge(responder: number, now: number): void {
    const { responders } = this.legs
    const all = responders.get(responder, ENDED) + responders.get(responder, LEGS)
    // a server that is gone is asked again and again, for as long as a capture takes
    if (responders.get(responder, BUSIEST) < FLOOD) return
    // a busy server need not be counted connection by connection
    if (responders.get(responder, COMPLETED) + responders.get(responder, OPEN) >= NEARLY_ALL * all) return
    let counts = this.countsOf(responder, now - GRACE)
    const isShort = !isFlood(counts)
    if (isShort) {
      counts = this.countsOf(responder, now - SHORT_GRACE)
      if (counts.flows < SHORT_FLOOD || !isFlood(counts)) return
    }
    const name = this.names.get(responder) ?? nameOf(this.legs, this.oldest(responder))
    const { flows, answered, completed, repeatedAnswers } = counts
    const { asked, came, point, start, frames } = name
    const isSure = repeatedAnswers * 2 > flows
    const isOfFew = responders.senders(responder) <= FEW_SENDERS
    const code = isSure
      ? 'answers-repeated'
      : isShort
        ? 'too-short'
        : isOfFew
          ? 'not-repeated-by-few'
          : 'not-repeated'
    this.collector.add({
      id: 'syn-flood',
      severity: 'warning',
      confidence: isSure ? 'certain' : isShort || isOfFew ? 'possible' : 'likely',
      reason: phrase(code),
      client: asked,
      flow: {
        protocol: IPPROTO_TCP,
        client: null,
        server: asked,
        translated: isOneEnd(asked, came) ? null : { client: null, server: came },
        counts: { flows, answered, completed },
      },
      point,
      time: start,
      steps: [step('first', frames)],
    })
  }

  /** Sums of what has ended, and of what has not and began before `latest`. */
  private countsOf(responder: number, latest: number): Counts {
    const { legs } = this
    const { responders } = legs
    const sums = NAMES.map((_, i) => responders.get(responder, ENDED + i))
    for (let leg = legs.newestOf(responder); leg >= 0; leg = legs.older(leg)) {
      if (!legs.has(leg, LEG_SYN) || legs.start(leg) > latest || isSeenBefore(legs, leg)) continue
      const adds = addsTo(legs, leg)
      for (let i = 0; i < sums.length; i++) if ((adds & (1 << i)) !== 0) sums[i]++
    }
    const [flows, completed, refused, repeated, answered, repeatedAnswers] = sums
    return { flows, completed, refused, repeated, answered, repeatedAnswers }
  }

  /** The first few of a responder's legs. */
  private oldest(responder: number): number[] {
    const { legs } = this
    const first: number[] = []
    for (let leg = legs.newestOf(responder); leg >= 0; leg = legs.older(leg)) {
      if (!legs.has(leg, LEG_SYN) || isSeenBefore(legs, leg)) continue
      first.push(leg)
      if (first.length > NAMED_SYNS) first.shift()
    }
    return first.reverse()
  }
}

/** Whether the client went on: it had an answer, whether that was captured or not. */
function isCompleted(legs: Legs, leg: number): boolean {
  if (legs.has(leg, LEG_OPEN)) return true
  return legs.side(leg, 0, SIDE_PACKETS) > 0 && legs.has(leg, LEG_ACKNOWLEDGED)
}

/** Whether a flow was seen on another side of the same point before: on cooked v1 a host is one point. */
function isSeenBefore(legs: Legs, leg: number): boolean {
  if (!isSide(legs.point(leg))) return false
  const point = pointOfSide(legs.point(leg))
  for (const sibling of legs.siblings(leg)) {
    if (legs.serial(sibling) >= legs.serial(leg) || !legs.sameResponder(leg, sibling)) continue
    if (pointOfSide(legs.point(sibling)) === point) return true
  }
  return false
}

/** Programs that want a connection repeat their SYN, and complete the handshake. */
function isFlood({ flows, completed, refused, repeated }: Counts): boolean {
  return flows >= FLOOD && completed * 10 < flows && refused * 10 < flows && repeated * 4 < flows
}

/** A flood as it was meant, and as DNAT made it: by SYNs that other points saw with another destination. */
function nameOf(legs: Legs, named: readonly number[]): Name {
  let meant = named[0]
  let translated = named[0]
  for (const leg of named) {
    meant = leg
    translated = leg
    for (const form of formsOf(legs, leg)) {
      if (isFurther(legs, meant, form)) meant = form
      if (isFurther(legs, form, translated)) translated = form
    }
    if (!legs.sameResponder(meant, translated)) break
    meant = named[0]
    translated = named[0]
  }
  return {
    asked: legs.responderEnd(meant),
    came: legs.responderEnd(translated),
    point: legs.point(named[0]),
    start: legs.start(named[0]),
    frames: named.map(leg => openingFrame(legs, leg)),
  }
}

/** Whether one SYN was further on its way at `a` than at `b`: routing lowers the TTL; on a bridge the time tells. */
function isFurther(legs: Legs, a: number, b: number): boolean {
  const [one, other] = [legs.openingTtl(a, 0), legs.openingTtl(b, 0)]
  return one === other ? legs.start(a) > legs.start(b) : one < other
}
