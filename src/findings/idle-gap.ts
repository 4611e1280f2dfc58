// Connections that did not go on after a long pause, and which well-known timeouts the pause was longer than.
import type { Cases } from './cases.ts'
import type { Confidence, FindingStep } from './finding.ts'
import type { FlowForms } from './flow-forms.ts'
import type { Sight } from './sight.ts'
import {
  CAPTURE,
  GAP_BEFORE,
  GAP_FRAME,
  GAP_LENGTH,
  GAP_PACKETS,
  GAP_SIDE,
  GAP_TIME,
  REUSE,
  SIDE_FRAME,
  SIDE_PACKETS,
  SIDE_TTL,
  TRAIL_EXPLAINED,
  TRAIL_FIN,
  TRAIL_FIN_BACK,
  TRAIL_RST,
  type Trails,
} from './trails.ts'

/** How long known boxes remember an idle TCP connection unless they are told otherwise, in seconds. */
const TIMERS: readonly [number, string][] = [
  [240, 'Azure Load Balancer'],
  [350, 'AWS Network Load Balancer, NAT gateway, Nitro v6'],
  [600, 'Google Cloud VPC'],
  [900, 'IPVS'],
  [1200, 'Google Cloud NAT'],
  [3600, 'an hour, many firewalls'],
  [7440, 'RFC 5382, OpenWrt'],
  [86400, 'kube-proxy, pf'],
  [432000, 'nf_conntrack'],
]
const LEAST = TIMERS[0][0] * 1000
/** Packets into the void, the first among them, that are no accident, and for how long: milliseconds. */
const LEAST_UNANSWERED = 3
const LEAST_WAIT = 1000
/** Other connections of the peer are looked for that often. */
const MOST_SEARCHES = 256

/** Data comes exactly where the flow had stopped a while ago; the trail does not know of it yet. */
export function notePause(trails: Trails, trail: number, sight: Sight): void {
  const { direction } = trails
  const length = Math.min((sight.time - trails.time(trail)) / 1e6, 0x7fffffff)
  // one that has not been answered yet may be followed by shorter ones
  const isSequel = trails.get(trail, GAP_FRAME) !== 0 && direction === trails.get(trail, GAP_SIDE)
  if (isSequel && length < trails.get(trail, GAP_LENGTH)) return
  if (trails.get(trail, REUSE) !== 0) return
  trails.set(trail, GAP_FRAME, sight.frame)
  trails.set(trail, GAP_SIDE, direction)
  trails.set(trail, GAP_LENGTH, length)
  trails.set(trail, GAP_BEFORE, trails.side(trail, direction, SIDE_FRAME))
  trails.set(trail, GAP_TIME, Math.min((sight.time - trails.startTimes[trail]) / 1e6, 0x7fffffff))
  trails.set(trail, GAP_PACKETS, trails.side(trail, direction, SIDE_PACKETS))
}

export class IdleGaps {
  private readonly trails: Trails
  private readonly cases: Cases
  private readonly forms: FlowForms
  private searches = 0

  constructor(trails: Trails, cases: Cases, forms: FlowForms) {
    this.trails = trails
    this.cases = cases
    this.forms = forms
  }

  /** The first RST of a flow. */
  reset(trail: number, direction: number, sight: Sight): void {
    const { trails } = this
    if (!this.hasLongGap(trail) || direction === trails.get(trail, GAP_SIDE)) return
    const usual = trails.side(trail, direction, SIDE_TTL)
    const isStranger = usual !== 0 && usual !== sight.ttl
    const why = isStranger
      ? `the RST did not come from the peer (TTL ${sight.ttl}, the peer's is ${usual})`
      : 'the answer to the first data was a RST, from the peer or in its name'
    this.add(trail, isStranger ? 'likely' : 'possible', why, [
      { what: 'RST', frames: [{ capture: sight.capture, frame: sight.frame }] },
    ])
  }

  /** Looks at a flow whose last data after a pause may never have been answered; `now`: the last packet's time. */
  conclude(trail: number, now: number): void {
    const { trails } = this
    if (!this.hasLongGap(trail) || trails.has(trail, TRAIL_RST)) return
    const side = trails.get(trail, GAP_SIDE)
    const packets = trails.side(trail, side, SIDE_PACKETS) - trails.get(trail, GAP_PACKETS)
    const waited = (trails.time(trail) - trails.startTimes[trail]) / 1e6 - trails.get(trail, GAP_TIME)
    if (packets < LEAST_UNANSWERED || waited < LEAST_WAIT) return
    const isAlive = this.answersOthers(trail, now)
    const others = isAlive ? ', though it answered other connections' : ''
    this.add(
      trail,
      isAlive ? 'likely' : 'possible',
      `${packets} packets went unanswered by the peer${others}`,
      [
        {
          what: `the last of ${packets} packets without an answer`,
          frames: [{ capture: trails.get(trail, CAPTURE), frame: trails.side(trail, side, SIDE_FRAME) }],
        },
      ],
    )
  }

  /** A flow that was not being closed, nor is told of by another finding. */
  private hasLongGap(trail: number): boolean {
    const { trails } = this
    if (trails.get(trail, GAP_FRAME) === 0 || trails.get(trail, GAP_LENGTH) < LEAST) return false
    // of an asymmetric path half is never seen
    if (trails.side(trail, 1 - trails.get(trail, GAP_SIDE), SIDE_PACKETS) === 0) return false
    return !trails.has(trail, TRAIL_EXPLAINED | TRAIL_FIN | TRAIL_FIN_BACK)
  }

  /** Whether the peer was heard in another flow of the same two hosts' service since the pause ended. */
  private answersOthers(trail: number, now: number): boolean {
    const { trails } = this
    if (this.searches === MOST_SEARCHES) return false
    this.searches++
    const since = Math.min(trails.time(trail), now)
    for (let other = 0; other < trails.count; other++) {
      if (other === trail || trails.time(other) < since || !trails.sameResponder(trail, other)) continue
      if (trails.side(other, 1, SIDE_PACKETS) > 0 && trails.get(other, GAP_FRAME) === 0) return true
    }
    return false
  }

  private add(trail: number, confidence: Confidence, why: string, last: FindingStep[]): void {
    const { trails } = this
    const capture = trails.get(trail, CAPTURE)
    const seconds = trails.get(trail, GAP_LENGTH) / 1000
    const { client, flow } = this.forms.of(trail)
    this.cases.add({
      id: 'idle-gap',
      confidence,
      reason: `${why}; the pause of ${Math.floor(seconds)} s is longer than ${timersBelow(seconds)}`,
      client,
      flow,
      point: trails.point(trail),
      steps: [
        {
          what: 'last packets before the pause',
          frames: [{ capture, frame: trails.get(trail, GAP_BEFORE) }],
        },
        {
          what: `data after ${Math.floor(seconds)} s of silence`,
          frames: [{ capture, frame: trails.get(trail, GAP_FRAME) }],
        },
        ...last,
      ],
    })
  }
}

/** The longest two timeouts that a pause exceeds: who was told a shorter one knows that. */
function timersBelow(seconds: number): string {
  return TIMERS.filter(([timer]) => timer <= seconds)
    .slice(-2)
    .reverse()
    .map(([timer, whose]) => `${timer} s (${whose})`)
    .join(' and ')
}
