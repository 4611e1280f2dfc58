// Packets of a translated connection that pass untranslated: outside the window (INVALID), or after its entry expired.
import { TCP_FIN } from '../net/numbers.ts'
import { after, before } from '../net/sequence.ts'
import type { Cases, Parties } from './cases.ts'
import type { NatFindingId } from './catalogue.ts'
import type { Confidence, FindingStep } from './finding.ts'
import type { Sight } from './sight.ts'
import { isFresh } from './stray-answers.ts'
import {
  CAPTURE,
  GAP_BEFORE,
  GAP_FRAME,
  GAP_LENGTH,
  GAP_SIDE,
  OPENING_ACKNOWLEDGMENT,
  OPENING_SEQUENCE,
  OPENING_TTL,
  RELATED,
  RELATED_SERIAL,
  SIDE_ACK,
  SIDE_END,
  SIDE_FRAME,
  SIDE_LIMIT,
  SIDE_PACKETS,
  SIDE_TTL,
  SUSPICION,
  SUSPICION_ACK,
  SUSPICION_FRAME,
  SUSPICION_SIDE,
  SYN,
  SYN_ACK,
  TRAIL_EXPLAINED,
  TRAIL_RST,
  TRAIL_SYN,
  TRAIL_SYN_ACK,
  type Trails,
} from './trails.ts'

/** A pause in which an entry may have died: nobody lets connections expire sooner. */
export const PAUSE = 1e9
/** How far behind an acknowledgment may be and still belong to a flow; kernel: MAXACKWINCONST */
const ACK_SLACK = 66000
const MOST_SIBLINGS = 64
/**
 * Flows that searches may look at: so many, and one more for each packet. A search goes over all of them, for a flow
 * that was under way when first seen, and of those a capture may have very many.
 */
const FREE_VISITS = 1 << 20
const ANSWER_TIME = 5e9

// what is suspected of the first packet of a flow
const LEAKED_REPLY = 1
const FORGOTTEN_REPLY = 2
const REMAPPED = 3

export class Leaks {
  private readonly trails: Trails
  private readonly cases: Cases
  private visits = 0

  constructor(trails: Trails, cases: Cases) {
    this.trails = trails
    this.cases = cases
  }

  /** A UDP flow begins; one that answers another flow's question is opened as that flow's, seen from the asker. */
  openDatagram(sight: Sight): number {
    const { trails } = this
    let sibling = trails.nextOf(-1, sight, true)
    for (let i = 0; i < MOST_SIBLINGS && sibling >= 0; i++, sibling = trails.nextOf(sibling, sight, true)) {
      if (trails.point(sibling) !== sight.point || trails.side(sibling, 1, SIDE_PACKETS) > 0) continue
      if (sight.time - trails.time(sibling) <= ANSWER_TIME) return trails.open(sight, true)
    }
    return trails.open(sight, false)
  }

  /**
   * `trail` begins with a segment that is neither SYN nor RST: does it continue a flow with other addresses?
   * @param packets how many packets there have been
   */
  stray(trail: number, sight: Sight, packets: number): void {
    if (sight.payload === 0 && (sight.flags & TCP_FIN) === 0) return
    if (this.isReply(trail, sight) || this.isSentOn(trail, sight)) return
    const count = this.trails.count
    if (this.visits + count > FREE_VISITS + packets) return
    this.visits += count
    for (let other = 0; other < count; other++) {
      if (other === trail || this.trails.point(other) !== sight.point) continue
      if (this.trails.isAnsweredBy(other, sight) && this.isEgress(trail, other, sight)) return
    }
  }

  /**
   * The first answer in a flow whose SYN-ACK came with another address: a bridge under bridge-nf-call-iptables shows
   * requests already translated, and their answers translated back.
   */
  strayHalf(trail: number, sight: Sight): void {
    const { trails } = this
    if (sight.payload === 0 && (sight.flags & TCP_FIN) === 0) return
    if (!acknowledges(sight, trails.side(trail, 0, SIDE_END))) return
    const opening = (trails.get(trail, SYN + OPENING_SEQUENCE) + 1) | 0
    let half = trails.nextSibling(-1, trail)
    for (let i = 0; i < MOST_SIBLINGS && half >= 0; i++, half = trails.nextSibling(half, trail)) {
      if (trails.point(half) !== sight.point || !trails.has(half, TRAIL_SYN_ACK)) continue
      if (trails.get(half, SYN_ACK + OPENING_ACKNOWLEDGMENT) !== opening) continue
      const pause = sight.time - Math.max(trails.time(half), trails.time(trail))
      if (sight.sequence === trails.side(half, 1, SIDE_END)) {
        if (pause >= PAUSE) this.suspect(trail, half, FORGOTTEN_REPLY, sight)
      } else if (after(sight.sequence, trails.side(trail, 0, SIDE_LIMIT))) {
        this.suspect(trail, half, LEAKED_REPLY, sight)
      }
      return
    }
  }

