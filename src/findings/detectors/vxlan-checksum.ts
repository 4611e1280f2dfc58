// SYNs into a tunnel that repeat at 1, 3, 7, 15, 31 and 63 seconds: what a wrong outer checksum looks like, and a drop.

import { TCP_ACK } from '../../net/numbers.ts'
import type { FlowForms } from '../evidence/flow-forms.ts'
import type { Legs } from '../evidence/legs.ts'
import type { Observation } from '../evidence/observation.ts'
import { ACCEPTED_START } from '../evidence/responders.ts'
import type { Collector } from '../facts/collector.ts'
import { type Phrase, phrase, step } from '../facts/facts.ts'
import type { Detector } from './detector.ts'

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

export class SynLadders implements Detector {
  readonly ids = ['vxlan-checksum'] as const
  /** One whose SYN was answered late. */
  readonly hearsSound = true
  private readonly legs: Legs
  private readonly collector: Collector
  private readonly forms: FlowForms
  /** By leg, the oldest first. */
  private readonly ladders = new Map<number, Ladder>()

  constructor(legs: Legs, collector: Collector, forms: FlowForms) {
    this.legs = legs
    this.collector = collector
    this.forms = forms
  }

  opening(leg: number, seen: Observation): void {
    const { number } = seen
    const isAnswer = (seen.flags & TCP_ACK) !== 0
    const serial = this.legs.serial(leg)
    let ladder = this.ladders.get(leg)
    if (ladder === undefined || ladder.serial !== serial) {
      if (isAnswer) return
      ladder = { serial, times: [], frames: [], number: -1, answerTime: -1, answerFrame: 0 }
      this.ladders.delete(leg)
      if (this.ladders.size === MOST_LADDERS) this.judgeOldest()
      this.ladders.set(leg, ladder)
    }
    if (isAnswer) {
      if (ladder.answerTime >= 0) return
      ladder.answerTime = seen.time
      ladder.answerFrame = seen.frame
      if (seen.time - ladder.times[0] < LATE_ANSWER) this.ladders.delete(leg)
      return
    }
    if (ladder.number === number || ladder.times.length === MOST_RUNGS) return
    ladder.number = number
    ladder.times.push(seen.time)
    ladder.frames.push(seen.frame)
  }

  /** A leg goes: its SYNs are judged. */
  ended(leg: number): void {
    const ladder = this.ladders.get(leg)
    if (ladder === undefined) return
    this.ladders.delete(leg)
    this.judge(leg, ladder)
  }

  conclude(): void {
    for (const [leg, ladder] of this.ladders) this.judge(leg, ladder)
  }

  private judge(leg: number, ladder: Ladder): void {
    if (ladder.serial !== this.legs.serial(leg) || !isLadder(ladder.times)) return
    const wait = ladder.answerTime - ladder.times[0]
    if (wait >= LATE_ANSWER) this.add(leg, ladder, phrase('late', { wait: wait / 1e6 }))
    else if (ladder.answerTime < 0 && this.servesOthers(leg))
      this.add(leg, ladder, phrase('never', { syns: ladder.times.length }))
  }

  private add(leg: number, { times, frames, answerTime, answerFrame }: Ladder, reason: Phrase): void {
    const capture = this.legs.capture(leg)
    const { client, flow } = this.forms.of(leg)
    const seconds = times.map(time => ((time - times[0]) / 1e9).toFixed(0)).join(', ')
    const isAnswered = answerTime >= 0
    const syns = frames.map(frame => ({ capture, frame }))
    this.collector.add({
      id: 'vxlan-checksum',
      severity: isAnswered ? 'warning' : 'info',
      confidence: isAnswered ? 'likely' : 'possible',
      reason,
      client,
      flow,
      point: this.legs.point(leg),
      time: times[0],
      steps: [
        step('syns', syns, { seconds }),
        ...(isAnswered ? [step('syn-ack', [{ capture, frame: answerFrame }])] : []),
      ],
    })
  }

  /** Whether the server accepted somebody else. */
  private servesOthers(leg: number): boolean {
    const { legs } = this
    return !Number.isNaN(legs.responders.time(legs.responder(leg), ACCEPTED_START))
  }

  private judgeOldest(): void {
    for (const oldest of this.ladders.keys()) {
      this.ended(oldest)
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
