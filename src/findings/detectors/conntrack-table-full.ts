// A table that is too small: more live entries than nf_conntrack_max, or packets that a full table refused.
import type { Settings } from '../../conntrack/settings.ts'
import type { Table } from '../../conntrack/table.ts'
import type { Packet } from '../../packet/packet.ts'
import { advise } from '../../sizing/advice.ts'
import type { Occupancy } from '../../sizing/occupancy.ts'
import type { Refusals } from '../../sizing/refusals/refusals.ts'
import type { RefusedExample } from '../../sizing/refusals/refused-examples.ts'
import type { Points } from '../../vantage/record/points.ts'
import type { Sightings } from '../../vantage/record/sighting.ts'
import { MOST_SHOWN, ShownFlows } from '../counts/shown-flows.ts'
import { flowOfEntry, flowOfTuples } from '../evidence/flow-facts.ts'
import {
  type Confidence,
  type Facts,
  type FlowFacts,
  type FrameReference,
  type Phrase,
  phrase,
  type Step,
  step,
  type Values,
} from '../facts/facts.ts'

/** Watches the size of a table: one that grows as if there were no maximum, or one that refuses what is too much. */
export class TableFull {
  private readonly occupancy: Occupancy
  private readonly settings: Settings
  private readonly refusals: Refusals | null
  /** Refused packets by connection, and those of refused connections that would not have been sent. */
  private readonly refused: ShownFlows<RefusedExample>
  private readonly unsent: ShownFlows<RefusedExample>
  private refusedBefore = 0
  /** Refused packets that the capture shows leave the host. */
  private passed = 0
  /** Entries that went for new ones, and the new ones with their packets. */
  private readonly gone: FlowFacts[] = []
  private readonly successors: ShownFlows<FlowFacts>
  private isEvicting = false
  /** Entries beyond the maximum. */
  private readonly excess: ShownFlows<FlowFacts>
  private excessCount = 0

  /**
   * @param refusals what the table refused; null where it grows
   * @param points those of the window, or a separate instance where there is no window
   */
  constructor(occupancy: Occupancy, settings: Settings, refusals: Refusals | null, points: Points) {
    this.occupancy = occupancy
    this.settings = settings
    this.refusals = refusals
    this.refused = new ShownFlows(points)
    this.unsent = new ShownFlows(points)
    this.successors = new ShownFlows(points)
    this.excess = new ShownFlows(points)
  }

  /** `packet` has created entry `ct`. */
  created(table: Table, ct: number, packet: Packet, sightings: Sightings | null): void {
    if (this.occupancy.isExceeded) {
      this.excessCount++
      if (this.excess.flows.size < MOST_SHOWN) this.excess.add(flowOfEntry(table, ct), packet, sightings)
    }
    if (!this.isEvicting) return
    this.isEvicting = false
    if (this.successors.flows.size < MOST_SHOWN)
      this.successors.add(flowOfEntry(table, ct), packet, sightings)
  }

  /** A packet was refused, or kept out because its connection had been. */
  dropped(packet: Packet, sightings: Sightings | null): void {
    const { refusals } = this
    if (refusals === null) return
    const { current } = refusals.examples
    if (refusals.packets === this.refusedBefore) {
      if (current !== null && refusals.unsent > 0) this.unsent.add(current, packet, sightings)
      return
    }
    this.refusedBefore = refusals.packets
    if (current !== null) this.refused.add(current, packet, sightings)
    if (!isForwarded(sightings)) return
    this.passed++
    if (current !== null) current.isContradicted = true
  }

  /** Entry `ct` goes for a new one. */
  evicted(table: Table, ct: number): void {
    this.isEvicting = true
    if (this.gone.length < MOST_SHOWN) this.gone.push(flowOfEntry(table, ct))
  }

  conclude(): Facts[] {
    const { refusals } = this
    if (refusals === null) return this.occupancy.exceededTime < 0 ? [] : [this.exceeded()]
    if (refusals.packets > 0) return [this.refusal(refusals)]
    return refusals.earlyDrops > 0 ? [this.eviction(refusals)] : []
  }

