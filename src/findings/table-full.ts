// A table that is too small: more live entries than nf_conntrack_max, so that the kernel drops new connections.
import type { Settings } from '../conntrack/settings.ts'
import type { Occupancy } from '../sizing/occupancy.ts'
import type { Finding } from './finding.ts'

/** Judges the peak of a replay that did not enforce the maximum. */
export function concludeTableFull(occupancy: Occupancy, settings: Settings): Finding[] {
  const maximum = settings.nf_conntrack_max
  if (occupancy.exceededTime < 0) return []
  return [
    {
      id: 'conntrack-table-full',
      severity: 'error',
      confidence: 'certain',
      title: `the traffic needs ${occupancy.peak} entries at once, nf_conntrack_max is ${maximum}: passed at +${(occupancy.exceededTime / 1e9).toFixed(3)} s`,
      flows: [],
      frames: [],
      cause:
        'more entries live at once than the table may hold: the kernel evicts entries that are not ASSURED, and where ' +
        'it finds none drops the first packet of every new connection ("nf_conntrack: table full, dropping packet")',
      fix: `sysctl -w net.netfilter.nf_conntrack_max=${roundUp(occupancy.peak * 1.25)}, or shorter timeouts`,
    },
  ]
}

/** The next power of two: the headroom of at least a quarter is in the argument. */
function roundUp(entries: number): number {
  return 2 ** Math.ceil(Math.log2(entries))
}
