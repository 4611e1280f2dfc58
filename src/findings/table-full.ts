// A table that is too small: more live entries than nf_conntrack_max, so that the kernel drops new connections.
import type { Packet } from '../packet/packet.ts'
import type { Occupancy } from '../sizing/occupancy.ts'
import type { Finding } from './finding.ts'
import { FrameGroup } from './frame-group.ts'

/** Watches the size of a table that grows as if there were no maximum. */
export class TableFull {
  private readonly occupancy: Occupancy
  private readonly maximum: number
  private readonly excess = new FrameGroup()

  /** @param maximum nf_conntrack_max */
  constructor(occupancy: Occupancy, maximum: number) {
    this.occupancy = occupancy
    this.maximum = maximum
  }

  /** `packet` has created an entry. */
  created(packet: Packet): void {
    if (this.occupancy.exceededTime >= 0 && this.excess.count === 0) this.excess.add(packet)
  }

  conclude(): Finding[] {
    const { exceededTime, peak } = this.occupancy
    if (exceededTime < 0) return []
    return [
      {
        id: 'conntrack-table-full',
        severity: 'error',
        confidence: 'certain',
        title: `the traffic needs ${peak} entries at once, nf_conntrack_max is ${this.maximum}: passed at +${(exceededTime / 1e9).toFixed(3)} s`,
        flows: [],
        frames: this.excess.frames,
        cause:
          'more entries live at once than the table may hold: the kernel evicts entries that are not ASSURED, and where ' +
          'it finds none drops the first packet of every new connection ("nf_conntrack: table full, dropping packet")',
        fix: `sysctl -w net.netfilter.nf_conntrack_max=${roundUp(peak * 1.25)}, or shorter timeouts`,
      },
    ]
  }
}

/** The next power of two: the headroom of at least a quarter is in the argument. */
function roundUp(entries: number): number {
  return 2 ** Math.ceil(Math.log2(entries))
}