  /** A RST without a socket behind it: does it answer a packet that should have been translated? */
  reset(trail: number, direction: number, sight: Sight): void {
    const { trails } = this
    if (trails.get(trail, SUSPICION) !== 0) {
      if (
        direction !== trails.get(trail, SUSPICION_SIDE) &&
        sight.sequence === trails.get(trail, SUSPICION_ACK)
      )
        this.confirm(trail, sight)
      return
    }
    if (direction === 0) this.forgotten(trail, sight)
  }

  /** A reply with the backend's address, to the client port of a flow that has another. */
  private isReply(trail: number, sight: Sight): boolean {
    const { trails } = this
    let flow = trails.nextOf(-1, sight, true)
    for (let i = 0; i < MOST_SIBLINGS && flow >= 0; i++, flow = trails.nextOf(flow, sight, true)) {
      if (!this.isUnderWay(flow, sight) || !acknowledges(sight, trails.side(flow, 0, SIDE_END))) continue
      if (sight.sequence === trails.side(flow, 1, SIDE_END)) {
        if (sight.time - trails.time(flow) < PAUSE) continue
        this.suspect(trail, flow, FORGOTTEN_REPLY, sight)
        return true
      }
      if (!this.isOutside(flow, 1, sight)) continue
      this.suspect(trail, flow, LEAKED_REPLY, sight)
      return true
    }
    return false
  }

  /** The next packet of a flow, after a pause, to another address: where the flow's destination was translated before. */
  private isSentOn(trail: number, sight: Sight): boolean {
    const { trails } = this
    let flow = trails.nextOf(-1, sight, false)
    for (let i = 0; i < MOST_SIBLINGS && flow >= 0; i++, flow = trails.nextOf(flow, sight, false)) {
      if (flow === trail || !this.isUnderWay(flow, sight) || !this.continues(flow, sight)) continue
      if (sight.time - trails.time(flow) < PAUSE || !this.hadPause(flow, sight)) continue
      this.suspect(trail, flow, FORGOTTEN_REPLY, sight)
      this.add('idle-timeout-untranslated-reply', 'certain', trail, flow, sight.point, AFTER_PAUSE, [
        this.stepBefore(flow, 'last packets before the pause'),
        ...this.gapSteps(flow),
        { what: 'the connection goes on, untranslated', frames: [frameOf(sight)] },
      ])
      return true
    }
    return false
  }

  /** A packet to the same server that goes on where another flow was, with another source. */
  private isEgress(trail: number, flow: number, sight: Sight): boolean {
    const { trails } = this
    if (!this.isUnderWay(flow, sight) || !this.acknowledgesLast(flow, sight)) return false
    if (trails.isFrom(flow, sight)) {
      if (!this.continues(flow, sight) || sight.time - trails.time(flow) < PAUSE) return false
      this.suspect(trail, flow, REMAPPED, sight)
      return true
    }
    if (this.continues(flow, sight)) {
      if (!trails.has(flow, TRAIL_EXPLAINED)) return false
      this.add('idle-timeout-inbound', 'certain', trail, flow, sight.point, FORGOTTEN, [
        { what: 'the connection goes on with the source it has inside', frames: [frameOf(sight)] },
      ])
      return true
    }
    if (!this.isOutside(flow, 0, sight)) return false
    this.add('invalid-leak-private-source', 'certain', trail, flow, sight.point, LEAKED, [
      this.stepBefore(flow, 'the connection as it is translated'),
      { what: 'a segment outside the window, with the source it has inside', frames: [frameOf(sight)] },
    ])
    return true
  }

