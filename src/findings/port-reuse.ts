// A source port that is used again while its last connection is still remembered: by the table, or by the peer.
import { after } from '../net/sequence.ts'
import { pointOfSide } from '../vantage/points.ts'
import type { Cases } from './cases.ts'
import type { Confidence, FindingStep } from './finding.ts'
import type { RemarkId } from './flow-catalogue.ts'
import type { FlowForms } from './flow-forms.ts'
import type { Sight } from './sight.ts'
import {
  CAPTURE,
  OPENING_FRAME,
  OPENING_SEQUENCE,
  REUSE,
  REUSE_ANSWER,
  REUSE_BEFORE,
  REUSE_PAUSE,
  SIDE_END,
  SIDE_FRAME,
  SYN,
  SYN_COUNT,
  TRAIL_FIN,
  TRAIL_FIN_BACK,
  TRAIL_RST,
  TRAIL_SYN_ACK,
  type Trails,
} from './trails.ts'

// how the last connection had ended, in bits 0 to 2 of REUSE
const OPEN = 1
const HALF_CLOSED = 2
const CLOSED = 3
const WAS_RESET = 4
const ENDS = ['', 'was still open', 'was half closed', 'had been closed', 'had been reset']
/** How long the kernel keeps such an entry, by default. */
const KEPT = [0, Number.POSITIVE_INFINITY, 120e9, 120e9, 10e9]
const END_BITS = 7
/** The SYN's number is below the last of the old connection: its peer cannot tell it from an old duplicate. */
const IS_BELOW = 8
// what came in answer
const CHALLENGED = 16
const REFUSED = 32

/** How long an answer may still come. */
const GRACE = 1.5e9
/** Refused and unanswered SYNs for which other connections of the server are looked for. */
const MOST_SEARCHES = 256

export class PortReuse {
  private readonly trails: Trails
  private readonly cases: Cases
  private readonly notes: Cases<RemarkId>
  private readonly forms: FlowForms
  private searches = 0

  constructor(trails: Trails, cases: Cases, notes: Cases<RemarkId>, forms: FlowForms) {
    this.trails = trails
    this.cases = cases
    this.notes = notes
    this.forms = forms
  }

  /** A SYN with another number than the trail's connection had, which the trail still tells of. */
  reopened(trail: number, sight: Sight): void {
    const { trails } = this
    if (!trails.has(trail, TRAIL_SYN_ACK)) return
    const end = this.endOf(trail)
    const pause = sight.time - trails.time(trail)
    if (pause >= KEPT[end]) {
      trails.set(trail, REUSE, 0)
      return
    }
    const isBelow = !after(sight.sequence, trails.side(trail, 0, SIDE_END))
    trails.set(trail, REUSE, end | (isBelow ? IS_BELOW : 0))
    const before = Math.max(trails.side(trail, 0, SIDE_FRAME), trails.side(trail, 1, SIDE_FRAME))
    trails.set(trail, REUSE_BEFORE, before)
    trails.set(trail, REUSE_PAUSE, Math.min(pause / 1e6, 0x7fffffff))
    trails.set(trail, REUSE_ANSWER, 0)
  }

  /** Its first SYN-ACK. */
  answered(trail: number, sight: Sight): void {
    const { trails } = this
    if (trails.get(trail, REUSE) === 0) return
    const { client, flow } = this.forms.of(trail)
    this.notes.add({
      id: 'port-reuse',
      confidence: 'certain',
      reason: `the last connection ${ENDS[trails.get(trail, REUSE) & END_BITS]}`,
      client,
      flow,
      point: trails.point(trail),
      steps: [
        ...this.steps(trail),
        { what: 'SYN-ACK', frames: [{ capture: sight.capture, frame: sight.frame }] },
      ],
    })
    trails.set(trail, REUSE, 0)
  }

  /** An ACK is all the answer: the server takes the SYN for one of the last connection. */
  challenged(trail: number, sight: Sight): void {
    const { trails } = this
    const acknowledged = sight.acknowledgment
    // what acknowledges the new SYN belongs to the new connection: its SYN-ACK was not captured
    const isAfterSyn = after(acknowledged, trails.get(trail, SYN + OPENING_SEQUENCE))
    // the last connection ended behind it only if the SYN has a number below that end
    const isBelow = (trails.get(trail, REUSE) & IS_BELOW) !== 0
    const isNew = isAfterSyn && (!isBelow || !after(acknowledged, trails.side(trail, 0, SIDE_END)))
    if (isNew) trails.set(trail, REUSE, 0)
    else this.note(trail, CHALLENGED, sight)
  }

