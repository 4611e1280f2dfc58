// loopback-source: a packet with a loopback address is on a wire; whoever gets it drops it as a martian (RFC 1122, 3.2.1.3).

import { TCP_ACK } from '../../net/numbers.ts'
import { isLoopback } from '../../net/special-ranges.ts'
import { flowOfLegs } from '../evidence/flow-forms.ts'
import type { Legs } from '../evidence/legs.ts'
import type { Observation } from '../evidence/observation.ts'
import type { Collector } from '../facts/collector.ts'
import { phrase, step } from '../facts/facts.ts'
import type { Detector } from './detector.ts'

/**
 * Look-alikes, none of which is this:
 * - the loopback interface itself, where such addresses belong: its frames have no hardware addresses;
 * - the host's own packets to its own addresses, which take that interface, too.
 */
export class LoopbackSources implements Detector {
  readonly ids = ['loopback-source'] as const
  private readonly legs: Legs
  private readonly collector: Collector

  constructor(legs: Legs, collector: Collector) {
    this.legs = legs
    this.collector = collector
  }

  firstDatagram(leg: number, seen: Observation): void {
    this.first(leg, seen)
  }

  opening(leg: number, seen: Observation, isFirst: boolean): void {
    if (isFirst && (seen.flags & TCP_ACK) === 0) this.first(leg, seen)
  }

  private first(leg: number, seen: Observation): void {
    if (seen.family === 4 ? seen.sourceWord >>> 24 !== 127 : seen.source[0] !== 0) return
    if (seen.sourceMac === 0) return
    const { legs } = this
    const client = legs.initiatorEnd(leg)
    const server = legs.responderEnd(leg)
    if (!isLoopback(client.family, client.words) || isLoopback(server.family, server.words)) return
    this.collector.add({
      id: 'loopback-source',
      severity: 'error',
      confidence: 'certain',
      reason: phrase('on-a-wire'),
      client,
      flow: flowOfLegs(legs, leg, leg),
      point: seen.point,
      time: seen.time,
      steps: [step('first', [{ capture: seen.capture, frame: seen.frame }], { client })],
    })
  }
}
