// TCP checksums that were captured unfinished, because hardware or nobody adds the rest later. Evidence of nothing.
import type { Case, Cases } from './cases.ts'
import type { RemarkId } from './flow-catalogue.ts'
import { type Sight, SUM_UNFINISHED, SUM_UNKNOWN } from './sight.ts'
import type { Trails } from './trails.ts'

/** SYNs that are looked at: what a host does to its packets it does to all of them. */
const MOST_LOOKS = 4096
/** One in so many sound checksums may look unfinished by chance, and far fewer do. */
const CHANCE = 64
const MOST_NAMED = 20

export class UnfinishedSums {
  private readonly trails: Trails
  private readonly notes: Cases<RemarkId>
  private readonly found: Case<RemarkId>[] = []
  private looks = 0
  private count = 0

  constructor(trails: Trails, notes: Cases<RemarkId>) {
    this.trails = trails
    this.notes = notes
  }

  /** The first SYN or SYN-ACK of a connection at a point. */
  opening(trail: number, { capture, frame, point, sum }: Sight): void {
    const { trails } = this
    if (this.looks === MOST_LOOKS || sum === SUM_UNKNOWN) return
    this.looks++
    if (sum !== SUM_UNFINISHED) return
    this.count++
    if (this.found.length === MOST_NAMED) return
    const client = trails.initiator(trail)
    this.found.push({
      id: 'offload-checksum',
      confidence: 'certain',
      reason:
        'the checksum is the sum of the pseudo header, as the kernel leaves it to whoever sends the packet',
      client,
      flow: `tcp ${client} -> ${trails.responder(trail)}`,
      point,
      steps: [{ what: 'SYN with an unfinished checksum', frames: [{ capture, frame }] }],
    })
  }

  conclude(): void {
    if (this.count * CHANCE < this.looks || this.count < 2) return
    for (const found of this.found) this.notes.add(found)
  }
}
