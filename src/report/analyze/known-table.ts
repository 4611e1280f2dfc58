// What became of the table that was given for the start of the capture (`--table`): as a report, in a line, as limits.
import type { KnownEntry } from '../../conntrack/known-entry.ts'
import { zoneOf } from '../../conntrack/tuple.ts'
import type { TableCheck } from '../../findings/detectors/table-file-contradicted.ts'
import { formatCount, plural, printable } from '../text/format.ts'
import type { KnownTableReport } from './model.ts'

export function knownTableReport(check: TableCheck): KnownTableReport {
  const { engine, known, reopened } = check
  const count = (is: (entry: KnownEntry) => boolean): number => known.entries.filter(is).length
  return {
    path: known.path,
    entries: engine.known,
    used: check.used,
    duplicates: engine.duplicates,
    offloaded: count(entry => entry.isOffloaded),
    otherZones: count(({ original, reply }) => zoneOf(original.kind) + zoneOf(reply.kind) !== 0),
    partial: count(entry => entry.isPartial),
    usedTcp: check.usedTcp,
    takenLater: check.wasTakenLater,
    reopened: { count: reopened.count, frames: reopened.frames },
    contradictions: [...check.contradictions].map(([id, { count, frames }]) => ({ id, count, frames })),
  }
}

/** A line for the section about the table. */
export function knownTableLine({ path, entries, used, duplicates, reopened }: KnownTableReport): string {
  const parts = [`${formatCount(used)} of them met by packets`]
  if (reopened.count > 0) parts.push(`${formatCount(reopened.count)} closed and opened anew`)
  if (duplicates > 0) parts.push(`${formatCount(duplicates)} more listed twice`)
  return `began with ${plural(entries, 'entry', 'entries')} of ${printable(path)}: ${parts.join(', ')}`
}

/** What the listing leaves open, id and text each; an empty text for nothing. */
export function knownTableLimits(known: KnownTableReport): [string, string][] {
  const file = printable(known.path)
  const { offloaded, otherZones, partial } = known
  // those that a SYN opened anew have windows of their own
  const going = known.usedTcp - known.reopened.count
  return [
    [
      'known-windows',
      going === 0
        ? ''
        : `No listing has TCP windows: a segment outside of them is not found in the ${plural(going, 'connection')} that ${file} has and the capture shows.`,
    ],
    [
      'known-zones',
      otherZones === 0
        ? ''
        : `${plural(otherZones, 'entry', 'entries')} of ${file} are of other zones than 0: they count, but no capture tells the zone of a packet, and only those find them that rules given with --rules put there.`,
    ],
    [
      'known-partial',
      partial === 0
        ? ''
        : `${plural(partial, 'ICMP entry', 'ICMP entries')} of ${file} are listed without type and id, as -o xml does: they count, and no packet finds them.`,
    ],
    [
      'known-offloaded',
      offloaded === 0
        ? ''
        : `${plural(offloaded, 'entry', 'entries')} of ${file} are offloaded: their packets pass conntrack by, which this replay does not know of.`,
    ],
  ]
}
