// SYNs into a tunnel that repeat at 1, 3, 7, 15, 31 and 63 seconds: what a wrong outer checksum looks like, and a drop.
import type { Cases } from './cases.ts'
import type { Confidence } from './finding.ts'
import type { RemarkId } from './flow-catalogue.ts'
import type { FlowForms } from './flow-forms.ts'
import type { Sight } from './sight.ts'
import { CAPTURE, TRAIL_SYN_ACK, type Trails } from './trails.ts'

/** Flows with repeated SYNs that are followed, and SYNs of each that are kept: 0.3 kB a flow. */
const MOST_LADDERS = 1024
const MOST_RUNGS = 12
/** How often the interval between SYNs must double. */
const LEAST_DOUBLINGS = 2
const SECOND = 1e9
/** The SYN that is sent then is answered, or a later one. */
const LATE_ANSWER = 30e9
/** How far from double an interval may be. */
const SLACK = 0.25

interface Ladder {
  serial: number
  times: number[]
  frames: number[]
  number: number
  answerTime: number
  answerFrame: number
}

export class SynLadders {
  private readonly trails: Trails
  private readonly cases: Cases
  private readonly notes: Cases<RemarkId>
  private readonly forms: FlowForms
  /** By trail, the oldest first. */
  private readonly ladders = new Map<number, Ladder>()

  constructor(trails: Trails, cases: Cases, notes: Cases<RemarkId>, forms: FlowForms) {
    this.trails = trails
    this.cases = cases
    this.notes = notes
    this.forms = forms
  }

  /** A SYN or SYN-ACK; `number` is its packet's. */
  opening(trail: number, sight: Sight, isAnswer: boolean, number: number): void {
    const serial = this.trails.serial(trail)
    let ladder = this.ladders.get(trail)
    if (ladder === undefined || ladder.serial !== serial) {
      if (isAnswer) return
      ladder = { serial, times: [], frames: [], number: -1, answerTime: -1, answerFrame: 0 }
      this.ladders.delete(trail)
      if (this.ladders.size === MOST_LADDERS) this.giveUpOldest()
      this.ladders.set(trail, ladder)
    }
    if (isAnswer) {
      if (ladder.answerTime >= 0) return
      ladder.answerTime = sight.time
      ladder.answerFrame = sight.frame
      if (sight.time - ladder.times[0] < LATE_ANSWER) this.ladders.delete(trail)
      return
    }
    if (ladder.number === number || ladder.times.length === MOST_RUNGS) return
    ladder.number = number
    ladder.times.push(sight.time)
    ladder.frames.push(sight.frame)
  }

  conclude(): void {
    for (const [trail, ladder] of this.ladders) {
      if (ladder.serial !== this.trails.serial(trail) || !isLadder(ladder.times)) continue
      const wait = ladder.answerTime - ladder.times[0]
      if (wait >= LATE_ANSWER) {
        const why = `the SYN was answered after ${(wait / 1e9).toFixed(1)} s, until then it was repeated at doubling intervals`
        this.add(this.cases, trail, ladder, 'likely', why)
      } else if (ladder.answerTime < 0 && this.servesOthers(trail)) {
        const why = `${ladder.times.length} SYNs at doubling intervals went unanswered, other connections of that server were accepted`
        this.add(this.notes, trail, ladder, 'possible', why)
      }
    }
  }

  private add(
    cases: Pick<Cases<'vxlan-checksum'>, 'add'>,
    trail: number,
    { times, frames, answerTime, answerFrame }: Ladder,
    confidence: Confidence,
    reason: string,
  ): void {
    const capture = this.trails.get(trail, CAPTURE)
    const { client, flow } = this.forms.of(trail)
    const rungs = times.map(time => ((time - times[0]) / 1e9).toFixed(0)).join(', ')
    cases.add({
      id: 'vxlan-checksum',
      confidence,
      reason,
      client,
      flow,
      point: this.trails.point(trail),
      steps: [
        { what: `SYNs at ${rungs} s`, frames: frames.map(frame => ({ capture, frame })) },
        ...(answerTime < 0 ? [] : [{ what: 'SYN-ACK', frames: [{ capture, frame: answerFrame }] }]),
      ],
    })
  }

  /** Whether the server accepted somebody else. */
  private servesOthers(trail: number): boolean {
    const { trails } = this
    for (let other = 0; other < trails.count; other++) {
      if (trails.has(other, TRAIL_SYN_ACK) && trails.sameResponder(trail, other)) return true
    }
    return false
  }

  private giveUpOldest(): void {
    for (const oldest of this.ladders.keys()) {
      this.ladders.delete(oldest)
      return
    }
  }
}

/** Whether the intervals between SYNs begin with one second, which newer kernels wait a few times, and then double. */
function isLadder(times: readonly number[]): boolean {
  let interval = SECOND
  let doublings = 0
  for (let i = 1; i < times.length; i++) {
    const next = times[i] - times[i - 1]
    if (isAbout(next, 2 * interval) && i > 1) {
      interval *= 2
      doublings++
    } else if (interval !== SECOND || !isAbout(next, SECOND)) return false
  }
  return doublings >= LEAST_DOUBLINGS
}

function isAbout(interval: number, expected: number): boolean {
  return Math.abs(interval - expected) <= expected * SLACK
}
