// The detectors of single flows: tells each of what it hears, in the order of the list.

import type { Budget } from '../evidence/budget.ts'
import { FlowForms } from '../evidence/flow-forms.ts'
import type { Legs } from '../evidence/legs.ts'
import type { Observation } from '../evidence/observation.ts'
import type { Collector } from '../facts/collector.ts'
import type { Facts } from '../facts/facts.ts'
import type { Detector } from './detector.ts'
import { TwinQueries } from './dns-race.ts'
import { InvalidDrops } from './dsr-invalid-drop.ts'
import { MissingEntries } from './entry-missing.ts'
import { ForeignChallenges } from './foreign-challenge-ack.ts'
import { Hairpins } from './hairpins.ts'
import { IdleGaps } from './idle-gap.ts'
import { LoopbackSources } from './loopback-source.ts'
import { UnfinishedSums } from './offload-checksum.ts'
import { OneWayFlows } from './one-way-flow.ts'
import { PortReuse } from './port-reuse.ts'
import { RecycledAddresses } from './recycled-address.ts'
import { ShiftedSacks } from './sack-not-translated.ts'
import { OlderClocks } from './tcp-timestamps-nat.ts'
import { TwoAnswerers } from './two-answerers.ts'
import { UnacknowledgedData } from './unacknowledged-data.ts'
import { Unexplained } from './unexplained.ts'
import { UnfinishedHandshakes } from './unfinished-handshake.ts'
import { SynLadders } from './vxlan-checksum.ts'

/** A detector that hears of one kind of occurrence. */
type Hearer<K extends keyof Detector> = Detector & Required<Pick<Detector, K>>

/** What they remember beside the legs takes less than 2 MB. */
export class FlowFindings {
  private readonly legs: Legs
  private readonly all: readonly Detector[]
  // who hears of what: to ask all of them each time took 0.03 of the time of a capture of short connections
  private readonly hearFirstDatagram: readonly Hearer<'firstDatagram'>[]
  private readonly hearDns: readonly Hearer<'dns'>[]
  private readonly hearPassed: readonly Hearer<'passed'>[]
  private readonly hearReopened: readonly Hearer<'reopened'>[]
  private readonly hearOpening: readonly Hearer<'opening'>[]
  private readonly hearChallenged: readonly Hearer<'challenged'>[]
  private readonly hearReset: readonly Hearer<'reset'>[]
  private readonly hearCounted: readonly Hearer<'counted'>[]
  private readonly hearEnded: readonly Hearer<'ended'>[]
  /** Whether a detector wants to hear of sound connections that end, too. */
  private readonly hearsSound: boolean
  private readonly unexplained: Unexplained

  /** @param isInside whether the packets came out of a tunnel over UDP */
  constructor(legs: Legs, collector: Collector, isInside: boolean) {
    const forms = new FlowForms(legs)
    this.legs = legs
    this.unexplained = new Unexplained(legs)
    this.all = [
      new InvalidDrops(legs, collector),
      new Hairpins(legs, collector),
      new TwoAnswerers(legs, collector),
      new TwinQueries(legs, collector, forms),
      new PortReuse(legs, collector, forms),
      // a RST that tells of another station ends no idle connection
      new RecycledAddresses(legs, collector, forms),
      new IdleGaps(legs, collector, forms),
      new MissingEntries(legs, collector, forms),
      new ForeignChallenges(legs, collector, forms),
      new OlderClocks(legs, collector, forms),
      new ShiftedSacks(legs, collector, forms),
      ...(isInside ? [new SynLadders(legs, collector, forms)] : []),
      new OneWayFlows(legs, collector, forms),
      new LoopbackSources(legs, collector),
      new UnfinishedSums(legs, collector),
      new UnacknowledgedData(legs, this.unexplained, forms),
      new UnfinishedHandshakes(legs, this.unexplained, forms),
    ]
    this.hearFirstDatagram = hearersOf(this.all, 'firstDatagram')
    this.hearDns = hearersOf(this.all, 'dns')
    this.hearPassed = hearersOf(this.all, 'passed')
    this.hearReopened = hearersOf(this.all, 'reopened')
    this.hearOpening = hearersOf(this.all, 'opening')
    this.hearChallenged = hearersOf(this.all, 'challenged')
    this.hearReset = hearersOf(this.all, 'reset')
    this.hearCounted = hearersOf(this.all, 'counted')
    this.hearEnded = hearersOf(this.all, 'ended')
    this.hearsSound = this.all.some(({ hearsSound }) => hearsSound === true)
  }

  firstDatagram(leg: number, seen: Observation): void {
    for (const detector of this.hearFirstDatagram) detector.firstDatagram(leg, seen)
  }

  dns(leg: number, seen: Observation): void {
    for (const detector of this.hearDns) detector.dns(leg, seen)
  }

  passed(leg: number, hasLeft: boolean): void {
    for (const detector of this.hearPassed) detector.passed(leg, hasLeft)
  }

  reopened(leg: number, seen: Observation): void {
    for (const detector of this.hearReopened) detector.reopened(leg, seen)
  }

  opening(leg: number, seen: Observation, isFirst: boolean): void {
    for (const detector of this.hearOpening) detector.opening(leg, seen, isFirst)
  }

  challenged(leg: number, seen: Observation): void {
    for (const detector of this.hearChallenged) detector.challenged(leg, seen)
  }

  reset(leg: number, direction: number, seen: Observation): void {
    for (const detector of this.hearReset) detector.reset(leg, direction, seen)
  }

  ended(leg: number, now: number): void {
    for (const detector of this.hearCounted) detector.counted(leg)
    this.unexplained.counted(leg)
    if (this.legs.isSound(leg) && !this.hearsSound) return
    for (const detector of this.hearEnded) detector.ended(leg, now)
  }

  /** The last packet, at `now`, is in. */
  conclude(now: number): void {
    const { legs } = this
    for (let leg = 0; leg < legs.top; leg++) if (legs.isUsed(leg)) this.ended(leg, now)
    for (const detector of this.all) detector.conclude?.(now)
  }

  /** What was found without a case of it; to be asked for after conclude(). */
  facts(): Facts[] {
    return this.all.flatMap(detector => detector.facts?.() ?? [])
  }

  /** What stays of connections that failed, where none of `told` explains it; to be asked for after conclude(). */
  leftOver(told: readonly Facts[]): Facts[] {
    return this.unexplained.conclude(told)
  }

  /** What searches of the detectors may look at. */
  get budgets(): Budget[] {
    return [...this.all.flatMap(({ budget }) => budget ?? []), this.unexplained.budget]
  }
}

function hearersOf<K extends keyof Detector>(all: readonly Detector[], hook: K): Hearer<K>[] {
  return all.filter((detector): detector is Hearer<K> => detector[hook] !== undefined)
}
