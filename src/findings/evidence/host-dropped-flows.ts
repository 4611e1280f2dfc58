// Flows whose packets the host itself dropped (by its routing, say) before any had an entry: they came in and did not leave.
import { TCP_SYN_SENT } from '../../conntrack/proto/tcp-table.ts'
import { hashTuple, invertTuple, portsOf, Tuple, tupleOf } from '../../conntrack/tuple.ts'
import { PACKET_HOST } from '../../net/numbers.ts'
import { destinationWord, type Packet, sourceWord } from '../../packet/packet.ts'
import type { Sightings } from '../../vantage/record/sighting.ts'
import { endKey } from './end-key.ts'
import { flowOfTuples } from './flow-facts.ts'
import type { ForwardedFlow } from './forwarded-flow.ts'
import { bitOf } from './transits.ts'

/** Flows that are kept. */
const MOST_FLOWS = 256

/** A flow, with the keys of the service that it asked and of its client with the port that it asked for. */
export interface DroppedFlow {
  flow: ForwardedFlow
  service: number
  visit: number
}

export class HostDroppedFlows {
  private readonly kept = new Map<number, DroppedFlow>()
  private readonly tuple = new Tuple()
  private readonly reply = new Tuple()

  get all(): IterableIterator<DroppedFlow> {
    return this.kept.values()
  }

  /** A first packet that has no entry, because the host dropped it. */
  add(packet: Packet, sightings: Sightings): void {
    if (sightings.isLate || sightings.count !== 1) return
    tupleOf(packet, this.tuple)
    const key = hashTuple(this.tuple)
    let known = this.kept.get(key)
    if (known === undefined) {
      if (this.kept.size === MOST_FLOWS || !invertTuple(this.tuple, this.reply)) return
      known = this.begin(packet, sightings)
      this.kept.set(key, known)
    }
    const { flow } = known
    flow.stayed++
    flow.lastTime = sightings.time(0)
    flow.stayedFrames.last = sightings.frame(0)
    flow.requestIn |= bitOf(sightings.point(0))
  }

  private begin(packet: Packet, sightings: Sightings): DroppedFlow {
    const { protocol } = packet
    const port = portsOf(packet) & 0xffff
    const time = sightings.time(0)
    const frame = sightings.frame(0)
    const nowhere = (): ForwardedFlow['requestFrames'] => ({ capture: 0, first: 0, last: 0 })
    return {
      service: endKey(destinationWord(packet), port, protocol),
      visit: endKey(sourceWord(packet), port, protocol),
      flow: {
        protocol,
        flow: flowOfTuples(this.tuple, this.reply),
        isSourceTranslated: false,
        isTargetTranslated: false,
        translated: 0,
        isAnswered: false,
        hasError: false,
        isAnsweredDirectly: false,
        isToHost: sightings.packetType(0) === PACKET_HOST,
        state: TCP_SYN_SENT,
        start: time,
        lastTime: time,
        lastAnswerTime: Number.NEGATIVE_INFINITY,
        requestIn: 0,
        requestOut: 0,
        answerIn: 0,
        answerOut: 0,
        passed: 0,
        stayed: 0,
        answersPassed: 0,
        answersStayed: 0,
        stayedAnswerFrames: nowhere(),
        requestFrames: nowhere(),
        answerFrames: nowhere(),
        stayedFrames: { capture: sightings.capture(0), first: frame, last: frame },
        passedTime: 0,
        stayedTime: time,
      },
    }
  }
}
