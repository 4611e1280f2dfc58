// An address that went to another station while somebody still talked to it: the hardware address behind it changed.

import { TCP_ACK } from '../../net/numbers.ts'
import type { FlowForms } from '../evidence/flow-forms.ts'
import {
  LEG_EXPLAINED,
  LEG_RST,
  LEG_SYN_ACK,
  MOVED_FRAME,
  MOVED_STATION,
  SIDE_ACK,
  SIDE_FRAME,
  SYN_ACK_FRAME,
  SYN_ACK_SOURCE_MAC,
  SYN_DESTINATION_MAC,
  SYN_FRAME,
  SYN_PACKET,
} from '../evidence/leg-layout.ts'
import type { Legs } from '../evidence/legs.ts'
import type { Observation } from '../evidence/observation.ts'
import { isFresh } from '../evidence/refused-answer.ts'
import type { Collector } from '../facts/collector.ts'
import { type Confidence, phrase, type Step, step } from '../facts/facts.ts'
import type { Detector } from './detector.ts'

export class RecycledAddresses implements Detector {
  readonly ids = ['recycled-address'] as const
  private readonly legs: Legs
  private readonly collector: Collector
  private readonly forms: FlowForms

  constructor(legs: Legs, collector: Collector, forms: FlowForms) {
    this.legs = legs
    this.collector = collector
    this.forms = forms
  }

  opening(leg: number, seen: Observation, isFirst: boolean): void {
    const { legs } = this
    if (isFirst || (seen.flags & TCP_ACK) !== 0) return
    const station = legs.get(leg, SYN_DESTINATION_MAC)
    if (legs.has(leg, LEG_SYN_ACK) || station === 0 || seen.destinationMac === 0) return
    // a copy of the packet, or its routed form: a bridge shows both
    if (seen.number === legs.get(leg, SYN_PACKET) || seen.ttl !== legs.openingTtl(leg, 0)) return
    if (seen.destinationMac === station) {
      legs.setRare(leg, MOVED_STATION, 0)
      return
    }
    legs.setRare(leg, MOVED_STATION, seen.destinationMac)
    legs.setRare(leg, MOVED_FRAME, seen.frame)
  }

  /** A RST of the server, on a flow that may have had one. */
  reset(leg: number, direction: number, seen: Observation): void {
    const { legs } = this
    if (
      direction === 0 ||
      legs.has(leg, LEG_RST | LEG_EXPLAINED) ||
      seen.sourceMac === 0 ||
      !isFresh(seen.ttl)
    )
      return
    if (legs.has(leg, LEG_SYN_ACK)) this.resetOpen(leg, seen)
    else this.refused(leg, seen)
  }

  /** A connection is reset by a station that did not accept it. */
  private resetOpen(leg: number, seen: Observation): void {
    const { legs } = this
    const owner = legs.get(leg, SYN_ACK_SOURCE_MAC)
    const asked = legs.get(leg, SYN_DESTINATION_MAC)
    // straight from the station that was asked, not around a router
    if (owner === 0 || owner === seen.sourceMac || (asked !== 0 && asked !== owner)) return
    if (legs.openingTtl(leg, 1) !== seen.ttl) return
    const hasNoSocket = (seen.flags & TCP_ACK) === 0 && seen.window === 0
    if (!hasNoSocket || seen.sequence !== legs.side(leg, 0, SIDE_ACK)) return
    legs.mark(leg, LEG_EXPLAINED)
    this.add(leg, 'certain', 'other-station', seen.time, [
      this.step(leg, 'syn-ack', legs.get(leg, SYN_ACK_FRAME)),
      this.step(leg, 'data', legs.side(leg, 0, SIDE_FRAME)),
      this.step(leg, 'other-reset', seen.frame),
    ])
  }

  /** A SYN that nobody answered goes to another station, which refuses it. */
  private refused(leg: number, seen: Observation): void {
    const { legs } = this
    // a packet of no station has 0, as a SYN that stayed
    if (legs.rare(leg, MOVED_STATION) !== seen.sourceMac) return
    legs.setRare(leg, MOVED_STATION, 0)
    this.add(leg, 'likely', 'next-station', seen.time, [
      this.step(leg, 'syn', legs.get(leg, SYN_FRAME)),
      this.step(leg, 'other-syn', legs.rare(leg, MOVED_FRAME)),
      this.step(leg, 'reset', seen.frame),
    ])
  }

  private add(leg: number, confidence: Confidence, code: string, time: number, steps: Step[]): void {
    const { client, flow } = this.forms.of(leg)
    const point = this.legs.point(leg)
    const reason = phrase(code)
    const found = { id: 'recycled-address', severity: 'error', confidence } as const
    this.collector.add({ ...found, reason, client, flow, point, time, steps })
  }

  private step(leg: number, code: string, frame: number): Step {
    return step(code, [{ capture: this.legs.capture(leg), frame }])
  }
}
