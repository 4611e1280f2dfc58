// The size of one engine's table in every respect: its occupancy, its owners, how its entries end, what it refused.
import type { Settings } from '../conntrack/settings.ts'
import { STATUS_EXPIRED } from '../conntrack/status.ts'
import type { Table } from '../conntrack/table.ts'
import { Endings } from './endings.ts'
import { Occupancy } from './occupancy.ts'
import type { OwnerFeed } from './owners/owner-feed.ts'
import { type Projection, project } from './projection.ts'
import type { Refusals } from './refusals/refusals.ts'
import { roomOf } from './refusals/room.ts'

/** Fed with an engine's events; see Observer in events.ts. */
export class Sizing {
  readonly occupancy: Occupancy
  readonly endings: Endings
  /** null where the maximum is not enforced. */
  readonly refusals: Refusals | null
  private readonly owners: OwnerFeed | null
  private readonly table: Table
  private readonly room: number

  /** @param owners told of the owners of entries, where somebody asks for them */
  constructor(table: Table, settings: Settings, owners: OwnerFeed | null, refusals: Refusals | null) {
    this.table = table
    this.room = roomOf(settings)
    this.occupancy = new Occupancy(this.room)
    this.endings = new Endings(table)
    this.owners = owners
    this.refusals = refusals
  }

  created(ct: number, time: number): void {
    const isPeak = this.occupancy.created(this.table.occupancy(ct), time)
    this.owners?.created(ct, isPeak, time)
    this.refusals?.resized(this.occupancy.count, time)
  }

  reclassified(before: number, after: number, time: number): void {
    this.occupancy.reclassified(before, after, time)
  }

  expired(ct: number, time: number): void {
    this.occupancy.expired(this.table.occupancy(ct), time)
    this.owners?.ended(ct, time)
  }

  destroyed(ct: number, cause: number, time: number): void {
    const wasExpired = (this.table.status(ct) & STATUS_EXPIRED) !== 0
    this.occupancy.destroyed(this.table.occupancy(ct), wasExpired, time)
    if (!wasExpired) this.owners?.ended(ct, time)
    this.endings.ended(ct, time)
    this.refusals?.destroyed(cause)
    this.refusals?.resized(this.occupancy.count, time)
  }

  /** The entry is still in the table at the end of the capture. */
  left(ct: number, time: number): void {
    this.endings.left(ct, time)
  }

  /** The capture is over. */
  finish(time: number): void {
    this.occupancy.finish(time)
    this.refusals?.resized(this.occupancy.count, time)
  }

  /** Whether entries were refused or evicted: they are missing from rates and holding times. */
  get isCutShort(): boolean {
    const { refusals } = this
    return refusals !== null && refusals.packets + refusals.earlyDrops + refusals.collected > 0
  }

  /** Where the table would level off. @param end nanoseconds from the first frame to the last */
  project(end: number): Projection {
    const { occupancy, endings, room } = this
    return project({ occupancy, endings, end, room })
  }
}
