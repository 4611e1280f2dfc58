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
import { type Case, type Collector, keyOf } from '../facts/collector.ts'
import { type Confidence, phrase, step } from '../facts/facts.ts'
import type { Detector } from './detector.ts'
import { hasOutlived } from './idle-gap.ts'

/** Routers between this host and the side whose packets it forwards: a RST from further away is somebody else's. */
const MOST_ROUTERS = 4
/** Connections without a start that are reset beside others which are forwarded: one or two may be strangers. */
const LEAST_UNSEEN = 3
const MOST_UNSEEN = 1024
/** Open connections that were reset, 0.5 kB each. */
const MOST_FORGOTTEN = 1024
/** A host answers at once: a RST that comes later answers a segment that was not captured, after who knows what pause. */
const ANSWER_TIME = 1e8

/** A RST of the host for an open connection, until it is known what followed. */
interface Forgotten {
  found: Case
  /** Side in whose name the RST is: 0 for the client. */
  direction: number
  /** Whether the host reset it in the name of the other side, too: a rule refuses them. */
  isRefused: boolean
  /** The server as that point sees it. */
  server: string
  /** Whether a later packet of the other side passed, or a later connection to it: no rule refuses them. */
  isLetPass: boolean
}

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
 * - a RST that answers a segment which the capture has lost: so has it the pause before it, perhaps;
 * - a rule that rejects with a RST, put in while connections went on: it resets in the name of both sides, and also what is
 *   not translated at all; where it rejects one direction alone, nothing of that side passes any more. Where one
 *   side of the host was captured packets do not tell, and the finding is no more than possible.
 */
export class MissingEntries implements Detector {
  readonly ids = ['entry-missing'] as const
  private readonly legs: Legs
  private readonly collector: Collector
  private readonly forms: FlowForms
  private readonly unseen: Unseen[] = []
  private readonly forgotten: Forgotten[] = []
  /** TTLs of connections that were opened, by the ends in whose name RSTs came. */
  private readonly forwarded = new Map<string, Set<number>>()

  constructor(legs: Legs, collector: Collector, forms: FlowForms) {
    this.legs = legs
    this.collector = collector
    this.forms = forms
  }

  reset(leg: number, direction: number, seen: Observation): void {
    const { legs } = this
    // what comes from afar passes, at another point than the RST of the host
    if (!isFresh(seen.ttl)) {
      for (const one of this.ofOtherSide(leg, direction))
        if (one.found.point !== legs.point(leg)) one.isLetPass = true
    }
    if ((seen.flags & TCP_ACK) !== 0 || seen.window !== 0 || !isFresh(seen.ttl)) return
    if (legs.has(leg, LEG_EXPLAINED | LEG_RST | LEG_FIN | LEG_FIN_BACK)) return
    const other = 1 - direction
    if (legs.side(leg, other, SIDE_PACKETS) === 0 || seen.sequence !== legs.side(leg, other, SIDE_ACK)) return
    if (legs.side(leg, direction, SIDE_PACKETS) > 0) this.resetOpen(leg, direction, seen)
    else if (!legs.has(leg, LEG_SYN | LEG_SYN_ACK)) this.resetUnseen(leg, direction, seen)
  }

  counted(leg: number): void {
    if (this.unseen.length + this.forgotten.length === 0 || !this.legs.has(leg, LEG_OPEN)) return
    for (const direction of [0, 1])
      this.forwarded.get(this.endOf(leg, direction))?.add(this.legs.ttl(leg, direction))
    if (this.forgotten.length === 0) return
    const server = this.endOf(leg, 1)
    for (const one of this.forgotten)
      if (one.server === server && this.legs.start(leg) > one.found.time) one.isLetPass = true
  }

  conclude(): void {
    this.concludeForgotten()
    const proven = this.unseen.filter(({ end, ttl }) =>
      [...(this.forwarded.get(end) ?? [])].some(usual => isBehind(usual, ttl)),
    )
    if (proven.length < LEAST_UNSEEN) return
    for (const { found } of proven) this.collector.add(found)
  }

  /** What is only forgotten goes on when the other side speaks; what a rule refuses does not. */
  private concludeForgotten(): void {
    for (const { found, isLetPass, isRefused } of this.forgotten) {
      if (isRefused) continue
      const isOpen = found.confidence === 'likely' && !isLetPass
      this.collector.add(
        isOpen
          ? { ...found, confidence: 'possible', reason: phrase('or-refused', found.reason.values) }
          : found,
      )
    }
  }

  /** Those of the connection of `leg` that were reset in the name of the other side than `direction`. */
  private ofOtherSide(leg: number, direction: number): Forgotten[] {
    if (this.forgotten.length === 0) return []
    const client = keyOf(this.forms.of(leg).client)
    return this.forgotten.filter(one => one.direction !== direction && keyOf(one.found.client) === client)
  }

  /** Both sides were heard before. */
  private resetOpen(leg: number, direction: number, seen: Observation): void {
    const { legs } = this
    if (!isBehind(legs.ttl(leg, direction), seen.ttl)) return
    for (const one of this.ofOtherSide(leg, direction)) one.isRefused = true
    if (legs.rare(leg, SUSPICION) !== 0) return
    const other = 1 - direction
    const sent = legs.side(leg, other, SIDE_END)
    // data that nobody has acknowledged, within the window
    if (!after(sent, legs.side(leg, direction, SIDE_ACK))) return
    if (after(sent, legs.side(leg, direction, SIDE_LIMIT))) return
    const hasPaused = legs.rare(leg, GAP_FRAME) !== 0 && legs.rare(leg, GAP_SIDE) === other
    if (hasPaused && !hasOutlived(legs, leg)) return
    if (seen.time - legs.time(leg) > ANSWER_TIME || this.forgotten.length === MOST_FORGOTTEN) return
    const { flow, meant, translated } = this.forms.of(leg)
    const isTranslated = flow.translated !== null
    // what is routed as it is has no need of an entry
    if (!isTranslated && meant !== translated) return
    legs.mark(leg, LEG_EXPLAINED)
    const isSure = isTranslated && legs.has(leg, LEG_SYN) && legs.has(leg, LEG_SYN_ACK)
    const code = isSure ? 'translated' : 'forwarded'
    this.forgotten.push({
      found: this.found(leg, direction, seen, isSure ? 'likely' : 'possible', code),
      direction,
      isRefused: false,
      server: this.endOf(leg, 1),
      isLetPass: false,
    })
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
