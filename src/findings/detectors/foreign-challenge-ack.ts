// foreign-challenge-ack: a SYN is answered by an ACK with the numbers of another connection, which this client never had.

import type { Endpoint } from '../../host/knowledge.ts'
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../net/numbers.ts'
import { Budget } from '../evidence/budget.ts'
import type { FlowForms } from '../evidence/flow-forms.ts'
import {
  FOREIGN_ACK,
  FOREIGN_FRAME,
  FOREIGN_RESET,
  FOREIGN_SYNS,
  LEG_SYN,
  LEG_SYN_ACK,
  REUSE,
  SIDE_END,
  SIDE_PACKETS,
  SYN_ACK_FRAME,
  SYN_SEQUENCE,
} from '../evidence/leg-layout.ts'
import type { Legs } from '../evidence/legs.ts'
import type { Observation } from '../evidence/observation.ts'
import { openingFrame } from '../evidence/openings.ts'
import type { Collector } from '../facts/collector.ts'
import {
  type Confidence,
  type FrameReference,
  phrase,
  type Severity,
  type Step,
  step,
} from '../facts/facts.ts'
import type { Detector } from './detector.ts'

/** Behind the SYN an acknowledgment may be of this connection, whose other packets the capture has lost. */
const OWN = 1 << 20
/** How long a SYN-ACK may still come. */
const GRACE = 1.5e9
/** Connections of the server that are looked at for the owner of one number, and for all; owners that are remembered. */
const MOST_VISITED = 1024
const MOST_VISITS = 1 << 22
const MOST_OWNERS = 1024

/**
 * Look-alikes, none of which is this:
 * - an ACK of the last connection that was seen of these addresses and ports (port-reuse);
 * - an ACK of this connection, whose SYN-ACK the capture lacks: it acknowledges the SYN, or what came behind it;
 * - a handshake in four steps: the ACK acknowledges the SYN;
 * - a SYN that is accepted once the client has answered by RST: a remark.
 */
export class ForeignChallenges implements Detector {
  readonly ids = ['foreign-challenge-ack'] as const
  readonly budget = new Budget('connections that an acknowledgment may belong to', MOST_VISITS)
  private readonly legs: Legs
  private readonly collector: Collector
  private readonly forms: FlowForms
  /** Whose connections such numbers are, by the serial of the leg that got them. */
  private readonly owners = new Map<number, Endpoint>()

  constructor(legs: Legs, collector: Collector, forms: FlowForms) {
    this.legs = legs
    this.collector = collector
    this.forms = forms
  }

  challenged(leg: number, seen: Observation): void {
    const { legs } = this
    if (legs.rare(leg, REUSE) !== 0 || legs.has(leg, LEG_SYN_ACK) || legs.side(leg, 0, SIDE_PACKETS) > 0)
      return
    if ((seen.flags & (TCP_SYN | TCP_RST | TCP_FIN | TCP_ACK)) !== TCP_ACK || seen.payload > 0) return
    const behind = (seen.acknowledgment - legs.get(leg, SYN_SEQUENCE)) | 0
    if (behind >= 0 && behind <= OWN) return
    legs.setRare(leg, FOREIGN_FRAME, seen.frame)
    legs.setRare(leg, FOREIGN_ACK, seen.acknowledgment)
    legs.setRare(leg, FOREIGN_SYNS, legs.openings(leg, 0))
    legs.setRare(leg, FOREIGN_RESET, 0)
    const owner = this.ownerOf(leg, seen.acknowledgment)
    if (owner >= 0 && this.owners.size < MOST_OWNERS)
      this.owners.set(legs.serial(leg), legs.initiatorEnd(owner))
  }

  /** The client says by its RST that it does not know that number. */
  reset(leg: number, direction: number, seen: Observation): void {
    const { legs } = this
    if (direction !== 0 || legs.rare(leg, FOREIGN_FRAME) === 0 || legs.rare(leg, FOREIGN_RESET) !== 0) return
    if ((seen.flags & TCP_ACK) === 0 && seen.sequence === legs.rare(leg, FOREIGN_ACK))
      legs.setRare(leg, FOREIGN_RESET, seen.frame)
  }

  ended(leg: number, now: number): void {
    const { legs } = this
    if (legs.rare(leg, FOREIGN_FRAME) === 0) return
    const owner = this.owners.get(legs.serial(leg))
    this.owners.delete(legs.serial(leg))
    const isRefused = legs.rare(leg, FOREIGN_RESET) !== 0
    const isRepeated = legs.openings(leg, 0) > legs.rare(leg, FOREIGN_SYNS)
    if (!isRefused && !isRepeated && owner === undefined) return
    if (legs.has(leg, LEG_SYN_ACK)) this.add(leg, owner, 'info', 'certain', 'accepted')
    else if (legs.start(leg) <= now - GRACE) {
      const isSure = isRefused || owner !== undefined
      this.add(leg, owner, 'error', isSure ? 'certain' : 'likely', isRefused ? 'refused' : 'repeated')
    }
  }

  /** A connection of another client from the same port, which has sent as much as is acknowledged, or -1. */
  private ownerOf(leg: number, acknowledgment: number): number {
    const { legs, budget } = this
    let other = legs.newestOf(legs.responder(leg))
    for (let visits = 0; other >= 0 && visits < MOST_VISITED; other = legs.older(other), visits++) {
      if (!budget.allows(1)) return -1
      if (other === leg || !legs.isPortShared(leg, other)) continue
      if (!legs.has(other, LEG_SYN) && legs.side(other, 0, SIDE_PACKETS) === 0) continue
      if (legs.side(other, 0, SIDE_END) === acknowledgment) return other
    }
    return -1
  }

  private add(
    leg: number,
    owner: Endpoint | undefined,
    severity: Severity,
    confidence: Confidence,
    code: string,
  ): void {
    const { legs } = this
    this.collector.add({
      id: 'foreign-challenge-ack',
      severity,
      confidence,
      reason: phrase(code, { syns: legs.openings(leg, 0), ...(owner !== undefined && { owner }) }),
      ...this.forms.of(leg),
      point: legs.point(leg),
      time: legs.start(leg),
      steps: this.steps(leg),
    })
  }

  private steps(leg: number): Step[] {
    const { legs } = this
    const reset = legs.rare(leg, FOREIGN_RESET)
    const frame = (number: number): FrameReference[] => [{ capture: legs.capture(leg), frame: number }]
    return [
      step('syn', [openingFrame(legs, leg)]),
      step('challenge', frame(legs.rare(leg, FOREIGN_FRAME))),
      ...(reset === 0 ? [] : [step('reset', frame(reset))]),
      ...(legs.has(leg, LEG_SYN_ACK) ? [step('syn-ack', frame(legs.get(leg, SYN_ACK_FRAME)))] : []),
    ]
  }
}
