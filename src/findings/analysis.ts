// One engine with everything that listens to it: counts, occupancy, flows, findings.
import type { Engine } from '../conntrack/engine.ts'
import {
  CAUSE_EARLY_DROP,
  CAUSE_REOPENED,
  CAUSE_RESET,
  CAUSE_TIMEOUT,
  type Observer,
} from '../conntrack/events.ts'
import { KnownEngine } from '../conntrack/known-engine.ts'
import { isKnown, type KnownTable } from '../conntrack/known-entry.ts'
import type { Settings } from '../conntrack/settings.ts'
import {
  DIRECTION_REPLY,
  STATE_DROPPED,
  STATE_INVALID,
  STATE_NEW,
  STATE_RELATED,
  STATE_UNTRACKED,
} from '../conntrack/status.ts'
import type { Table } from '../conntrack/table.ts'
import type { Knowledge } from '../host/knowledge.ts'
import type { Cluster } from '../host/kubernetes/cluster.ts'
import { untrackedBy } from '../host/untracked.ts'
import type { ReplayedRules } from '../host/walk/replayed-rules.ts'
import {
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
  LINKTYPE_LINUX_SLL2,
} from '../net/numbers.ts'
import type { Packet } from '../packet/packet.ts'
import {
  FRAME_LATE,
  FRAME_LOST,
  FRAME_QUEUED,
  FRAME_REASSEMBLED,
  FRAME_TRACKED,
  FRAME_UNMET,
  type Witness,
} from '../replay.ts'
import { endEntries, Flows, type FlowsOptions } from '../sizing/flows.ts'
import { OwnerFeed } from '../sizing/owners/owner-feed.ts'
import { type LargestOwners, LocalOwners, type OwnerSink } from '../sizing/owners/owners.ts'
import { Refusals } from '../sizing/refusals/refusals.ts'
import { engineFor } from '../sizing/scenarios/sparing-engine.ts'
import { Sizing } from '../sizing/sizing.ts'
import type { Points } from '../vantage/record/points.ts'
import type { Sightings } from '../vantage/record/sighting.ts'
import { InvalidPackets, isOutsideWindow } from './counts/invalid.ts'
import { InvalidFates } from './counts/invalid-fates.ts'
import { type CheckedTranslations, TranslationCheck } from './counts/translation-check.ts'
import { UnrepliedFlows } from './counts/unreplied.ts'
import { Verdicts } from './counts/verdicts.ts'
import { TableFull } from './detectors/conntrack-table-full.ts'
import { DroppedByRule } from './detectors/dropped-by-rule.ts'
import { ForwardedFlows } from './detectors/forwarded-flows.ts'
import { inOrder } from './detectors/list.ts'
import { MidStreamPickups } from './detectors/mid-stream-pickup.ts'
import { AnnouncedFlows } from './detectors/missing-helper.ts'
import { GroupAnswers } from './detectors/multicast-answer.ts'
import { ObjectCheck, type ObjectionGroup } from './detectors/object-check.ts'
import { HalfUntracked } from './detectors/partial-notrack.ts'
import { PathMtus } from './detectors/pmtu-blackhole.ts'
import { RefusedByObjects } from './detectors/refused-by-objects.ts'
import { SctpPaths } from './detectors/sctp-path-without-entry.ts'
import { PortPressure } from './detectors/snat-port-pressure.ts'
import { StaleMappings } from './detectors/stale-mapping.ts'
import { OwnPorts } from './detectors/stale-source-port.ts'
import { TableCheck } from './detectors/table-file-contradicted.ts'
import { synFloodsOfSources, udpFloods } from './detectors/udp-flood.ts'
import { UplinkFlows } from './detectors/uplink-flows.ts'
import type { Budget } from './evidence/budget.ts'
import { Bursts } from './evidence/bursts.ts'
import type { Trials } from './evidence/connections.ts'
import { KernelDifferences, type MetTrait } from './evidence/kernel-differences.ts'
import type { Legs } from './evidence/legs.ts'
import { Observation } from './evidence/observation.ts'
import { isPartial } from './evidence/partial-connection.ts'
import { Transits } from './evidence/transits.ts'
import type { TwoLives } from './evidence/two-lives.ts'
import { keyOf } from './facts/collector.ts'
import type { Facts, FindingId } from './facts/facts.ts'
import { FlowTracker } from './flow-tracker.ts'
import { KernelTrials } from './kernel-trials.ts'
import { type BridgeCalls, informedBy, isSentOn } from './rule-evidence.ts'
import { SysctlTrials } from './sysctl-trials.ts'
import type { Finding } from './wording/finding.ts'
import { say } from './wording/say.ts'

