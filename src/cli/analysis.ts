// One engine with everything that listens to it: counts, occupancy, flows, findings.
import { Engine } from '../conntrack/engine.ts'
import { CAUSE_TIMEOUT, type Observer } from '../conntrack/events.ts'
import type { Settings } from '../conntrack/settings.ts'
import { STATE_INVALID, STATE_RELATED } from '../conntrack/status.ts'
import type { Table } from '../conntrack/table.ts'
import { type Finding, SEVERITIES } from '../findings/finding.ts'
import { InvalidPackets } from '../findings/invalid.ts'
import { MidStreamPickups } from '../findings/mid-stream.ts'
import type { NatWatch } from '../findings/nat-watch.ts'
import { PortPressure } from '../findings/port-pressure.ts'
import { StaleMappings } from '../findings/stale-mapping.ts'
import { TableFull } from '../findings/table-full.ts'
import { UnrepliedFlows } from '../findings/unreplied.ts'
import { Verdicts } from '../findings/verdicts.ts'
import type { Packet } from '../packet/packet.ts'
import { FRAME_LATE, FRAME_LOST, FRAME_QUEUED, FRAME_TRACKED, FRAME_UNMET, type Witness } from '../replay.ts'
import { endEntries, Flows, type FlowsOptions } from '../sizing/flows.ts'
import { Refusals } from '../sizing/refusals.ts'
import { Sizing } from '../sizing/sizing.ts'
import type { Sightings } from '../vantage/sighting.ts'

export class Analysis implements Observer, Witness {
  readonly engine: Engine
  readonly sizing: Sizing
  readonly flows: Flows
  readonly verdicts = new Verdicts()
  readonly invalid = new InvalidPackets()
  readonly unreplied = new UnrepliedFlows()
  readonly midStream = new MidStreamPickups()
  private readonly portPressure: PortPressure
  private readonly staleMappings: StaleMappings | null
  private readonly tableFull: TableFull
  private readonly table: Table
  /** The entry that the packet under way has created, or -1. */
  private fresh = -1

  private readonly watch: NatWatch | null

  /**
   * @param enforceMaximum whether the table refuses what exceeds nf_conntrack_max, or grows as the traffic needs
   * @param watch looks for what NAT did wrong, where that is wanted
   */
  constructor(
    settings: Settings,
    flows: FlowsOptions,
    enforceMaximum = false,
    watch: NatWatch | null = null,
  ) {
    this.watch = watch
    this.portPressure = new PortPressure(watch)
    this.staleMappings = watch === null ? null : new StaleMappings(watch)
    const refusals = enforceMaximum ? new Refusals(settings) : null
    this.engine = new Engine(settings, this, enforceMaximum, refusals)
    this.table = this.engine.table
    this.sizing = new Sizing(this.table, settings, true, refusals)
    this.tableFull = new TableFull(this.sizing.occupancy, settings, refusals)
    this.flows = new Flows(this.table, flows)
  }

  seen(packet: Packet, outcome: number, sightings: Sightings | null): void {
    if (outcome === FRAME_TRACKED || outcome === FRAME_UNMET || outcome === FRAME_LATE) {
      this.watch?.packet(packet, sightings)
    }
    if (sightings !== null && outcome !== FRAME_LATE) this.verdicts.copied(sightings.total - 1)
    switch (outcome) {
      case FRAME_TRACKED:
        this.verdicts.tracked(this.engine.state)
        if (this.engine.state === STATE_INVALID) this.invalid.add(packet, this.engine.context.reasons)
        else if (this.engine.state === STATE_RELATED) this.related(packet)
        if (this.fresh >= 0) this.opened(packet)
        break
      case FRAME_QUEUED:
        this.verdicts.fragment()
        break
      case FRAME_LOST:
        this.verdicts.lostFragment(packet)
        break
      case FRAME_UNMET:
        this.verdicts.missed()
        break
      case FRAME_LATE:
        this.verdicts.copied(1)
        break
      default:
        this.verdicts.skipped(packet)
    }
  }

  created(ct: number, time: number): void {
    this.sizing.created(ct, time)
    this.fresh = ct
  }

  updated(): void {}

  reclassified(_ct: number, before: number, after: number, time: number): void {
    this.sizing.reclassified(before, after, time)
  }

  expired(ct: number, time: number): void {
    this.sizing.expired(ct, time)
    this.portPressure.released(this.table, ct)
  }

  destroyed(ct: number, cause: number, time: number): void {
    this.sizing.destroyed(ct, cause, time)
    // one that expired has been reported before
    if (cause !== CAUSE_TIMEOUT) this.portPressure.released(this.table, ct)
    this.end(ct, cause, time)
  }

  /** The replay is over: lets the clock run to its last frame, and sums up what is still in the table. */
  finish(time: number): void {
    this.engine.advance(time)
    this.sizing.finish(time)
    endEntries(this.table, (ct, cause) => {
      this.sizing.left(ct, time)
      this.end(ct, cause, time)
    })
  }

  conclude(): Finding[] {
    const own = [...this.tableFull.conclude(), ...this.portPressure.conclude()]
    this.staleMappings?.conclude()
    const nat = this.watch?.conclude() ?? []
    // what the model says of the table is surer than what the packets let guess
    const known = nat.filter(
      ({ id, flows }) =>
        !own.some(other => other.id === id) &&
        !(id === 'conntrack-table-full' && this.portPressure.explains(flows)),
    )
    const remarks = this.watch?.remarks() ?? []
    return [...own, ...known, ...remarks, ...this.midStream.conclude()].sort(byGravity)
  }

  /** The observer hears of a new entry before the packet that created it is shown. */
  private opened(packet: Packet): void {
    this.midStream.created(this.table, this.fresh, packet)
    this.unreplied.created(this.fresh, packet)
    this.tableFull.created(packet)
    this.portPressure.created(this.table, this.fresh, packet)
    this.fresh = -1
  }

  private related(error: Packet): void {
    this.unreplied.related(this.table, this.engine.ct)
    this.staleMappings?.related(this.table, this.engine.ct, error)
  }

  private end(ct: number, cause: number, time: number): void {
    this.flows.ended(ct, cause, time)
    this.unreplied.ended(this.table, ct, cause)
    this.portPressure.ended(this.table, ct)
    this.staleMappings?.ended(this.table, ct)
  }
}

function byGravity(a: Finding, b: Finding): number {
  return SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity)
}
