// First packets that enter the host and never leave it: two that raced for one port, or all from one moment on.
import { IPPROTO_TCP, IPPROTO_UDP } from '../net/numbers.ts'
import { MOST_POINTS } from '../vantage/points.ts'
import type { Cases } from './cases.ts'
import type { FindingStep } from './finding.ts'
import { partiesOf } from './stray-answers.ts'
import {
  CAPTURE,
  OPENING_FRAME,
  SIDE_FRAME,
  SIDE_PACKETS,
  SYN,
  SYN_COUNT,
  TRAIL_FORWARDED,
  TRAIL_OPEN,
  TRAIL_SYN_ACK,
  type Trails,
} from './trails.ts'

/** First packets that are remembered, for one that raced them; a power of two. */
const RECENT = 64
/** Two packets that meet in NAT are that close. */
const RACE_TIME = 1e6
/** New flows lost in a row that are no accident, and how many of them are named. */
const LEAST_LOST = 10
const MOST_NAMED = 256

export class Losses {
  private readonly trails: Trails
  private readonly cases: Cases
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
  /** Flows that were forwarded, ever; new flows lost one after another, now and at most. */
  private forwarded = 0
  private streak = 0
  private streakTime = 0
  private streakCapture = -1
  private longest = 0
  /** Packets of open flows that were forwarded meanwhile. */
  private passing = 0
  private passingAtLongest = 0
  /** Whether nothing was seen where packets leave since the longest streak began. */
  private isCutShort = false
  private readonly lost = new Int32Array(MOST_NAMED)
  private readonly lostSerials = new Int32Array(MOST_NAMED)
  private lostCount = 0
  private races = 0

  constructor(trails: Trails, cases: Cases) {
    this.trails = trails
    this.cases = cases
  }

  /** A point saw a packet. */
  saw(point: number, time: number): void {
    this.lastTimes[point] = time
  }

  /** A packet left the host there. */
  left(point: number, capture: number): void {
    this.exit = point
    this.exitCapture = capture
  }

  /** A packet of an initiator, whose first sighting is in `trail`, went through the host, or was not seen to. */
  passed(trail: number, time: number, isForwarded: boolean, isSourceTranslated: boolean): void {
    const { trails } = this
    if (trail < 0) return
    if (isForwarded && !trails.has(trail, TRAIL_FORWARDED)) {
      trails.mark(trail, TRAIL_FORWARDED)
    }
    if (!this.isFirst(trail)) {
      if (isForwarded && this.streak > 0) this.passing++
      return
    }
    const kind = (isForwarded ? 1 : 0) | (isSourceTranslated ? 2 : 0)
    const hasRaced = this.race(trail, time, kind)
    this.remember(trail, time, kind)
    if (isForwarded) this.endStreak()
    else if (!hasRaced && this.forwarded > 0) this.lose(trail)
    if (isForwarded) this.forwarded++
  }

  /** Looks once more at what was lost: a packet may have been seen late, or its repetition have passed. */
  conclude(): void {
    const { trails, cases } = this
    this.endStreak()
    const lost = this.lostForGood()
    if (this.longest < LEAST_LOST || lost.length < LEAST_LOST) return
    const isSure = this.passingAtLongest > 0
    const streak = `${this.longest} new connections in a row came in and did not leave, ${this.forwarded} others had`
    const how = isSure ? ', and open ones went on' : ''
    const end = this.isCutShort
      ? '; where they had left, nothing more was seen at all: that capture may have ended earlier, but nobody answered them either'
      : ''
    for (const trail of lost) {
      cases.add({
        id: 'conntrack-table-full',
        confidence: isSure ? 'likely' : 'possible',
        reason: `${streak}${how}: a full table drops so, but a rule may, too${end}`,
        client: trails.initiator(trail),
        flow: `tcp ${trails.initiator(trail)} -> ${trails.responder(trail)}`,
        parties: partiesOf(trails, trail, -1),
        point: trails.point(trail),
        steps: this.stepsOf(trail),
        tries: trails.get(trail, SYN_COUNT),
      })
    }
  }

  /** Of the flows lost those that did not leave later, and that nobody answered. */
  private lostForGood(): number[] {
    const { trails } = this
    return Array.from(this.lost.subarray(0, this.lostCount)).filter(
      (trail, i) =>
        trails.serial(trail) === this.lostSerials[i] &&
        !trails.has(trail, TRAIL_FORWARDED | TRAIL_SYN_ACK | TRAIL_OPEN),
    )
  }