/** What a finished analysis comes to, beside what can be read off its parts. */
export interface Conclusion {
  /** Rules on which kernels differ that connections met. */
  metTraits: readonly MetTrait[]
  findings: Finding[]
  /** Findings that were not asked for. */
  leftOut: number
  owners: LargestOwners
  /** Searches that had to stop. */
  searches: readonly Budget[]
}

/** Feeds trials with the captures once more; false: it could not. */
export type TryOut = (trials: readonly Trials[]) => Promise<boolean>

export interface AnalysisNeeds {
  settings: Settings
  flows: FlowsOptions
  /** Those of the window, or a separate instance where there is no window. */
  points: Points
  /** Whether the table refuses what exceeds nf_conntrack_max, or grows as the traffic needs. */
  enforceMaximum?: boolean
  /** Whether the packets came out of a tunnel over UDP. */
  isInside?: boolean
  /** Counts the owners of entries; on this thread if there is none. */
  owners?: OwnerSink | null
  /** Rules and topology of the host. */
  knowledge?: Knowledge | null
  /** bridge-nf-call-iptables and -ip6tables of the host. */
  bridgeCalls?: BridgeCalls
  /** Which findings are to be told; all without. */
  isWanted?: (id: FindingId) => boolean
  /** The rules of the host, run over each packet: only what leaves the stack is confirmed. */
  rules?: ReplayedRules | null
  /** The table when the capture began. */
  known?: KnownTable | null
}

export class Analysis implements Observer, Witness {
  readonly engine: Engine
  readonly sizing: Sizing
  readonly flows: Flows
  readonly verdicts = new Verdicts()
  readonly invalid = new InvalidPackets()
  readonly unreplied = new UnrepliedFlows()
  readonly midStream = new MidStreamPickups()
  /** Holds the table that was known at the start against the traffic; null where none was. */
  tableCheck: TableCheck | null = null
  /** The rules that the packets went through; null for none. */
  readonly rules: ReplayedRules | null
  private readonly portPressure: PortPressure
  private readonly staleMappings: StaleMappings
  private readonly differences: KernelDifferences
  /** What the rules did to INVALID packets; null without rules. */
  readonly invalidFates: InvalidFates | null
  /** First packets that the rules refused; null without rules. */
  private readonly droppedByRule: DroppedByRule | null
  /** Kubernetes objects held against the traffic, and the flows that they refuse; null without objects. */
  private readonly objects: { check: ObjectCheck; refused: RefusedByObjects } | null
  private readonly tableFull: TableFull
  private readonly transits = new Transits()
  private readonly forwarded: ForwardedFlows
  /** What leaves by the only interface that was captured. */
  private readonly uplink: UplinkFlows
  private readonly firstSeen = new Observation()
  private readonly pathMtus: PathMtus
  private readonly halfUntracked: HalfUntracked
  private readonly sctpPaths: SctpPaths
  private readonly bursts: Bursts
  private readonly announced = new AnnouncedFlows()
  private readonly ownPorts: OwnPorts
  private readonly groupAnswers = new GroupAnswers()
  private readonly table: Table
  /** The entry that the packet under way has created, or -1. */
  private fresh = -1
  private readonly points: Points
  private readonly owners: OwnerSink
  private readonly tracker: FlowTracker
  /** The entry that the packet under way has ended, or -1. */
  private dying = -1
  private readonly knowledge: Knowledge | null
  private readonly bridgeCalls: BridgeCalls | null
  private readonly isWanted: (id: FindingId) => boolean
  private readonly check: TranslationCheck | null
  private readonly settings: Settings
  private readonly known: KnownTable | null

