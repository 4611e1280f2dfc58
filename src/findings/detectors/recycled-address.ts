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
import type { Cases } from '../facts/collector.ts'
import type { Confidence, FindingStep } from '../facts/facts.ts'

export class RecycledAddresses {
  private readonly legs: Legs
  private readonly cases: Cases
  private readonly forms: FlowForms

  constructor(legs: Legs, cases: Cases, forms: FlowForms) {
    this.legs = legs
    this.cases = cases
    this.forms = forms
  }

  /** A SYN is sent once more; `number` is its packet's. */
  repeated(leg: number, seen: Observation, number: number): void {
    const { legs } = this
    const station = legs.get(leg, SYN_DESTINATION_MAC)
    if (legs.has(leg, LEG_SYN_ACK) || station === 0 || seen.destinationMac === 0) return
    // a copy of the packet, or its routed form: a bridge shows both
    if (number === legs.get(leg, SYN_PACKET) || seen.ttl !== legs.openingTtl(leg, 0)) return
    if (seen.destinationMac === station) {
      legs.setRare(leg, MOVED_STATION, 0)
      return
    }
    legs.setRare(leg, MOVED_STATION, seen.destinationMac)
    legs.setRare(leg, MOVED_FRAME, seen.frame)
  }

  /** A RST of the server, on a flow that may have had one. */
  reset(leg: number, seen: Observation): void {
    const { legs } = this
    if (legs.has(leg, LEG_RST | LEG_EXPLAINED) || seen.sourceMac === 0 || !isFresh(seen.ttl)) return
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
    this.add(
      leg,
      'certain',
      'the RST comes from another hardware address than the SYN-ACK, both straight from the host',
      [
        this.step(leg, 'SYN-ACK of the station that had the address', legs.get(leg, SYN_ACK_FRAME)),
        this.step(leg, 'data for it', legs.side(leg, 0, SIDE_FRAME)),
        this.step(leg, 'RST of another station with that address', seen.frame),
      ],
    )
  }

  /** A SYN that nobody answered goes to another station, which refuses it. */
  private refused(leg: number, seen: Observation): void {
    const { legs } = this
    // a packet of no station has 0, as a SYN that stayed
    if (legs.rare(leg, MOVED_STATION) !== seen.sourceMac) return
    legs.setRare(leg, MOVED_STATION, 0)
    this.add(
      leg,
      'likely',
      'the SYN was not answered by one station, and refused by the next with its address',
      [
        this.step(leg, 'SYN to the station that had the address', legs.get(leg, SYN_FRAME)),
        this.step(leg, 'SYN to another station with that address', legs.rare(leg, MOVED_FRAME)),
        this.step(leg, 'RST of that station', seen.frame),
      ],
    )
  }

  private add(leg: number, confidence: Confidence, reason: string, steps: FindingStep[]): void {
    const { client, flow } = this.forms.of(leg)
    this.cases.add({
      id: 'recycled-address',
      confidence,
      reason,
      client,
      flow,
      point: this.legs.point(leg),
      steps,
    })
  }

  private step(leg: number, what: string, frame: number): FindingStep {
    return { what, frames: [{ capture: this.legs.capture(leg), frame }] }
  }
}
