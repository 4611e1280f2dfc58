// A table that is too small: more live entries than nf_conntrack_max, or packets that a full table refused.
import type { Settings } from '../conntrack/settings.ts'
import type { Packet } from '../packet/packet.ts'
import type { Occupancy } from '../sizing/occupancy.ts'
import type { Refusals } from '../sizing/refusals.ts'
import type { Finding } from './finding.ts'
import { FrameGroup } from './frame-group.ts'

/** Watches the size of a table: one that grows as if there were no maximum, or one that refuses what is too much. */
export class TableFull {
  private readonly occupancy: Occupancy
  private readonly settings: Settings
  private readonly refusals: Refusals | null
  private readonly excess = new FrameGroup()

  /** @param refusals what the table refused; null where it grows */
  constructor(occupancy: Occupancy, settings: Settings, refusals: Refusals | null) {
    this.occupancy = occupancy
    this.settings = settings
    this.refusals = refusals
  }

  /** `packet` has created an entry. */
  created(packet: Packet): void {
    if (this.occupancy.exceededTime >= 0 && this.excess.count === 0) this.excess.add(packet)
  }

  conclude(): Finding[] {
    if (this.refusals !== null) return [...refused(this.refusals), ...evicted(this.refusals)]
    const { exceededTime, peak } = this.occupancy
    if (exceededTime < 0) return []
    const { nf_conntrack_max: maximum, nf_conntrack_count: outside } = this.settings
    const room = outside === 0 ? '' : `, of which other traffic holds ${outside}`
    return [
      {
        ...FULL,
        title: `the traffic needs ${peak} entries at once, nf_conntrack_max is ${maximum}${room}: passed at ${instant(exceededTime)}`,
        frames: this.excess.frames,
        fix: `sysctl -w net.netfilter.nf_conntrack_max=${roundUp(outside + peak * 1.25)}, or shorter timeouts`,
      },
    ]
  }
}

const FULL: Omit<Finding, 'title' | 'frames' | 'fix'> = {
  id: 'conntrack-table-full',
  severity: 'error',
  confidence: 'certain',
  flows: [],
  cause:
    'more entries live at once than the table may hold: the kernel evicts entries that are not ASSURED, and where ' +
    'it finds none drops the first packet of every new connection ("nf_conntrack: table full, dropping packet")',
}

function refused({ packets, connections, firstTime, firstCapture, firstFrame }: Refusals): Finding[] {
  if (packets === 0) return []
  return [
    {
      ...FULL,
      title: `the table was full: ${packets} packets refused, of ${connections} connections, from ${instant(firstTime)} on`,
      frames: [{ capture: firstCapture, frame: firstFrame }],
      fix: 'a larger nf_conntrack_max, or shorter timeouts: `ctpcap size` with the same captures says how much, and which',
    },
  ]
}

function evicted({ packets, earlyDrops }: Refusals): Finding[] {
  if (earlyDrops === 0 || packets > 0) return []
  return [
    {
      id: 'conntrack-early-drop',
      severity: 'warning',
      confidence: 'certain',
      title: `the table was full: ${earlyDrops} entries that were not ASSURED made way for new ones`,
      flows: [],
      frames: [],
      cause:
        'the kernel evicts what is not ASSURED in the first of eight buckets that has any (early_drop of `conntrack -S`): ' +
        'replies to the flows evicted are NEW or INVALID afterwards',
      fix: 'a larger nf_conntrack_max, or shorter timeouts: `ctpcap size` with the same captures says how much, and which',
    },
  ]
}

function instant(time: number): string {
  return `+${(time / 1e9).toFixed(3)} s`
}

/** The next power of two: the headroom of at least a quarter is in the argument. */
function roundUp(entries: number): number {
  return 2 ** Math.ceil(Math.log2(entries))
}