  private stepsOf(trail: number): FindingStep[] {
    const { trails } = this
    const capture = trails.get(trail, CAPTURE)
    const first = trails.get(trail, SYN + OPENING_FRAME)
    const last = trails.side(trail, 0, SIDE_FRAME)
    const opening = {
      what: 'a SYN comes in, and does not leave the host',
      frames: [{ capture, frame: first }],
    }
    if (last === first) return [opening]
    return [
      opening,
      { what: 'it is repeated, and does not leave either', frames: [{ capture, frame: last }] },
    ]
  }

  /** The first packet of a flow: its first SYN, or its first datagram. */
  private isFirst(trail: number): boolean {
    const { trails } = this
    const isTcp = trails.protocol(trail) === IPPROTO_TCP
    if (isTcp) return trails.get(trail, SYN_COUNT) === 1 && trails.side(trail, 0, SIDE_PACKETS) === 0
    return trails.side(trail, 0, SIDE_PACKETS) === 1 && trails.side(trail, 1, SIDE_PACKETS) === 0
  }

  private lose(trail: number): void {
    const { trails } = this
    if (trails.protocol(trail) !== IPPROTO_TCP) return
    if (this.streak === 0) this.streakTime = trails.startTimes[trail]
    this.streak++
    this.streakCapture = trails.get(trail, CAPTURE)
    if (this.lostCount === MOST_NAMED) return
    this.lost[this.lostCount] = trail
    this.lostSerials[this.lostCount++] = trails.serial(trail)
  }

  private endStreak(): void {
    if (this.streak > this.longest) {
      this.longest = this.streak
      this.passingAtLongest = this.passing
      // the capture of the other side may simply have ended
      this.isCutShort =
        this.exitCapture !== this.streakCapture && this.lastTimes[this.exit] <= this.streakTime
    } else if (this.longest < LEAST_LOST) this.lostCount = 0
    this.streak = 0
    this.passing = 0
  }

  private remember(trail: number, time: number, kind: number): void {
    this.recent[this.next] = trail
    this.serials[this.next] = this.trails.serial(trail)
    this.times[this.next] = time
    this.kinds[this.next] = kind
    this.next = (this.next + 1) & (RECENT - 1)
  }

  /** Whether one of two first packets of one port was lost, and the other left with a translated source. */
  private race(trail: number, time: number, kind: number): boolean {
    const { trails } = this
    for (let i = 0; i < RECENT; i++) {
      const other = this.recent[i]
      if (other < 0 || other === trail || trails.serial(other) !== this.serials[i]) continue
      if (Math.abs(time - this.times[i]) > RACE_TIME || !this.areRivals(trail, other)) continue
      if ((kind & 1) === 0 && this.kinds[i] === 3) this.raced(trail, other)
      else if (kind === 3 && (this.kinds[i] & 1) === 0) this.raced(other, trail)
      else continue
      return true
    }
    return false
  }

  private areRivals(a: number, b: number): boolean {
    const { trails } = this
    // answers of two servers to one client, whose questions came before the capture, are none
    const isAnswer = trails.protocol(a) === IPPROTO_UDP && trails.hasLowerPort(a)
    return (
      !isAnswer &&
      trails.protocol(a) === trails.protocol(b) &&
      trails.sameResponder(a, b) &&
      trails.isPortShared(a, b) &&
      trails.initiator(a) !== trails.initiator(b)
    )
  }

  private raced(lost: number, won: number): void {
    const { trails, cases } = this
    const protocol = trails.protocol(lost) === IPPROTO_TCP ? 'tcp' : 'udp'
    const client = trails.initiator(lost)
    this.races++
    cases.add({
      id: 'snat-insert-race',
      confidence: this.races > 2 ? 'certain' : 'likely',
      reason: `two hosts used one source port to one destination within a millisecond; one packet left translated, the other did not leave${this.races > 2 ? ', again and again' : ''}`,
      client,
      flow: `${protocol} ${client} -> ${trails.responder(lost)}`,
      parties: partiesOf(trails, lost, -1),
      point: trails.point(lost),
      steps: [
        { what: `first packet of ${trails.initiator(won)}: left the host`, frames: [this.frame(won)] },
        { what: `first packet of ${client}: did not`, frames: [this.frame(lost)] },
      ],
    })
  }

  private frame(trail: number) {
    return { capture: this.trails.get(trail, CAPTURE), frame: this.trails.side(trail, 0, SIDE_FRAME) }
  }
}
