// Packets of a translated connection that pass untranslated: outside the window (INVALID), or after its entry expired.

import { IPPROTO_TCP, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../net/numbers.ts'
import { after, before } from '../../net/sequence.ts'
import type { Budget } from '../evidence/budget.ts'
import { flowOfLegs, formsOf } from '../evidence/flow-forms.ts'
import {
  GAP_BEFORE,
  GAP_FRAME,
  GAP_LENGTH,
  GAP_SIDE,
  LEG_EXPLAINED,
  LEG_FIN,
  LEG_FIN_BACK,
  LEG_RST,
  LEG_SYN,
  LEG_SYN_ACK,
  RELATED,
  RELATED_SERIAL,
  SIDE_ACK,
  SIDE_END,
  SIDE_FRAME,
  SIDE_LIMIT,
  SIDE_PACKETS,
  SUSPICION,
  SUSPICION_ACK,
  SUSPICION_FRAME,
  SUSPICION_SIDE,
  SYN_ACK_ACKNOWLEDGMENT,
  SYN_SEQUENCE,
  SYN_SOURCE_MAC,
} from '../evidence/leg-layout.ts'
import type { Legs } from '../evidence/legs.ts'
import type { Observation } from '../evidence/observation.ts'
import { isFresh } from '../evidence/refused-answer.ts'
import type { Collector } from '../facts/collector.ts'
import {
  type Confidence,
  type FindingId,
  type FrameReference,
  phrase,
  type Severity,
  type Step,
  step,
} from '../facts/facts.ts'
import { hasOutlived } from './idle-gap.ts'

/** A pause in which an entry may have died: nobody lets connections expire sooner. */
export const PAUSE = 1e9
/** How far behind an acknowledgment may be and still belong to a flow; kernel: MAXACKWINCONST */
const ACK_SLACK = 66000
const ANSWER_TIME = 5e9

// what is suspected of the first packet of a flow
const LEAKED_REPLY = 1
const FORGOTTEN_REPLY = 2
const REMAPPED = 3
const OUTSIDE_WINDOW = 4
/** Routers between the host and the end in whose name it refuses. */
const MOST_ROUTERS = 4

/** Reasons that no pause is part of. */
const UNPAUSED = ['leaked', 'no-socket']

export class Leaks {
  private readonly legs: Legs
  private readonly collector: Collector
  private readonly budget: Budget

  /** @param budget flows that searches for the flow of an untranslated packet may look at */
  constructor(legs: Legs, collector: Collector, budget: Budget) {
    this.legs = legs
    this.collector = collector
    this.budget = budget
  }

  /** A UDP flow begins; one that answers another flow's question is opened as that flow's, seen from the asker. */
  openDatagram(seen: Observation, ct: number): number {
    const { legs } = this
    for (const sibling of legs.openedBy(seen, true)) {
      if (legs.point(sibling) !== seen.point || legs.side(sibling, 1, SIDE_PACKETS) > 0) continue
      if (seen.time - legs.time(sibling) <= ANSWER_TIME) return legs.open(seen, true, ct)
    }
    return legs.open(seen, false, ct)
  }

  /** A datagram answers an open flow; of one that comes after a pause the pause is kept. */
  answerDatagram(leg: number, seen: Observation): void {
    const { legs } = this
    const pause = seen.time - legs.time(leg)
    if (pause < PAUSE) return
    legs.setRare(leg, GAP_FRAME, seen.frame)
    legs.setRare(leg, GAP_BEFORE, legs.side(leg, 1, SIDE_FRAME))
    legs.setRare(leg, GAP_LENGTH, Math.min(Math.round(pause / 1e6), 0x7fffffff))
  }

  /**
   * A client refuses a datagram by port unreachable: it is the host that does, by its TTL and by the station that sends it,
   * in the name of a client that it forwarded for before a pause. The look-alike is a client on the server's bridge, asked
   * through the host and answered past it: its own station refuses, with the TTL of who is next to the server, too.
   */
  refusedDatagram(leg: number, seen: Observation): void {
    const { legs } = this
    const usual = legs.openingTtl(leg, 0)
    if (!isFresh(seen.ttl) || seen.ttl <= usual || seen.ttl - usual > MOST_ROUTERS) return
    if (seen.sourceMac === 0 || seen.sourceMac !== legs.get(leg, SYN_SOURCE_MAC)) return
    const frame = legs.rare(leg, GAP_FRAME)
    // the client has not spoken since
    if (frame === 0 || legs.side(leg, 0, SIDE_FRAME) > frame || legs.has(leg, LEG_EXPLAINED)) return
    legs.mark(leg, LEG_EXPLAINED)
    const capture = legs.capture(leg)
    const pause = legs.rare(leg, GAP_LENGTH)
    this.add('idle-timeout-inbound', 'likely', leg, -1, seen, 'unreachable-here', [
      this.stepBefore(leg, 'before-pause'),
      step('datagram-after-pause', [{ capture, frame }], { pause }),
      step('unreachable-host', [frameOf(seen)]),
    ])
  }

  /**
   * `leg` begins with a segment that is no SYN: does it continue a flow with other addresses?
   * @param packets how many packets there have been
   */
  stray(leg: number, seen: Observation, packets: number): void {
    if (seen.payload === 0 && (seen.flags & (TCP_FIN | TCP_RST)) === 0) return
    const isReset = (seen.flags & TCP_RST) !== 0
    // a RST that acknowledges nothing tells nothing of what its sender knows
    if (isReset && (seen.flags & TCP_ACK) === 0) return
    if (!isReset && (this.isReply(leg, seen) || this.isSentOn(leg, seen))) return
    const responder = this.legs.responderOf(seen)
    if (responder < 0) return
    for (let flow = this.legs.newestOf(responder); flow >= 0; flow = this.legs.older(flow)) {
      if (!this.budget.allows(1, packets)) return
      if (flow === leg || this.legs.point(flow) !== seen.point || !this.legs.isAnsweredBy(flow, seen))
        continue
      if (isReset ? this.closesLate(leg, flow, seen) : this.isEgress(leg, flow, seen)) return
    }
  }

  /**
   * The first answer in a flow whose SYN-ACK came with another address: a bridge under bridge-nf-call-iptables shows
   * requests already translated, and their answers translated back.
   */
  strayHalf(leg: number, seen: Observation): void {
    const { legs } = this
    if (seen.payload === 0 && (seen.flags & TCP_FIN) === 0) return
    if (!acknowledges(seen, legs.side(leg, 0, SIDE_END))) return
    const opening = (legs.get(leg, SYN_SEQUENCE) + 1) | 0
    for (const half of legs.siblings(leg)) {
      if (legs.point(half) !== seen.point || !legs.has(half, LEG_SYN_ACK)) continue
      if (legs.get(half, SYN_ACK_ACKNOWLEDGMENT) !== opening) continue
      const pause = seen.time - Math.max(legs.time(half), legs.time(leg))
      if (seen.sequence === legs.side(half, 1, SIDE_END)) {
        if (pause >= PAUSE) this.suspect(leg, half, FORGOTTEN_REPLY, seen)
      } else if (after(seen.sequence, legs.side(leg, 0, SIDE_LIMIT))) {
        this.suspect(leg, half, LEAKED_REPLY, seen)
      }
      return
    }
  }

  /** A segment of the leg is INVALID: outside the window. NAT leaves it alone, whoever it was translated to. */
  noteInvalid(leg: number, seen: Observation): void {
    const { legs } = this
    const { direction } = legs
    if ((seen.flags & (TCP_SYN | TCP_RST | TCP_ACK)) !== TCP_ACK) return
    // whom it goes to is alive and open as far as this capture tells
    const closed = direction === 0 ? LEG_FIN_BACK : LEG_FIN
    if (legs.has(leg, LEG_RST | closed) || !this.isSeen(leg, 0) || !this.isSeen(leg, 1)) return
    // it acknowledges what was not captured, perhaps a FIN: a socket that is closed refuses data so, too
    if (after(seen.acknowledgment, legs.side(leg, 1 - direction, SIDE_END))) return
    const suspicion = legs.rare(leg, SUSPICION)
    if (suspicion !== 0 && suspicion !== OUTSIDE_WINDOW) return
    legs.setRare(leg, SUSPICION, OUTSIDE_WINDOW)
    legs.setRare(leg, SUSPICION_FRAME, seen.frame)
    legs.setRare(leg, SUSPICION_SIDE, direction)
    legs.setRare(leg, SUSPICION_ACK, seen.acknowledgment)
  }

  /** A RST without a socket behind it: does it answer a packet that should have been translated? */
  reset(leg: number, direction: number, seen: Observation): void {
    const { legs } = this
    const suspicion = legs.rare(leg, SUSPICION)
    if (suspicion === OUTSIDE_WINDOW) {
      if (this.answered(leg, direction, seen)) return
    } else if (suspicion !== 0) {
      if (direction !== legs.rare(leg, SUSPICION_SIDE) && seen.sequence === legs.rare(leg, SUSPICION_ACK))
        this.confirm(leg, seen)
      return
    }
    if (direction === 0) this.forgotten(leg, seen)
  }

  /** A reply with the backend's address, to the client port of a flow that has another. */
  private isReply(leg: number, seen: Observation): boolean {
    const { legs } = this
    for (const flow of legs.openedBy(seen, true)) {
      if (!this.isUnderWay(flow, seen) || !acknowledges(seen, legs.side(flow, 0, SIDE_END))) continue
      if (seen.sequence === legs.side(flow, 1, SIDE_END)) {
        if (seen.time - legs.time(flow) < PAUSE) continue
        this.suspect(leg, flow, FORGOTTEN_REPLY, seen)
        return true
      }
      if (!this.isOutside(flow, 1, seen)) continue
      this.suspect(leg, flow, LEAKED_REPLY, seen)
      return true
    }
    return false
  }

  /** The next packet of a flow, after a pause, to another address: where the flow's destination was translated before. */
  private isSentOn(leg: number, seen: Observation): boolean {
    const { legs } = this
    for (const flow of legs.openedBy(seen, false)) {
      if (flow === leg || !this.isUnderWay(flow, seen) || !this.continues(flow, seen)) continue
      if (seen.time - legs.time(flow) < PAUSE) continue
      this.suspect(leg, flow, FORGOTTEN_REPLY, seen)
      this.add('idle-timeout-untranslated-reply', 'certain', leg, flow, seen, 'after-pause', [
        this.stepBefore(flow, 'before-pause'),
        ...this.gapSteps(flow),
        step('goes-on-untranslated', [frameOf(seen)]),
      ])
      return true
    }
    return false
  }

  /** A packet to the same server that goes on where another flow was, with another source. */
  private isEgress(leg: number, flow: number, seen: Observation): boolean {
    const { legs } = this
    if (!this.isUnderWay(flow, seen) || !this.acknowledgesLast(flow, seen)) return false
    if (legs.isFrom(flow, seen)) {
      if (!this.continues(flow, seen) || seen.time - legs.time(flow) < PAUSE) return false
      this.suspect(leg, flow, REMAPPED, seen)
      return true
    }
    if (this.closesLate(leg, flow, seen)) return true
    if (this.continues(flow, seen)) {
      if (!legs.has(flow, LEG_EXPLAINED)) return false
      this.add('idle-timeout-inbound', 'certain', leg, flow, seen, 'forgotten', [
        step('goes-on-inside', [frameOf(seen)]),
      ])
      return true
    }
    if (!this.isOutside(flow, 0, seen)) return false
    this.add('invalid-leak-private-source', 'certain', leg, flow, seen, 'leaked', [
      this.stepBefore(flow, 'as-translated'),
      step('outside-window', [frameOf(seen)]),
    ])
    return true
  }

  /**
   * A FIN or RST that goes on exactly where another flow stopped a while ago, with another source: without an entry it is
   * INVALID, where data would make a new one, translated as before.
   */
  private closesLate(leg: number, flow: number, seen: Observation): boolean {
    const { legs } = this
    if ((seen.flags & (TCP_FIN | TCP_RST)) === 0) return false
    // what was reset has another story
    if (legs.has(flow, LEG_EXPLAINED | LEG_RST)) return false
    if (!this.isUnderWay(flow, seen) || legs.isFrom(flow, seen)) return false
    if (!this.continues(flow, seen) || !this.acknowledgesLast(flow, seen)) return false
    if (seen.time - legs.time(flow) < PAUSE) return false
    // frames that the capture lost may hold another story: what came between, translated otherwise
    this.add('invalid-leak-private-source', 'likely', leg, flow, seen, 'closed-late', [
      this.stepBefore(flow, 'before-pause'),
      step('closes-inside', [frameOf(seen)]),
    ])
    return true
  }

  /**
   * Who has the connection acknowledges what is outside its window; a RST of no socket is somebody else's.
   * @returns whether this is one
   */
  private answered(leg: number, direction: number, seen: Observation): boolean {
    const { legs } = this
    if (direction === legs.rare(leg, SUSPICION_SIDE) || seen.sequence !== legs.rare(leg, SUSPICION_ACK))
      return false
    const invalid = { capture: legs.capture(leg), frame: legs.rare(leg, SUSPICION_FRAME) }
    legs.setRare(leg, SUSPICION, 0)
    legs.mark(leg, LEG_EXPLAINED)
    // the client, by its TTL: it knows the connection, with another address of the server
    const isOfClient = direction === 0 && seen.ttl === legs.ttl(leg, 0)
    const steps = [step('outside', [invalid]), step('reset-answer', [frameOf(seen)])]
    if (isOfClient) this.add('invalid-leak', 'likely', leg, -1, seen, 'no-socket', steps)
    else this.add('invalid-reset', 'likely', leg, -1, seen, 'no-socket', steps, direction)
    return true
  }

  private confirm(leg: number, seen: Observation): void {
    const { legs } = this
    const flow = legs.rare(leg, RELATED)
    if (flow < 0 || legs.serial(flow) !== legs.rare(leg, RELATED_SERIAL)) return
    const stray = { capture: legs.capture(leg), frame: legs.rare(leg, SUSPICION_FRAME) }
    const rst = step('reset-answer', [frameOf(seen)])
    const suspicion = legs.rare(leg, SUSPICION)
    legs.setRare(leg, SUSPICION, 0)
    if (suspicion === REMAPPED) {
      this.add('idle-timeout-remapped', 'certain', leg, flow, seen, 'after-pause', [
        this.stepBefore(flow, 'before-pause'),
        step('other-port', [stray]),
        rst,
      ])
      return
    }
    const isIdle = suspicion === FORGOTTEN_REPLY
    const source = legs.rare(leg, SUSPICION_SIDE) === 0 ? legs.initiatorEnd(leg) : legs.responderEnd(leg)
    const id = isIdle ? 'idle-timeout-untranslated-reply' : 'invalid-leak'
    this.add(id, 'certain', leg, flow, seen, isIdle ? 'after-pause' : 'leaked', [
      this.stepBefore(flow, isIdle ? 'before-pause' : 'known-to-client'),
      step('reply-from', [stray], { source }),
      rst,
    ])
  }

  /** Data from outside after a pause, answered by the host that used to pass it on: the RST has not been routed. */
  private forgotten(leg: number, seen: Observation): void {
    const { legs } = this
    if (legs.rare(leg, GAP_FRAME) === 0 || legs.rare(leg, GAP_SIDE) !== 1 || hasOutlived(legs, leg)) return
    if (legs.has(leg, LEG_EXPLAINED) || legs.has(leg, LEG_RST)) return
    if (seen.sequence !== legs.side(leg, 1, SIDE_ACK)) return
    if (!isFresh(seen.ttl) || seen.ttl <= legs.ttl(leg, 0)) return
    legs.mark(leg, LEG_EXPLAINED)
    this.add('idle-timeout-inbound', 'likely', leg, -1, seen, 'forgotten', [
      this.stepBefore(leg, 'before-pause'),
      ...this.gapSteps(leg),
      step('reset-host', [frameOf(seen)]),
    ])
  }

  private suspect(leg: number, flow: number, suspicion: number, seen: Observation): void {
    const { legs } = this
    legs.setRare(leg, SUSPICION, suspicion)
    legs.setRare(leg, SUSPICION_FRAME, seen.frame)
    legs.setRare(leg, SUSPICION_SIDE, legs.direction)
    legs.setRare(leg, SUSPICION_ACK, seen.acknowledgment)
    legs.setRare(leg, RELATED, flow)
    legs.setRare(leg, RELATED_SERIAL, legs.serial(flow))
    legs.mark(flow, LEG_EXPLAINED)
  }

  /** Both directions were seen here, from the start or for a while. */
  private isUnderWay(flow: number, seen: Observation): boolean {
    const { legs } = this
    if (legs.point(flow) !== seen.point || legs.side(flow, 0, SIDE_PACKETS) === 0) return false
    return legs.has(flow, LEG_SYN) || legs.side(flow, 1, SIDE_PACKETS) > 0
  }

  /** Whether the segment is the very next of the flow's initiator. */
  private continues(flow: number, seen: Observation): boolean {
    return (
      seen.sequence === this.legs.side(flow, 0, SIDE_END) &&
      acknowledges(seen, this.legs.side(flow, 1, SIDE_END))
    )
  }

  /** Whether the segment acknowledges all that the server sent, or as much as the flow did before. */
  private acknowledgesLast(flow: number, seen: Observation): boolean {
    const { legs } = this
    return (
      seen.acknowledgment === legs.side(flow, 1, SIDE_END) ||
      seen.acknowledgment === legs.side(flow, 0, SIDE_ACK)
    )
  }

  /** Whether conntrack finds a segment of this direction beyond what the other side allowed, or long past. */
  private isOutside(flow: number, direction: number, seen: Observation): boolean {
    const { legs } = this
    // where nothing was seen of a side, nobody knows what it sent or allowed
    if (!this.isSeen(flow, 0) || !this.isSeen(flow, 1)) return false
    const limit = legs.side(flow, 1 - direction, SIDE_LIMIT)
    const window = (limit - legs.side(flow, 1 - direction, SIDE_ACK)) | 0
    const end = (seen.sequence + seen.payload) | 0
    return after(seen.sequence, limit) || before(end, (legs.side(flow, direction, SIDE_END) - window) | 0)
  }

  private isSeen(flow: number, direction: number): boolean {
    const { legs } = this
    const opening = direction === 0 ? LEG_SYN : LEG_SYN_ACK
    return legs.has(flow, opening) || legs.side(flow, direction, SIDE_PACKETS) > 0
  }

  /** The same connection where its source is not translated yet, or -1: nobody saw it there. */
  private insideOf(flow: number): number {
    const { legs } = this
    const inside = formsOf(legs, flow).find(
      other => legs.openingTtl(other, 0) > legs.openingTtl(flow, 0) && !legs.sameInitiator(other, flow),
    )
    return inside ?? -1
  }

  private stepBefore(flow: number, code: string): Step {
    const { legs } = this
    const capture = legs.capture(flow)
    const last =
      legs.rare(flow, GAP_FRAME) === 0 ? legs.side(flow, 1, SIDE_FRAME) : legs.rare(flow, GAP_BEFORE)
    return step(code, [{ capture, frame: last }])
  }

  /** Milliseconds that the flow was silent before its last packets, or is now. */
  private pauseOf(flow: number, seen: Observation): number {
    const now = Math.round((seen.time - this.legs.time(flow)) / 1e6)
    return Math.max(this.legs.rare(flow, GAP_LENGTH), now)
  }

  private gapSteps(flow: number): Step[] {
    const { legs } = this
    const frame = legs.rare(flow, GAP_FRAME)
    if (frame === 0) return []
    const pause = legs.rare(flow, GAP_LENGTH)
    return [step('after-pause', [{ capture: legs.capture(flow), frame }], { pause })]
  }

  /** @param flow the flow that `leg` belongs to, -1: itself; `resetBy`: the direction of a RST whose sender matters, or -1 */
  private add(
    id: FindingId,
    confidence: Confidence,
    leg: number,
    flow: number,
    seen: Observation,
    reason: string,
    steps: Step[],
    resetBy = -1,
  ): void {
    const { legs } = this
    const shown = flow < 0 ? leg : flow
    const inside = this.insideOf(shown)
    const meant = inside < 0 ? shown : inside
    const facts = flowOfLegs(legs, meant, shown)
    const untranslated = { source: legs.initiatorEnd(leg), destination: legs.responderEnd(leg) }
    // whoever sends datagrams may send them for nothing
    const isOfDatagrams = legs.protocol(shown) !== IPPROTO_TCP
    const severity: Severity = id === 'invalid-leak-private-source' || isOfDatagrams ? 'warning' : 'error'
    this.collector.add({
      id,
      severity,
      confidence,
      reason: phrase(reason, {
        ...(UNPAUSED.includes(reason) ? {} : { pause: this.pauseOf(shown, seen) }),
        ...(resetBy < 0 ? {} : { by: resetBy === 0 ? 'client' : 'server' }),
      }),
      client: legs.initiatorEnd(meant),
      flow: flow < 0 ? facts : { ...facts, untranslated },
      point: seen.point,
      time: seen.time,
      steps,
      // the flow had been told of when it was answered by RST
      isSequel: id === 'idle-timeout-inbound' && confidence === 'certain',
    })
  }
}

function acknowledges(seen: Observation, end: number): boolean {
  return !after(seen.acknowledgment, end) && after(seen.acknowledgment, (end - ACK_SLACK) | 0)
}

const frameOf = (seen: Observation): FrameReference => ({ capture: seen.capture, frame: seen.frame })
