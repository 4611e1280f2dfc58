// The detectors that look at single flows: hands each what it asked for, and asks what it came to.

import { IPPROTO_TCP, TCP_ACK } from '../../net/numbers.ts'
import type { Budget } from '../evidence/budget.ts'
import { FlowForms } from '../evidence/flow-forms.ts'
import { LEG_RST, REUSE } from '../evidence/leg-layout.ts'
import type { Legs } from '../evidence/legs.ts'
import type { Observation } from '../evidence/observation.ts'
import type { Collector } from '../facts/collector.ts'
import type { Facts } from '../facts/facts.ts'
import { TwinQueries } from './dns-race.ts'
import { IdleGaps } from './idle-gap.ts'
import { loopbackSource } from './loopback-source.ts'
import { UnfinishedSums } from './offload-checksum.ts'
import { OneWayFlows } from './one-way-flow.ts'
import { PortReuse } from './port-reuse.ts'
import { RecycledAddresses } from './recycled-address.ts'
import { SynLadders } from './vxlan-checksum.ts'

/**
 * What the detectors remember stands in the legs, and beside them in a few lists of a set length: less than 2 MB.
 */
export class FlowFindings {
  private readonly legs: Legs
  private readonly collector: Collector
  private readonly twins: TwinQueries
  private readonly reuse: PortReuse
  private readonly gaps: IdleGaps
  private readonly oneWay: OneWayFlows
  private readonly recycled: RecycledAddresses
  private readonly ladders: SynLadders | null
  private readonly sums: UnfinishedSums

  /** @param isInside whether the packets came out of a tunnel over UDP */
  constructor(legs: Legs, collector: Collector, isInside: boolean) {
    const forms = new FlowForms(legs)
    this.legs = legs
    this.collector = collector
    this.twins = new TwinQueries(legs, collector, forms)
    this.reuse = new PortReuse(legs, collector, forms)
    this.gaps = new IdleGaps(legs, collector, forms)
    this.oneWay = new OneWayFlows(legs, collector, forms)
    this.recycled = new RecycledAddresses(legs, collector, forms)
    this.ladders = isInside ? new SynLadders(legs, collector, forms) : null
    this.sums = new UnfinishedSums(legs, collector)
  }

  /** The first datagram of a flow. */
  firstDatagram(leg: number, seen: Observation): void {
    this.twins.begin(leg, seen)
    loopbackSource(this.legs, this.collector, leg, seen)
  }

  /** A datagram of a flow that began with a DNS query. */
  dns(leg: number, seen: Observation): void {
    this.twins.message(leg, seen)
  }

  /** Whether the packet that was told of last, of a flow with DNS, was seen to leave the host. */
  passed(leg: number, hasLeft: boolean): void {
    this.twins.passed(leg, hasLeft)
  }

  /** A SYN begins another connection of the same addresses and ports; the leg still tells of the last one. */
  reopened(leg: number, seen: Observation): void {
    this.reuse.reopened(leg, seen)
  }

  /** A SYN or SYN-ACK; `isFirst` tells whether it is the first of its connection here. */
  opening(leg: number, seen: Observation, isFirst: boolean): void {
    const { number } = seen
    const isAnswer = (seen.flags & TCP_ACK) !== 0
    if (isAnswer && isFirst) this.reuse.answered(leg, seen)
    if (!isAnswer && !isFirst) this.recycled.repeated(leg, seen, number)
    this.ladders?.opening(leg, seen, isAnswer, number)
    if (isFirst) this.sums.opening(leg, seen)
    if (isFirst && !isAnswer) loopbackSource(this.legs, this.collector, leg, seen)
  }

  /** A segment other than SYN-ACK comes from a server that has not accepted the connection. */
  challenged(leg: number, seen: Observation): void {
    if (this.legs.rare(leg, REUSE) !== 0) this.reuse.challenged(leg, seen)
  }

  /** A RST; the leg has not been marked with it yet. */
  reset(leg: number, direction: number, seen: Observation): void {
    if (direction === 1) {
      this.reuse.reset(leg, seen)
      this.recycled.reset(leg, seen)
    }
    if (!this.legs.has(leg, LEG_RST)) this.gaps.reset(leg, direction, seen)
  }

  /** A leg goes: its connection is over. @param now time of the last packet */
  ended(leg: number, now: number): void {
    if (this.legs.protocol(leg) === IPPROTO_TCP) this.judge(leg, now)
    else this.twins.ended(leg)
    this.ladders?.ended(leg)
  }

  /** The last packet, at `now`, is in. */
  conclude(now: number): void {
    const { legs } = this
    this.twins.conclude(now)
    for (let leg = 0; leg < legs.top; leg++) {
      if (legs.isUsed(leg) && legs.protocol(leg) === IPPROTO_TCP) this.judge(leg, now)
    }
    this.oneWay.conclude()
    this.ladders?.conclude()
    this.sums.conclude()
  }

  /** What detectors found without a case of it; to be asked for after conclude(). */
  remarks(): Facts[] {
    return this.twins.remarks()
  }

  /** What searches of the detectors may look at. */
  get budgets(): Budget[] {
    return [this.twins.budget, this.gaps.budget, this.oneWay.budget]
  }

  private judge(leg: number, now: number): void {
    this.reuse.conclude(leg, now)
    this.gaps.conclude(leg, now)
    this.oneWay.judge(leg)
  }
}
