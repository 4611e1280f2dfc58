// TCP checksums that were captured unfinished, because hardware or nobody adds the rest later. Evidence of nothing.

import { flowOfLegs } from '../evidence/flow-forms.ts'
import type { Legs } from '../evidence/legs.ts'
import { type Observation, SUM_UNFINISHED, SUM_UNKNOWN } from '../evidence/observation.ts'
import type { Case, Collector } from '../facts/collector.ts'
import { phrase, step } from '../facts/facts.ts'
import type { Detector } from './detector.ts'

/** SYNs that are looked at: what a host does to its packets it does to all of them. */
const MOST_LOOKS = 4096
/** One in so many sound checksums may look unfinished by chance, and far fewer do. */
const CHANCE = 64
const MOST_NAMED = 20

export class UnfinishedSums implements Detector {
  readonly ids = ['offload-checksum'] as const
  private readonly legs: Legs
  private readonly collector: Collector
  private readonly found: Case[] = []
  private looks = 0
  private count = 0

  constructor(legs: Legs, collector: Collector) {
    this.legs = legs
    this.collector = collector
  }

  opening(leg: number, { capture, frame, point, sum, time }: Observation, isFirst: boolean): void {
    const { legs } = this
    if (!isFirst || this.looks === MOST_LOOKS || sum === SUM_UNKNOWN) return
    this.looks++
    if (sum !== SUM_UNFINISHED) return
    this.count++
    if (this.found.length === MOST_NAMED) return
    this.found.push({
      id: 'offload-checksum',
      severity: 'info',
      confidence: 'certain',
      reason: phrase('pseudo'),
      client: legs.initiatorEnd(leg),
      flow: flowOfLegs(legs, leg, leg),
      point,
      time,
      steps: [step('syn', [{ capture, frame }])],
    })
  }

  conclude(): void {
    if (this.count * CHANCE < this.looks || this.count < 2) return
    for (const found of this.found) this.collector.add(found)
  }
}
