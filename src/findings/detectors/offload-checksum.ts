// TCP checksums that were captured unfinished, because hardware or nobody adds the rest later. Evidence of nothing.

import type { Legs } from '../evidence/legs.ts'
import { type Observation, SUM_UNFINISHED, SUM_UNKNOWN } from '../evidence/observation.ts'
import type { Case, Cases } from '../facts/collector.ts'
import type { RemarkId } from '../wording/flow-catalogue.ts'

/** SYNs that are looked at: what a host does to its packets it does to all of them. */
const MOST_LOOKS = 4096
/** One in so many sound checksums may look unfinished by chance, and far fewer do. */
const CHANCE = 64
const MOST_NAMED = 20

export class UnfinishedSums {
  private readonly legs: Legs
  private readonly notes: Cases<RemarkId>
  private readonly found: Case<RemarkId>[] = []
  private looks = 0
  private count = 0

  constructor(legs: Legs, notes: Cases<RemarkId>) {
    this.legs = legs
    this.notes = notes
  }

  /** The first SYN or SYN-ACK of a connection at a point. */
  opening(leg: number, { capture, frame, point, sum }: Observation): void {
    const { legs } = this
    if (this.looks === MOST_LOOKS || sum === SUM_UNKNOWN) return
    this.looks++
    if (sum !== SUM_UNFINISHED) return
    this.count++
    if (this.found.length === MOST_NAMED) return
    const client = legs.initiatorText(leg)
    this.found.push({
      id: 'offload-checksum',
      confidence: 'certain',
      reason:
        'the checksum is the sum of the pseudo header, as the kernel leaves it to whoever sends the packet',
      client,
      flow: `tcp ${client} -> ${legs.responderText(leg)}`,
      point,
      steps: [{ what: 'SYN with an unfinished checksum', frames: [{ capture, frame }] }],
    })
  }

  conclude(): void {
    if (this.count * CHANCE < this.looks || this.count < 2) return
    for (const found of this.found) this.notes.add(found)
  }
}
