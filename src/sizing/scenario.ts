// One what-if: an engine with other sysctls, or one that some packets pass by, and the size of its table.
import { Engine } from '../conntrack/engine.ts'
import type { Observer } from '../conntrack/events.ts'
import type { Settings } from '../conntrack/settings.ts'
import type { Packet } from '../packet/packet.ts'
import { endEntries } from './flows.ts'
import { OwnerFeed } from './owner-feed.ts'
import { LocalOwners } from './owners.ts'
import { Refusals } from './refusals.ts'
import { Sizing } from './sizing.ts'
import { SparingEngine } from './sparing-engine.ts'

export interface ScenarioSpec {
  name: string
  settings: Settings
  /** Whether nf_conntrack_max is enforced. */
  enforced: boolean
  /** Packets that are not to be tracked (`-j CT --notrack`), or null. */
  notrack: ((packet: Packet) => boolean) | null
}

export class Scenario implements Observer {
  readonly spec: ScenarioSpec
  readonly engine: Engine
  readonly sizing: Sizing
  /** Whether the packet under way has created an entry. To be reset by who asks. */
  fresh = false

  /** null where nobody asked for them. */
  readonly owners: LocalOwners | null

  /** @param owners whether the owners of entries are counted, too */
  constructor(spec: ScenarioSpec, owners: boolean) {
    const { settings, enforced, notrack } = spec
    this.spec = spec
    const refusals = enforced ? new Refusals(settings) : null
    this.engine =
      notrack === null
        ? new Engine(settings, this, enforced, refusals)
        : new SparingEngine(notrack, settings, this, enforced, refusals)
    this.owners = owners ? new LocalOwners() : null
    const feed = this.owners === null ? null : new OwnerFeed(this.engine.table, this.owners.queue)
    this.sizing = new Sizing(this.engine.table, settings, feed, refusals)
  }

  created(ct: number, time: number): void {
    this.sizing.created(ct, time)
    this.fresh = true
  }

  updated(): void {}

  reclassified(_ct: number, before: number, after: number, time: number): void {
    this.sizing.reclassified(before, after, time)
  }

  expired(ct: number, time: number): void {
    this.sizing.expired(ct, time)
  }

  destroyed(ct: number, cause: number, time: number): void {
    this.sizing.destroyed(ct, cause, time)
  }

  /** The capture is over: lets the clock run to its last frame. */
  finish(time: number): void {
    this.engine.advance(time)
    this.sizing.finish(time)
    endEntries(this.engine.table, ct => this.sizing.left(ct, time))
  }
}