  private confirm(trail: number, sight: Sight): void {
    const { trails } = this
    const flow = trails.get(trail, RELATED)
    if (flow < 0 || trails.serial(flow) !== trails.get(trail, RELATED_SERIAL)) return
    const stray = { capture: trails.get(trail, CAPTURE), frame: trails.get(trail, SUSPICION_FRAME) }
    const rst: FindingStep = { what: 'RST in answer to it', frames: [frameOf(sight)] }
    const suspicion = trails.get(trail, SUSPICION)
    trails.set(trail, SUSPICION, 0)
    if (suspicion === REMAPPED) {
      this.add('idle-timeout-remapped', 'certain', trail, flow, sight.point, AFTER_PAUSE, [
        this.stepBefore(flow, 'last packets before the pause'),
        { what: 'the connection goes on from another source port', frames: [stray] },
        rst,
      ])
      return
    }
    const isIdle = suspicion === FORGOTTEN_REPLY
    const source = trails.get(trail, SUSPICION_SIDE) === 0 ? trails.initiator(trail) : trails.responder(trail)
    const id = isIdle ? 'idle-timeout-untranslated-reply' : 'invalid-leak'
    this.add(id, 'certain', trail, flow, sight.point, isIdle ? AFTER_PAUSE : LEAKED, [
      this.stepBefore(
        flow,
        isIdle ? 'last packets before the pause' : 'the connection as the client knows it',
      ),
      { what: `a reply with the source ${source}`, frames: [stray] },
      rst,
    ])
  }

  /** Data from outside after a pause, answered by the host that used to pass it on: the RST has not been routed. */
  private forgotten(trail: number, sight: Sight): void {
    const { trails } = this
    if (trails.get(trail, GAP_FRAME) === 0 || trails.get(trail, GAP_SIDE) !== 1) return
    if (trails.has(trail, TRAIL_EXPLAINED) || trails.has(trail, TRAIL_RST)) return
    if (sight.sequence !== trails.side(trail, 1, SIDE_ACK)) return
    if (!isFresh(sight.ttl) || sight.ttl <= trails.side(trail, 0, SIDE_TTL)) return
    trails.mark(trail, TRAIL_EXPLAINED)
    this.add('idle-timeout-inbound', 'likely', trail, -1, sight.point, FORGOTTEN, [
      this.stepBefore(trail, 'last packets before the pause'),
      ...this.gapSteps(trail),
      { what: 'RST of the host itself (its TTL)', frames: [frameOf(sight)] },
    ])
  }

  private suspect(trail: number, flow: number, suspicion: number, sight: Sight): void {
    const { trails } = this
    trails.set(trail, SUSPICION, suspicion)
    trails.set(trail, SUSPICION_FRAME, sight.frame)
    trails.set(trail, SUSPICION_SIDE, trails.direction)
    trails.set(trail, SUSPICION_ACK, sight.acknowledgment)
    trails.set(trail, RELATED, flow)
    trails.set(trail, RELATED_SERIAL, trails.serial(flow))
    trails.mark(flow, TRAIL_EXPLAINED)
  }

  /** Both directions were seen here, from the start or for a while. */
  private isUnderWay(flow: number, sight: Sight): boolean {
    const { trails } = this
    if (trails.point(flow) !== sight.point || trails.side(flow, 0, SIDE_PACKETS) === 0) return false
    return trails.has(flow, TRAIL_SYN) || trails.side(flow, 1, SIDE_PACKETS) > 0
  }

  /** Whether the segment is the very next of the flow's initiator. */
  private continues(flow: number, sight: Sight): boolean {
    return (
      sight.sequence === this.trails.side(flow, 0, SIDE_END) &&
      acknowledges(sight, this.trails.side(flow, 1, SIDE_END))
    )
  }

  /** Whether the segment acknowledges all that the server sent, or as much as the flow did before. */
  private acknowledgesLast(flow: number, sight: Sight): boolean {
    const { trails } = this
    return (
      sight.acknowledgment === trails.side(flow, 1, SIDE_END) ||
      sight.acknowledgment === trails.side(flow, 0, SIDE_ACK)
    )
  }

  /** Whether the flow has been silent before its last packets, or is just now. */
  private hadPause(flow: number, sight: Sight): boolean {
    return this.trails.get(flow, GAP_LENGTH) > 0 || sight.time - this.trails.time(flow) >= PAUSE
  }

  /** Whether conntrack finds a segment of this direction beyond what the other side allowed, or long past. */
  private isOutside(flow: number, direction: number, sight: Sight): boolean {
    const { trails } = this
    // where nothing was seen of a side, nobody knows what it sent or allowed
    if (!this.isSeen(flow, 0) || !this.isSeen(flow, 1)) return false
    const limit = trails.side(flow, 1 - direction, SIDE_LIMIT)
    const window = (limit - trails.side(flow, 1 - direction, SIDE_ACK)) | 0
    const end = (sight.sequence + sight.payload) | 0
    return after(sight.sequence, limit) || before(end, (trails.side(flow, direction, SIDE_END) - window) | 0)
  }