  reset(trail: number, sight: Sight): void {
    const { trails } = this
    if (trails.get(trail, REUSE) !== 0 && !trails.has(trail, TRAIL_SYN_ACK)) this.note(trail, REFUSED, sight)
  }

  /** Looks at a flow whose SYN has never been answered by a SYN-ACK; `now` is the time of the last packet. */
  conclude(trail: number, now: number): void {
    const { trails } = this
    const reuse = trails.get(trail, REUSE)
    if (reuse === 0 || trails.has(trail, TRAIL_SYN_ACK) || trails.startTimes[trail] > now - GRACE) return
    const found = this.assess(trail, reuse)
    if (found === null) return
    const { client, flow } = this.forms.of(trail)
    this.cases.add({
      id: 'port-reuse',
      confidence: found.confidence,
      reason: `${found.why}; the last connection ${ENDS[reuse & END_BITS]}`,
      client,
      flow,
      point: trails.point(trail),
      steps: [...this.steps(trail), ...this.answerSteps(trail, reuse)],
    })
  }

  private assess(trail: number, reuse: number): { confidence: Confidence; why: string } | null {
    if ((reuse & CHALLENGED) !== 0) {
      return { confidence: 'certain', why: 'the SYN was answered by an ACK of the last connection' }
    }
    const isSilent = (reuse & REFUSED) === 0
    if (isSilent && this.trails.get(trail, SYN_COUNT) < 2) return null
    // a server that is gone refuses or ignores everybody
    if (!this.servesOthers(trail)) return null
    return {
      confidence: 'likely',
      why: `the SYN was ${isSilent ? 'never answered' : 'refused'}, and the server accepted other connections afterwards`,
    }
  }

  /** Whether the server accepted a connection that began later. */
  private servesOthers(trail: number): boolean {
    const { trails } = this
    if (this.searches === MOST_SEARCHES) return false
    this.searches++
    const point = pointOfSide(trails.point(trail))
    for (let other = 0; other < trails.count; other++) {
      if (trails.startTimes[other] < trails.startTimes[trail] || !trails.has(other, TRAIL_SYN_ACK)) continue
      if (trails.sameResponder(trail, other) && pointOfSide(trails.point(other)) === point) return true
    }
    return false
  }

  private endOf(trail: number): number {
    const { trails } = this
    if (trails.has(trail, TRAIL_RST)) return WAS_RESET
    const fins = (trails.has(trail, TRAIL_FIN) ? 1 : 0) + (trails.has(trail, TRAIL_FIN_BACK) ? 1 : 0)
    return fins === 2 ? CLOSED : fins === 1 ? HALF_CLOSED : OPEN
  }

  private note(trail: number, bit: number, sight: Sight): void {
    const { trails } = this
    const reuse = trails.get(trail, REUSE)
    if ((reuse & (CHALLENGED | REFUSED)) === 0) trails.set(trail, REUSE_ANSWER, sight.frame)
    trails.set(trail, REUSE, reuse | bit)
  }

  private steps(trail: number): FindingStep[] {
    const { trails } = this
    const capture = trails.get(trail, CAPTURE)
    const seconds = (trails.get(trail, REUSE_PAUSE) / 1000).toFixed(3)
    const isBelow = (trails.get(trail, REUSE) & IS_BELOW) !== 0
    return [
      {
        what: 'last packet of the connection before',
        frames: [{ capture, frame: trails.get(trail, REUSE_BEFORE) }],
      },
      {
        what: `SYN from the same port ${seconds} s later${isBelow ? ', its number below the last one' : ''}`,
        frames: [{ capture, frame: trails.get(trail, SYN + OPENING_FRAME) }],
      },
    ]
  }

  private answerSteps(trail: number, reuse: number): FindingStep[] {
    if ((reuse & (CHALLENGED | REFUSED)) === 0) return []
    const what = (reuse & CHALLENGED) !== 0 ? 'ACK instead of a SYN-ACK' : 'RST'
    const frame = this.trails.get(trail, REUSE_ANSWER)
    return [{ what, frames: [{ capture: this.trails.get(trail, CAPTURE), frame }] }]
  }
}