  constructor(needs: AnalysisNeeds) {
    const { flows, points, knowledge = null, known = null } = needs
    const settings = { ...needs.settings, networks: knowledge?.networks ?? [] }
    this.points = points
    this.settings = settings
    this.known = known
    this.owners = needs.owners ?? new LocalOwners()
    this.knowledge = knowledge
    this.bridgeCalls = needs.bridgeCalls ?? null
    this.isWanted = needs.isWanted ?? (() => true)
    const rules = knowledge?.rules ?? null
    this.check = knowledge === null || rules === null ? null : new TranslationCheck(knowledge, rules)
    const refusals = needs.enforceMaximum === true ? new Refusals(settings) : null
    this.rules = needs.rules ?? null
    this.invalidFates = this.rules === null ? null : new InvalidFates(this.rules)
    this.droppedByRule =
      this.rules === null ? null : new DroppedByRule(this.rules, knowledge?.cluster ?? null)
    // rules that are replayed know of NOTRACK
    const untracked = this.rules === null ? untrackedBy(knowledge) : null
    this.engine = engineFor(settings, this, refusals, untracked, known !== null, this.rules)
    this.table = this.engine.table
    this.tracker = new FlowTracker(this.table, points, needs.isInside ?? false)
    this.engine.accompany(this.tracker.legs)
    this.objects = objectsHeld(knowledge?.cluster ?? null, this.tracker.legs)
    this.portPressure = new PortPressure(this.tracker.legs)
    this.forwarded = new ForwardedFlows(this.tracker.legs, this.transits, points, flow =>
      isSentOn(knowledge, flow),
    )
    this.uplink = new UplinkFlows(this.tracker.legs)
    this.pathMtus = new PathMtus(this.transits)
    this.halfUntracked = new HalfUntracked(this.table)
    this.sctpPaths = new SctpPaths(this.transits)
    this.bursts = new Bursts(this.table)
    this.ownPorts = new OwnPorts(this.tracker.legs)
    this.staleMappings = new StaleMappings(this.tracker.legs, this.transits)
    this.sizing = new Sizing(this.table, settings, new OwnerFeed(this.table, this.owners.queue), refusals)
    this.differences = new KernelDifferences(settings.kernel)
    this.tableFull = new TableFull(this.sizing.occupancy, settings, refusals, points)
    this.flows = new Flows(this.table, flows)
    if (known !== null) this.load(known)
  }