  private isSeen(flow: number, direction: number): boolean {
    const { trails } = this
    const opening = direction === 0 ? TRAIL_SYN : TRAIL_SYN_ACK
    return trails.has(flow, opening) || trails.side(flow, direction, SIDE_PACKETS) > 0
  }

  /** The same connection where its source is not translated yet, or -1: nobody saw it there. */
  private insideOf(flow: number): number {
    const { trails } = this
    if (!trails.has(flow, TRAIL_SYN)) return -1
    const opening = trails.get(flow, SYN + OPENING_SEQUENCE)
    for (let other = 0; other < trails.count; other++) {
      if (trails.get(other, SYN + OPENING_SEQUENCE) !== opening || !trails.has(other, TRAIL_SYN)) continue
      if (trails.get(other, SYN + OPENING_TTL) <= trails.get(flow, SYN + OPENING_TTL)) continue
      if (trails.initiator(other) !== trails.initiator(flow)) return other
    }
    return -1
  }

  private stepBefore(flow: number, what: string): FindingStep {
    const { trails } = this
    const capture = trails.get(flow, CAPTURE)
    const last =
      trails.get(flow, GAP_FRAME) === 0 ? trails.side(flow, 1, SIDE_FRAME) : trails.get(flow, GAP_BEFORE)
    return { what, frames: [{ capture, frame: last }] }
  }

  private gapSteps(flow: number): FindingStep[] {
    const { trails } = this
    const frame = trails.get(flow, GAP_FRAME)
    if (frame === 0) return []
    const seconds = (trails.get(flow, GAP_LENGTH) / 1000).toFixed(1)
    return [
      { what: `data after ${seconds} s of silence`, frames: [{ capture: trails.get(flow, CAPTURE), frame }] },
    ]
  }

  /** @param seen the flow that `trail` belongs to; `meant`: the same where nothing is translated yet */
  private partiesOf(trail: number, seen: number, meant: number): Parties {
    const { trails } = this
    const ends = [trails.initiator(trail), trails.responder(trail)]
    const client = trails.initiator(seen)
    const own = { protocol: trails.protocol(seen), client: trails.initiator(meant) }
    const server = trails.responder(seen)
    // the server is where it was: what is translated is the client
    if (ends.includes(server)) return { ...own, service: '', backend: server }
    const backend = ends.includes(client) ? ends.find(end => end !== client) : undefined
    return { ...own, service: server, backend: backend ?? '' }
  }

  /** @param flow the flow that `trail` belongs to, -1: itself */
  private add(
    id: NatFindingId,
    confidence: Confidence,
    trail: number,
    flow: number,
    point: number,
    reason: string,
    steps: FindingStep[],
  ): void {
    const { trails } = this
    const seen = flow < 0 ? trail : flow
    const inside = this.insideOf(seen)
    const meant = inside < 0 ? seen : inside
    const masked = inside < 0 ? '' : `, translated to ${trails.initiator(seen)} -> ${trails.responder(seen)}`
    const own = `${trails.initiator(trail)} -> ${trails.responder(trail)}`
    const text = `tcp ${trails.initiator(meant)} -> ${trails.responder(meant)}${masked}`
    this.cases.add({
      id,
      confidence,
      reason,
      client: trails.initiator(meant),
      flow: flow < 0 ? text : `${text}, untranslated ${own}`,
      parties: this.partiesOf(trail, seen, meant),
      point,
      steps,
      // the flow had been told of when it was answered by RST
      isSequel: id === 'idle-timeout-inbound' && confidence === 'certain',
    })
  }
}

const AFTER_PAUSE =
  'the sequence numbers go on exactly where the connection stopped before the pause, with other addresses or ports'
const FORGOTTEN = 'after the pause the answer is a RST without a socket, made on the host itself by its TTL'
const LEAKED =
  'the segment acknowledges what this connection sent, has other addresses, and is outside the window that was offered'

function acknowledges(sight: Sight, end: number): boolean {
  return !after(sight.acknowledgment, end) && after(sight.acknowledgment, (end - ACK_SLACK) | 0)
}

const frameOf = (sight: Sight) => ({ capture: sight.capture, frame: sight.frame })
