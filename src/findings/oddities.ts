// Hears of what is out of the ordinary in single flows, and asks the detectors that look at nothing else.
import { IPPROTO_TCP, TCP_ACK } from '../net/numbers.ts'
import { Cases } from './cases.ts'
import type { Finding } from './finding.ts'
import { REMARKS, type RemarkId } from './flow-catalogue.ts'
import { FlowForms } from './flow-forms.ts'
import { IdleGaps } from './idle-gap.ts'
import { OneWayFlows } from './one-way.ts'
import { PortReuse } from './port-reuse.ts'
import { RecycledAddresses } from './recycled-address.ts'
import type { Sight } from './sight.ts'
import { SynLadders } from './syn-ladder.ts'
import { REUSE, TRAIL_RST, type Trails } from './trails.ts'
import { TwinQueries } from './twin-queries.ts'
import { UnfinishedSums } from './unfinished-sums.ts'

/**
 * What the detectors remember stands in the trails, and beside them in a few lists of a set length: less than 2 MB.
 */
export class Oddities {
  private readonly trails: Trails
  private readonly notes = new Cases<RemarkId>(REMARKS)
  private readonly twins: TwinQueries
  private readonly reuse: PortReuse
  private readonly gaps: IdleGaps
  private readonly oneWay: OneWayFlows
  private readonly recycled: RecycledAddresses
  private readonly ladders: SynLadders | null
  private readonly sums: UnfinishedSums

  /** @param isInside whether the packets came out of a tunnel over UDP */
  constructor(trails: Trails, cases: Cases, isInside: boolean) {
    const forms = new FlowForms(trails)
    this.trails = trails
    this.twins = new TwinQueries(trails, cases, forms)
    this.reuse = new PortReuse(trails, cases, this.notes, forms)
    this.gaps = new IdleGaps(trails, cases, forms)
    this.oneWay = new OneWayFlows(trails, this.notes, forms)
    this.recycled = new RecycledAddresses(trails, cases, forms)
    this.ladders = isInside ? new SynLadders(trails, cases, this.notes, forms) : null
    this.sums = new UnfinishedSums(trails, this.notes)
  }

  /** The first datagram of a direction. */
  datagrams(trail: number, sight: Sight): void {
    if (this.trails.direction === 0) this.twins.begin(trail, sight)
  }

  /** A datagram of a flow that began with a DNS query. */
  dns(trail: number, sight: Sight): void {
    this.twins.message(trail, sight)
  }

  /** Whether the packet that was told of last, of a flow with DNS, was seen to leave the host. */
  passed(trail: number, hasLeft: boolean): void {
    this.twins.passed(trail, hasLeft)
  }

  /** A SYN begins another connection of the same addresses and ports; the trail still tells of the last one. */
  reopened(trail: number, sight: Sight): void {
    if (this.trails.direction === 0) this.reuse.reopened(trail, sight)
  }

  /** A SYN or SYN-ACK; `isFirst` tells whether it is the first of its connection here. */
  opening(trail: number, sight: Sight, isFirst: boolean): void {
    const { number } = sight
    const isAnswer = (sight.flags & TCP_ACK) !== 0
    if (isAnswer && isFirst) this.reuse.answered(trail, sight)
    if (!isAnswer && !isFirst) this.recycled.repeated(trail, sight, number)
    this.ladders?.opening(trail, sight, isAnswer, number)
    if (isFirst) this.sums.opening(trail, sight)
  }

  /** A segment other than SYN-ACK comes from a server that has not accepted the connection. */
  challenged(trail: number, sight: Sight): void {
    if (this.trails.get(trail, REUSE) !== 0) this.reuse.challenged(trail, sight)
  }

  /** A RST; the trail has not been marked with it yet. */
  reset(trail: number, direction: number, sight: Sight): void {
    if (direction === 1) {
      this.reuse.reset(trail, sight)
      this.recycled.reset(trail, sight)
    }
    if (!this.trails.has(trail, TRAIL_RST)) this.gaps.reset(trail, direction, sight)
  }

  /** The last packet, at `now`, is in. */
  conclude(now: number): void {
    const { trails } = this
    this.twins.conclude(now)
    for (let trail = 0; trail < trails.count; trail++) {
      if (trails.protocol(trail) !== IPPROTO_TCP) continue
      this.reuse.conclude(trail, now)
      this.gaps.conclude(trail, now)
      this.oneWay.conclude(trail)
    }
    this.ladders?.conclude()
    this.sums.conclude()
  }

  remarks(nameOf: (point: number) => string): Finding[] {
    return [...this.twins.remarks(nameOf), ...this.notes.conclude(nameOf).map(({ finding }) => finding)]
  }
}
