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
import { nameOfEntry, nameOfTuples } from '../evidence/flow-name.ts'
import { counted } from '../wording/counted.ts'
import type { Finding, FindingStep, FrameReference } from '../facts/facts.ts'

type NameOf = (point: number) => string

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
  private readonly gone = new Set<string>()
  private readonly successors: ShownFlows<string>
  private isEvicting = false
  /** Entries beyond the maximum. */
  private readonly excess: ShownFlows<string>
  private excessCount = 0

  /**
   * @param refusals what the table refused; null where it grows
   * @param points the window's; without a window points of one's own
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
      if (this.excess.flows.size < MOST_SHOWN) this.excess.add(nameOfEntry(table, ct), packet, sightings)
    }
    if (!this.isEvicting) return
    this.isEvicting = false
    if (this.successors.flows.size < MOST_SHOWN)
      this.successors.add(nameOfEntry(table, ct), packet, sightings)
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
    if (this.gone.size < MOST_SHOWN) this.gone.add(nameOfEntry(table, ct))
  }

  /** @param nameOf what to call a point */
  conclude(nameOf: NameOf): Finding[] {
    const { refusals } = this
    if (refusals === null) return this.occupancy.exceededTime < 0 ? [] : [this.exceeded(nameOf)]
    if (refusals.packets > 0) return [this.refusal(refusals, nameOf)]
    return refusals.earlyDrops > 0 ? [this.eviction(refusals, nameOf)] : []
  }

  private exceeded(nameOf: NameOf): Finding {
    const { exceededTime, peak } = this.occupancy
    const { nf_conntrack_max: maximum, nf_conntrack_count: outside } = this.settings
    const room = outside === 0 ? '' : `, of which other traffic holds ${outside}`
    const frames = this.excess.frames()
    return {
      ...FULL,
      confidence: 'possible',
      title: `the traffic needs ${counted(peak, 'entry', 'entries')} at once, nf_conntrack_max is ${maximum}${room}: passed at ${instant(exceededTime)}`,
      flows: [...this.excess.flows.keys()],
      flowCount: this.excessCount,
      frames,
      steps: [
        { what: 'first packets of connections for which there was no room', frames: frames.slice(0, 5) },
      ],
      points: namesOf(this.excess, nameOf),
      occurrences: this.excessCount,
      reason: `nobody gave nf_conntrack_max, ${maximum} is the kernel's default: whether this host had more room is not known`,
      fix: this.fix(peak),
    }
  }

  private refusal(refusals: Refusals, nameOf: NameOf): Finding {
    const { packets, connections, firstTime, firstCapture, firstFrame } = refusals
    const { all } = refusals.examples
    // where the capture bears the model out, those connections tell of it
    const borneOut = all.filter(example => !example.isContradicted)
    const named = borneOut.length > 0 ? borneOut : all
    const frames = this.refused.frames(example => named.includes(example))
    return {
      ...FULL,
      ...this.certainty(refusals),
      title: `the table was full: ${counted(packets, 'packet')} refused, of ${counted(connections, 'connection')}, from ${instant(firstTime)} on`,
      flows: named.map(({ tuple, reply }) => nameOfTuples(tuple, reply)),
      flowCount: connections,
      frames: frames.length > 0 ? frames : [{ capture: firstCapture, frame: firstFrame }],
      steps: this.stepsOf(named[0]),
      points: namesOf(this.refused, nameOf),
      occurrences: packets,
      fix: this.fix(this.occupancy.countPeak + this.missing(refusals)),
    }
  }

  /** How sure the model can be of what it refused, with what the capture shows of the same connections. */
  private certainty({ unsent }: Refusals): Pick<Finding, 'confidence' | 'reason'> {
    const { nf_conntrack_max: maximum, nf_conntrack_count: outside } = this.settings
    const room = `nf_conntrack_max=${maximum} leaves room for ${counted(maximum - outside, 'entry', 'entries')}`
    if (unsent + this.passed === 0) {
      const reason = `${room}, as many were live, and the capture shows nothing of the refused connections but their first packets`
      return { confidence: 'certain', reason }
    }
    const shown = [
      ...(unsent > 0 ? [`${unsent} further packets of refused connections`] : []),
      ...(this.passed > 0 ? [`${this.passed} refused packets leave the host`] : []),
    ]
    const reason = `${room}, and as many were live by the model; but the capture shows ${shown.join(', and ')}: there the host that was captured had room`
    return { confidence: 'possible', reason }
  }

  private stepsOf(example: RefusedExample): FindingStep[] {
    const refused = this.refused.flows.get(example)
    const unsent = this.unsent.flows.get(example)
    const steps: FindingStep[] = []
    const step = (what: string, frames: FrameReference[] = []): void => {
      if (frames.length > 0) steps.push({ what, frames })
    }
    step('the first packet of a connection finds the table full, and is refused', refused?.first)
    step('it is sent again, and refused again', refused?.more)
    step('packets that a refused connection would not have', unsent && [...unsent.first, ...unsent.more])
    return steps
  }

  /** Entries that refused connections would have held at once: all, or as many as fall into the life of one entry. */
  private missing({ connections, late, fullTime }: Refusals): number {
    const { meanLife } = this.occupancy
    const share = fullTime > meanLife ? meanLife / fullTime : 1
    return Math.ceil((connections - late) * share)
  }

  private eviction({ earlyDrops }: Refusals, nameOf: NameOf): Finding {
    const frames = this.successors.frames()
    return {
      id: 'conntrack-early-drop',
      severity: 'warning',
      confidence: 'certain',
      title: `the table was full: ${counted(earlyDrops, 'entry that was', 'entries that were')} not ASSURED made way for new ones`,
      flows: [...this.gone],
      flowCount: earlyDrops,
      frames,
      steps: [
        { what: 'packets that found the table full, and for which entries went', frames: frames.slice(0, 5) },
      ],
      points: namesOf(this.successors, nameOf),
      occurrences: earlyDrops,
      reason:
        'as many entries were live as nf_conntrack_max allows; which of them go depends on the hash of the host: those named went by the model',
      cause:
        'the kernel evicts what is not ASSURED in the first of eight buckets that has any (early_drop of `conntrack -S`): ' +
        'replies to the flows evicted are NEW or INVALID afterwards',
      fix: this.fix(this.occupancy.countPeak + earlyDrops),
    }
  }

  /** @param countPeak entries of the capture's traffic that the table should have held at once */
  private fix(countPeak: number): string {
    const { maximum, buckets } = advise([{ settings: this.settings, countPeak, projection: null, lost: 0 }])
    const isHashed = this.settings.nf_conntrack_buckets >= buckets
    const more = isHashed ? '' : ` net.netfilter.nf_conntrack_buckets=${buckets}`
    return (
      `sysctl -w net.netfilter.nf_conntrack_max=${maximum}${more}, or shorter timeouts: ` +
      '`ctpcap size` with the same captures says how much exactly, and which'
    )
  }
}

const FULL: Pick<Finding, 'id' | 'severity' | 'cause'> = {
  id: 'conntrack-table-full',
  severity: 'error',
  cause:
    'more entries live at once than the table may hold: the kernel evicts entries that are not ASSURED, and where ' +
    'it finds none drops the first packet of every new connection ("nf_conntrack: table full, dropping packet")',
}

/** Whether a packet was seen behind the host, too: with a lower TTL, or translated. */
function isForwarded(sightings: Sightings | null): boolean {
  if (sightings === null) return false
  for (let i = 1; i < sightings.count; i++) if (sightings.ttl(i) < sightings.ttl(0)) return true
  return sightings.translated !== 0
}

function namesOf({ points }: { points: Set<number> }, nameOf: NameOf): string[] {
  return [...points].sort((a, b) => a - b).map(nameOf)
}

function instant(time: number): string {
  return `+${(time / 1e9).toFixed(3)} s`
}
