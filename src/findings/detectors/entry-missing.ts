// entry-missing: this host resets segments of an open connection that it forwards: it has no entry for it any more, or not yet.

import { TCP_ACK } from '../../net/numbers.ts'
import { after } from '../../net/sequence.ts'
import { pointOfSide } from '../../vantage/record/points.ts'
import { endKey } from '../evidence/end-key.ts'
import type { FlowForms } from '../evidence/flow-forms.ts'
import {
  DESTINATION,
  GAP_FRAME,
  GAP_SIDE,
  LEG_EXPLAINED,
  LEG_FIN,
  LEG_FIN_BACK,
  LEG_OPEN,
  LEG_RST,
  LEG_SYN,
  LEG_SYN_ACK,
  PORTS,
  SIDE_ACK,
  SIDE_END,
  SIDE_FRAME,
  SIDE_LIMIT,
  SIDE_PACKETS,
  SOURCE,
  SUSPICION,
} from '../evidence/leg-layout.ts'
import type { Legs } from '../evidence/legs.ts'
import type { Observation } from '../evidence/observation.ts'
import { isFresh } from '../evidence/refused-answer.ts'
import type { Case, Collector } from '../facts/collector.ts'
import { type Confidence, phrase, step } from '../facts/facts.ts'
import type { Detector } from './detector.ts'
import { hasOutlived } from './idle-gap.ts'

/** Routers between this host and the side whose packets it forwards: a RST from further away is somebody else's. */
const MOST_ROUTERS = 4
/** Connections without a start that are reset beside others which are forwarded: one or two may be strangers. */
const LEAST_UNSEEN = 3
const MOST_UNSEEN = 1024

/** A RST in the name of an end of which nothing was seen. */
interface Unseen {
  found: Case
  end: string
  ttl: number
}

/**
 * Look-alikes, none of which is this:
 * - a RST of the end itself: it has the TTL of its other packets, or a box further away made it;
 * - a connection that was being closed, or reset before; a socket that is gone answers with its own TTL;
 * - a segment outside the window, which is INVALID: the entry is there (invalid-reset);
 * - a pause that the entry may not have outlived (idle-timeout-inbound, idle-gap), unless it outlived as long a one before;
 * - of connections that nobody saw open: strangers' segments, beside none that are forwarded, or one or two;
 * - a rule that rejects with a RST is none that packets tell apart, where it was put in while connections went on.
 */
export class MissingEntries implements Detector {
  readonly ids = ['entry-missing'] as const
  private readonly legs: Legs
  private readonly collector: Collector
  private readonly forms: FlowForms
  private readonly unseen: Unseen[] = []
  /** TTLs of connections that were opened, by the ends in whose name RSTs came. */
  private readonly forwarded = new Map<string, Set<number>>()

  constructor(legs: Legs, collector: Collector, forms: FlowForms) {
    this.legs = legs
    this.collector = collector
    this.forms = forms
  }

  reset(leg: number, direction: number, seen: Observation): void {
    const { legs } = this
    if ((seen.flags & TCP_ACK) !== 0 || seen.window !== 0 || !isFresh(seen.ttl)) return
    if (legs.has(leg, LEG_EXPLAINED | LEG_RST | LEG_FIN | LEG_FIN_BACK)) return
    const other = 1 - direction
    if (legs.side(leg, other, SIDE_PACKETS) === 0 || seen.sequence !== legs.side(leg, other, SIDE_ACK)) return
    if (legs.side(leg, direction, SIDE_PACKETS) > 0) this.resetOpen(leg, direction, seen)
    else if (!legs.has(leg, LEG_SYN | LEG_SYN_ACK)) this.resetUnseen(leg, direction, seen)
  }

  counted(leg: number): void {
    if (this.unseen.length === 0 || !this.legs.has(leg, LEG_OPEN)) return
    for (const direction of [0, 1])
      this.forwarded.get(this.endOf(leg, direction))?.add(this.legs.ttl(leg, direction))
  }

  conclude(): void {
    const proven = this.unseen.filter(({ end, ttl }) =>
      [...(this.forwarded.get(end) ?? [])].some(usual => isBehind(usual, ttl)),
    )
    if (proven.length < LEAST_UNSEEN) return
    for (const { found } of proven) this.collector.add(found)
  }

  /** Both sides were heard before. */
  private resetOpen(leg: number, direction: number, seen: Observation): void {
    const { legs } = this
    if (!isBehind(legs.ttl(leg, direction), seen.ttl) || legs.rare(leg, SUSPICION) !== 0) return
    const other = 1 - direction
    const sent = legs.side(leg, other, SIDE_END)
    // data that nobody has acknowledged, within the window
    if (!after(sent, legs.side(leg, direction, SIDE_ACK))) return
    if (after(sent, legs.side(leg, direction, SIDE_LIMIT))) return
    const hasPaused = legs.rare(leg, GAP_FRAME) !== 0 && legs.rare(leg, GAP_SIDE) === other
    if (hasPaused && !hasOutlived(legs, leg)) return
    legs.mark(leg, LEG_EXPLAINED)
    const isStartSeen = legs.has(leg, LEG_SYN) && legs.has(leg, LEG_SYN_ACK)
    const isTranslated = this.forms.of(leg).flow.translated !== null
    const isSure = isStartSeen && isTranslated
    this.collector.add(
      this.found(leg, direction, seen, isSure ? 'likely' : 'possible', isSure ? 'translated' : 'forwarded'),
    )
  }

  /** Of the end in whose name the RST is nothing was seen: it may have been open long before. */
  private resetUnseen(leg: number, direction: number, seen: Observation): void {
    if (this.unseen.length === MOST_UNSEEN) return
    const end = this.endOf(leg, direction)
    if (!this.forwarded.has(end)) this.forwarded.set(end, new Set())
    this.unseen.push({ found: this.found(leg, direction, seen, 'possible', 'unseen'), end, ttl: seen.ttl })
  }

  private found(
    leg: number,
    direction: number,
    seen: Observation,
    confidence: Confidence,
    code: string,
  ): Case {
    const { legs } = this
    const capture = legs.capture(leg)
    const usual = legs.ttl(leg, direction)
    const last = legs.side(leg, direction, SIDE_FRAME)
    const before = last === 0 ? [] : [step('before', [{ capture, frame: last }])]
    return {
      id: 'entry-missing',
      severity: 'error',
      confidence,
      reason: phrase(code, { ttl: seen.ttl, usual }),
      ...this.forms.of(leg),
      point: legs.point(leg),
      time: seen.time,
      steps: [
        ...before,
        step('segment', [{ capture, frame: legs.side(leg, 1 - direction, SIDE_FRAME) }]),
        step('reset', [{ capture: seen.capture, frame: seen.frame }]),
      ],
    }
  }

  /** The end of one side at a point; of clients the address alone. */
  private endOf(leg: number, direction: number): string {
    const { legs } = this
    const port = direction === 0 ? 0 : legs.get(leg, PORTS) & 0xffff
    const address = legs.get(leg, direction === 0 ? SOURCE : DESTINATION)
    return `${endKey(address, port, direction)} ${pointOfSide(legs.point(leg))}`
  }
}

/** Whether packets with a TTL come from a few routers further away than those that were made with `fresh`. */
function isBehind(usual: number, fresh: number): boolean {
  return usual < fresh && fresh - usual <= MOST_ROUTERS
}