  private exceeded(): Facts {
    const { exceededTime, peak } = this.occupancy
    const { nf_conntrack_max: maximum, nf_conntrack_count: outside } = this.settings
    const frames = this.excess.frames()
    return {
      ...FULL,
      confidence: 'possible',
      reasons: [phrase('default-maximum', { maximum })],
      flows: [...this.excess.flows.keys()],
      flowCount: this.excessCount,
      occurrences: this.excessCount,
      firstTime: exceededTime,
      frames,
      steps: [step('excess', frames.slice(0, 5))],
      points: pointsOf(this.excess),
      values: { by: 'excess', peak, maximum, outside, time: exceededTime, ...this.advice(peak) },
    }
  }

  private refusal(refusals: Refusals): Facts {
    const { packets, connections, firstTime, lastTime, firstCapture, firstFrame } = refusals
    const { all } = refusals.examples
    // where the capture bears the model out, those connections tell of it
    const borneOut = all.filter(example => !example.isContradicted)
    const named = borneOut.length > 0 ? borneOut : all
    const frames = this.refused.frames(example => named.includes(example))
    const { confidence, reason } = this.certainty(refusals)
    const advice = this.advice(this.occupancy.countPeak + this.missing(refusals))
    return {
      ...FULL,
      confidence,
      reasons: [reason],
      flows: named.map(({ tuple, reply }) => flowOfTuples(tuple, reply)),
      flowCount: connections,
      occurrences: packets,
      firstTime,
      lastTime,
      frames: frames.length > 0 ? frames : [{ capture: firstCapture, frame: firstFrame }],
      steps: this.stepsOf(named[0]),
      points: pointsOf(this.refused),
      values: { by: 'refusal', packets, connections, time: firstTime, ...advice },
    }
  }

  /** How sure the model can be of what it refused, with what the capture shows of the same connections. */
  private certainty({ unsent }: Refusals): { confidence: Confidence; reason: Phrase } {
    const { nf_conntrack_max: maximum, nf_conntrack_count: outside } = this.settings
    const { passed } = this
    if (unsent + passed === 0)
      return { confidence: 'certain', reason: phrase('refused', { maximum, outside }) }
    return { confidence: 'possible', reason: phrase('contradicted', { maximum, outside, unsent, passed }) }
  }

  private stepsOf(example: RefusedExample): Step[] {
    const refused = this.refused.flows.get(example)
    const unsent = this.unsent.flows.get(example)
    const steps: Step[] = []
    const add = (code: string, frames: FrameReference[] = []): void => {
      if (frames.length > 0) steps.push(step(code, frames))
    }
    add('refused', refused?.first)
    add('refused-again', refused?.more)
    add('unsent', unsent && [...unsent.first, ...unsent.more])
    return steps
  }

  /** Entries that refused connections would have held at once: all, or as many as fall into the life of one entry. */
  private missing({ connections, late, fullTime }: Refusals): number {
    const { meanLife } = this.occupancy
    const share = fullTime > meanLife ? meanLife / fullTime : 1
    return Math.ceil((connections - late) * share)
  }

  private eviction({ earlyDrops }: Refusals): Facts {
    const frames = this.successors.frames()
    return {
      ...FULL,
      id: 'conntrack-early-drop',
      severity: 'warning',
      confidence: 'certain',
      reasons: [phrase('model')],
      flows: this.gone,
      flowCount: earlyDrops,
      occurrences: earlyDrops,
      frames,
      steps: [step('evicted', frames.slice(0, 5))],
      points: pointsOf(this.successors),
      values: { earlyDrops, ...this.advice(this.occupancy.countPeak + earlyDrops) },
    }
  }

  /** @param countPeak entries of the capture's traffic that the table should have held at once */
  private advice(countPeak: number): Values {
    const { maximum, buckets } = advise([{ settings: this.settings, countPeak, projection: null, lost: 0 }])
    const isHashed = this.settings.nf_conntrack_buckets >= buckets
    return { advised: maximum, ...(isHashed ? {} : { buckets }) }
  }
}

const FULL: Pick<Facts, 'id' | 'severity' | 'firstTime' | 'lastTime' | 'rules' | 'isOpen'> = {
  id: 'conntrack-table-full',
  severity: 'error',
  firstTime: null,
  lastTime: null,
  rules: [],
  isOpen: false,
}

/** Whether a packet was seen behind the host, too: with a lower TTL, or translated. */
function isForwarded(sightings: Sightings | null): boolean {
  return sightings !== null && (sightings.exit() >= 0 || sightings.translated !== 0)
}

function pointsOf({ points }: { points: Set<number> }): number[] {
  return [...points].sort((a, b) => a - b)
}