  seen(packet: Packet, outcome: number, sightings: Sightings | null): void {
    if (outcome === FRAME_TRACKED || outcome === FRAME_UNMET || outcome === FRAME_LATE) {
      this.tracker.packet(packet, sightings, outcome === FRAME_TRACKED ? this.engine.key : -1)
      if (this.dying >= 0) {
        this.tracker.ended(this.dying, true)
        this.dying = -1
      }
    }
    if (sightings !== null && outcome !== FRAME_LATE) this.verdicts.copied(sightings.total - 1)
    switch (outcome) {
      case FRAME_TRACKED:
        if (sightings !== null && (this.points.captured > 1 || showsAll(sightings)))
          this.transits.packet(sightings, this.engine.key)
        this.verdicts.tracked(this.engine.state)
        this.tableCheck?.packet(packet, sightings)
        if (this.isRefused) this.droppedByRule?.packet(packet, sightings)
        if (this.engine.state === STATE_INVALID) this.refused(packet, sightings)
        else if (this.engine.state >= STATE_RELATED) this.unusual(packet, sightings)
        if (this.halfUntracked.isAwake) this.besideUntracked(packet, sightings)
        if (this.pathMtus.isAwake) this.pathMtus.packet(packet, this.engine.key)
        if (packet.protocol !== IPPROTO_TCP && packet.protocol !== IPPROTO_UDP)
          this.ofOther(packet, sightings)
        if (this.fresh >= 0) this.opened(packet, sightings)
        else if (this.engine.state === STATE_NEW && this.engine.ct < 0) this.unconfirmed(packet, sightings)
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
      case FRAME_REASSEMBLED:
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
    this.released(ct)
  }

  destroyed(ct: number, cause: number, time: number): void {
    if (cause === CAUSE_EARLY_DROP) this.tableFull.evicted(this.table, ct)
    this.sizing.destroyed(ct, cause, time)
    // one that expired has been reported before
    if (cause !== CAUSE_TIMEOUT) this.released(ct)
    this.end(ct, cause, time)
    if (cause === CAUSE_REOPENED) this.tracker.reopens(ct)
    // the packet that ends an entry is one of its own
    else if (cause === CAUSE_RESET) this.dying = ct
    else this.tracker.ended(ct)
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

  /** What the rules given say of the translations seen; null without rules. */
  checkedTranslations(): CheckedTranslations | null {
    return this.check?.conclude() ?? null
  }

  /** What the Kubernetes objects given have against the flows seen; null without objects. */
  objections(): ObjectionGroup[] | null {
    return this.objects?.check.conclude() ?? null
  }

  get twoLives(): TwoLives {
    return this.tracker.twoLives
  }

  /**
   * @param end nanoseconds from the first frame to the last
   * @param tryOut replays connections once more with other sysctls, and tells whether it could
   */
  async conclude(end: number, tryOut: TryOut = async () => false): Promise<Conclusion> {
    const owners = await this.owners.largest(end)
    const flows = this.tracker.conclude()
    const stale = this.staleMappings.conclude(this.tracker.clients)
    const forwarded = this.forwarded.conclude(this.tracker.clients)
    const leaving = this.uplink.conclude(clientsOf(this.tracker.clients, forwarded))
    const bursts = this.bursts.conclude()
    const found = [
      ...(this.tableCheck?.conclude() ?? []),
      ...this.tableFull.conclude(),
      ...this.portPressure.conclude(),
      ...flows,
      ...stale,
      ...forwarded,
      ...leaving,
      ...this.refusedOnPurpose(clientsOf(this.tracker.clients, [...stale, ...forwarded])),
      ...this.pathMtus.conclude(),
      ...this.halfUntracked.conclude(),
      ...this.sctpPaths.conclude(),
      ...udpFloods(bursts),
      ...synFloodsOfSources(bursts),
      ...this.announced.conclude(),
      ...this.ownPorts.conclude(),
      ...this.groupAnswers.conclude(),
      ...this.midStream.conclude(),
    ]
    const inform = informedBy(this.knowledge, this.bridgeCalls, this.rules)
    const explained = found.flatMap(facts => inform(facts) ?? [])
    const told = inOrder([...explained, ...this.tracker.leftOver(explained)])
    const nameOf = (point: number): string => this.points.name(point)
    const wanted = told.filter(({ id }) => this.isWanted(id))
    const { settings, known } = this
    const sysctls = new SysctlTrials(wanted, settings, known)
    const kernels = new KernelTrials(wanted, this.differences, settings, known)
    const trials = [sysctls, kernels].filter(({ isEmpty }) => !isEmpty)
    const isTried = trials.length > 0 && (await tryOut(trials))
    return {
      metTraits: this.differences.all,
      findings: wanted.map(facts => {
        const differences = this.differences.of(facts)
        return say(facts, nameOf, {
          differences,
          ...(isTried
            ? {
                trials: sysctls.of(facts),
                kernelTrials: { trials: kernels.of(facts), kernel: settings.kernel },
              }
            : {}),
        })
      }),
      leftOut: told.length - wanted.length,
      owners,
      searches: [...this.tracker.budgets, this.sctpPaths.budget].filter(({ refused }) => refused > 0),
    }
  }

  /** @param explained clients of whose flows something else was found out, as the collector has them */
  private refusedOnPurpose(explained: ReadonlySet<string>): Facts[] {
    const byRule = this.droppedByRule?.conclude(explained) ?? []
    return [...byRule, ...(this.objects?.refused.conclude(clientsOf(explained, byRule)) ?? [])]
  }

  /** The observer hears of a new entry before the packet that created it is shown. */
  private opened(packet: Packet, sightings: Sightings | null): void {
    const point = this.pointOf(packet, sightings)
    this.midStream.created(this.table, this.fresh, packet)
    this.unreplied.created(this.fresh, packet)
    this.tableFull.created(this.table, this.fresh, packet, sightings)
    this.portPressure.created(this.table, this.fresh, packet)
    this.announced.created(this.table, this.fresh, packet, point)
    this.groupAnswers.created(this.table, this.fresh, packet, point)
    this.sctpPaths.created(this.fresh, packet)
    this.bursts.created(this.fresh, packet, point)
    this.fresh = -1
  }

  /** A packet of a protocol that has no legs. */
  private ofOther(packet: Packet, sightings: Sightings | null): void {
    const { firstSeen, fresh, uplink } = this
    if (fresh < 0) uplink.another(this.engine.ct)
    else if (this.points.captured === 1 && (sightings === null || !showsAll(sightings))) {
      if (sightings !== null) firstSeen.takeSighting(sightings, 0, sightings.point(0))
      else firstSeen.takeFrame(packet, this.pointOf(packet, null))
      uplink.created(fresh, firstSeen)
    }
  }

  /** A first packet that was dropped before its entry was confirmed. */
  private unconfirmed(packet: Packet, sightings: Sightings | null): void {
    this.groupAnswers.dropped(packet, this.pointOf(packet, sightings))
    if (sightings !== null && this.rules?.fate === 'dropped' && this.rules.why !== '')
      this.forwarded.droppedByHost(packet, sightings)
  }

  /** The point that showed a packet first. */
  private pointOf(packet: Packet, sightings: Sightings | null): number {
    if (sightings !== null) return sightings.point(0)
    return this.points.of(packet.interface, packet.interfaceIndex)
  }

  private released(ct: number): void {
    this.midStream.released(this.table, ct)
    this.portPressure.released(this.table, ct)
    this.announced.released(this.table, ct)
    this.sctpPaths.released(ct)
  }

  private unusual(packet: Packet, sightings: Sightings | null): void {
    const { state } = this.engine
    if (state === STATE_RELATED && isIcmp(packet)) this.related(packet, sightings)
    else if (state === STATE_DROPPED) this.tableFull.dropped(packet, sightings)
    else if (state === STATE_UNTRACKED) this.halfUntracked.untracked(packet, this.pointOf(packet, sightings))
  }

  /** Whether the rules given dropped or refused the packet under way. */
  private get isRefused(): boolean {
    return this.rules?.isRefused === true
  }

  /** Some packets are not tracked: may this one answer them? */
  private besideUntracked(packet: Packet, sightings: Sightings | null): void {
    const { state } = this.engine
    if (state !== STATE_NEW && state !== STATE_INVALID) return
    this.halfUntracked.tracked(packet, state, this.isRefused, this.pointOf(packet, sightings))
  }

  private refused(packet: Packet, sightings: Sightings | null): void {
    const { engine, invalid, tracker } = this
    const isFromCapture =
      packet.protocol === IPPROTO_TCP
        ? isPartial(tracker.legs, engine.key, packet.tcpFlags)
        : engine.key < 0 && this.sctpPaths.isFromCapture(this.table, packet)
    invalid.add(packet, engine.context.reasons, isFromCapture)
    if (!isFromCapture && engine.key >= 0 && isOutsideWindow(engine.context.reasons))
      tracker.outsideWindow(packet, sightings, engine.key >> 1)
    this.invalidFates?.add()
    if (engine.key < 0) {
      this.sctpPaths.refused(this.table, packet, sightings, this.isRefused, this.pointOf(packet, sightings))
    }
    if (engine.key >= 0 && (engine.key & 1) === DIRECTION_REPLY)
      this.unreplied.invalidAnswer(this.table, engine.key >> 1)
  }

  private related(error: Packet, sightings: Sightings | null): void {
    const { ct, direction } = this.engine
    this.pathMtus.related(error, sightings, ct * 2 + direction, this.pointOf(error, sightings))
    this.unreplied.related(this.table, ct)
    this.staleMappings.related(this.table, ct, error)
    this.forwarded.related(ct)
  }

  private load(known: KnownTable): void {
    const { engine } = this
    if (!(engine instanceof KnownEngine)) return
    this.tableCheck = new TableCheck(engine, known)
    engine.load(known.entries)
    for (let ct = 0; ct < this.table.top; ct++) this.flows.counted(ct)
    this.fresh = -1
  }

  /** An entry that was there before the capture, and that no packet of it met, is no flow of it. */
  private end(ct: number, cause: number, time: number): void {
    const known = this.tableCheck !== null && isKnown(this.table, ct)
    const frame = known ? this.tableCheck?.firstFrame(ct) : undefined
    if (frame === 0) return
    this.flows.ended(ct, cause, time)
    this.unreplied.ended(this.table, ct, cause, frame)
    this.check?.ended(this.table, ct)
    this.objects?.check.ended(this.table, ct)
    this.differences.ended(this.table, ct)
    this.portPressure.ended(this.table, ct)
    this.staleMappings.ended(this.table, ct)
    this.forwarded.ended(this.table, ct)
    if (this.transits.of(ct) < 0) this.uplink.ended(this.table, ct)
    this.pathMtus.ended(this.table, ct)
    this.announced.ended(this.table, ct)
    this.ownPorts.ended(this.table, ct)
    this.transits.forget(ct)
  }
}

function objectsHeld(
  cluster: Cluster | null,
  legs: Legs,
): { check: ObjectCheck; refused: RefusedByObjects } | null {
  if (cluster === null) return null
  const refused = new RefusedByObjects(legs)
  return { check: new ObjectCheck(cluster, (table, found) => refused.unanswered(table, found)), refused }
}

/** Clients of flows of whom something was found out, as the collector has them. */
function clientsOf(known: ReadonlySet<string>, found: readonly Facts[]): Set<string> {
  const clients = found.flatMap(({ flows }) => flows.flatMap(({ client }) => client ?? []))
  return new Set([...known, ...clients.map(keyOf)])
}

/** Whether every interface that the packet passed shows it: a capture of `any`, though one alone had traffic. */
function showsAll(sightings: Sightings): boolean {
  return sightings.linkType(0) === LINKTYPE_LINUX_SLL2
}

/** Whether a RELATED packet is an error: others open a flow that a helper expected. */
function isIcmp({ protocol }: Packet): boolean {
  return protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6
}
