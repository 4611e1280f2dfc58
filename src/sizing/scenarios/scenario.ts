// One what-if: an engine with other sysctls, or one that some packets pass by, and the size of its table.

import type { Engine } from '../../conntrack/engine.ts'
import type { Observer } from '../../conntrack/events.ts'
import { KnownEngine } from '../../conntrack/known-engine.ts'
import type { KnownTable } from '../../conntrack/known-entry.ts'
import type { Passage } from '../../conntrack/passage.ts'
import type { Settings } from '../../conntrack/settings.ts'
import type { NonEmpty } from '../../net/non-empty.ts'
import type { Packet } from '../../packet/packet.ts'
import { endEntries } from '../flows.ts'
import { timeoutOf } from '../held-by.ts'
import { OwnerFeed } from '../owners/owner-feed.ts'
import { LocalOwners } from '../owners/owners.ts'
import { Refusals } from '../refusals/refusals.ts'
import { Sizing } from '../sizing.ts'
import { engineFor } from './sparing-engine.ts'

/** The rules of a host around a scenario's table. */
export interface RulesAround extends Passage {
  /** Whether the packet under way got through for certain; whether it was dropped or refused for certain. */
  readonly isPassed: boolean
  readonly isRefused: boolean
  /** The rule or policy that decided, by its number; -1 for none. */
  readonly decided: number
}

export interface ScenarioSpec {
  name: string
  settings: Settings
  /** Whether nf_conntrack_max is enforced. */
  enforced: boolean
  /** Packets that are not to be tracked (`-j CT --notrack`), or null. */
  notrack: ((packet: Packet) => boolean) | null
  /** Whether packets go through `--rules-after`. */
  hasOtherRules?: boolean
}

/** How a scenario is replayed, beside what it is. */
export interface ScenarioHow {
  /** Whether the owners of entries are counted, too. */
  owners: boolean
  /** The table when the capture began, where that is known, and the sysctls under which it came about. */
  known?: KnownTable | null
  actual?: Settings
  /** Whether rules of the host leave a packet untracked, whatever the scenario; null for none, or where `rules` know. */
  untracked?: ScenarioSpec['notrack']
  /** Rules that packets go through; null for none. */
  rules?: RulesAround | null
}

/** The table as captured, and what is held against it. */
export type CapturedFirst<T> = NonEmpty<T>

export class Scenario implements Observer {
  readonly spec: ScenarioSpec
  readonly engine: Engine
  readonly sizing: Sizing
  /** Whether the packet under way has created an entry. To be reset by who asks. */
  fresh = false

  /** null where nobody asked for them. */
  readonly owners: LocalOwners | null

  readonly rules: RulesAround | null

  constructor(spec: ScenarioSpec, how: ScenarioHow) {
    const { settings, enforced } = spec
    const { owners, known = null, actual = settings, untracked = null, rules = null } = how
    this.spec = spec
    this.rules = rules
    const refusals = enforced ? new Refusals(settings) : null
    const spared = either(spec.notrack, untracked)
    this.engine = engineFor(settings, this, refusals, spared, known !== null, rules)
    this.owners = owners ? new LocalOwners() : null
    const feed = this.owners === null ? null : new OwnerFeed(this.engine.table, this.owners.queue)
    this.sizing = new Sizing(this.engine.table, settings, feed, refusals)
    if (known !== null) this.load(known, actual)
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

  /** What is in the table at the start has been there for as long as it took with the actual sysctls. */
  private load(known: KnownTable, actual: Settings): void {
    const { engine, spec } = this
    if (!(engine instanceof KnownEngine)) return
    engine.load(known.entries, occupancy => {
      const name = timeoutOf(occupancy)
      return name === null ? 0 : spec.settings[name] - actual[name]
    })
    this.fresh = false
  }

  /** The capture is over: lets the clock run to its last frame. */
  finish(time: number): void {
    this.engine.advance(time)
    this.sizing.finish(time)
    endEntries(this.engine.table, ct => this.sizing.left(ct, time))
  }
}

function either(one: ScenarioSpec['notrack'], other: ScenarioSpec['notrack']): ScenarioSpec['notrack'] {
  if (one === null || other === null) return one ?? other
  return packet => one(packet) || other(packet)
}
