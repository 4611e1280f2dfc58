// The table: its peak and what stood in it then, its end, its memory, its size over the capture.
import { BUCKET_BYTES, ENTRY_BYTES } from '../../sizing/memory.ts'
import {
  formatCount,
  formatDuration,
  formatInstant,
  formatMemory,
  formatShare,
  plural,
  sparkline,
} from '../text/format.ts'
import type { Page } from '../text/page.ts'
import { SECTION_MARGIN } from '../text/sections.ts'
import { instantOf } from '../text/wall-clock.ts'
import { columns } from '../text/wrap.ts'
import { countsByState } from './flow-section.ts'
import { knownTableLine } from './known-table.ts'
import type { Report, TableReport } from './model.ts'
import { ownerLines, projectionLines, refusedLines } from './size-lines.ts'

/** Entries at the peak from which on a picture of them says something. */
const WORTH_DRAWING = 10
/** Columns of the sparkline at most. */
const SPARKLINE = 64

/** The peak, what a full table refused, and that it would become full. */
export function shortTableLines({ table, knownTable, duration }: Report, page: Page): string[] {
  const begin = knownTable === null ? [] : [knownTableLine(knownTable)]
  if (table.peak.entries === 0) return [...begin, 'no entry was made']
  const isShort = (table.projection?.fullAfter ?? null) !== null
  return [
    ...begin,
    peakLine(table, page),
    ...refusedLines(table, page.style),
    ...(isShort ? projectionLines(table, duration).slice(0, 1) : []),
  ]
}

export function tableLines(report: Report, page: Page): string[] {
  const { table } = report
  const { knownTable } = report
  const begin = knownTable === null ? [] : [knownTableLine(knownTable)]
  if (table.peak.entries === 0) return [...begin, 'no entry was made']
  return [
    ...begin,
    ...peakLines(table, report.duration, page),
    memoryLine(table),
    ...sizeLine(report, page.width - SECTION_MARGIN),
  ]
}

/**
 * The table at its peak and at the end, who held it, what it refused, where it levels off.
 * @param duration seconds of the capture
 */
export function peakLines(
  table: Omit<TableReport, 'timeline' | 'timelineStep'>,
  duration: number,
  page: Page,
): string[] {
  const { peak } = table
  const lines = [
    peakLine(table, page),
    `  ${countsByState(peak.byProtocol, peak.byState)}`,
    `  ${assured(peak)}; ${formatCount(peak.unreplied)} UNREPLIED`,
    ...ownerLines(table),
    `end  ${plural(table.end, 'live entry', 'live entries')}`,
  ]
  if (table.countPeak.entries > peak.entries) {
    lines.push(
      `nf_conntrack_count reaches ${formatCount(table.countPeak.entries)} at ${formatInstant(table.countPeak.time)}: expired entries count until the kernel collects them (at worst ${formatCount(table.countPeak.atMost)})`,
    )
  }
  lines.push(...refusedLines(table, page.style), ...projectionLines(table, duration))
  return lines
}

function peakLine(
  { peak, max, exceeded }: Pick<TableReport, 'peak' | 'max' | 'exceeded'>,
  { style, clock }: Page,
): string {
  const share =
    max === 0
      ? 'without a limit (nf_conntrack_max 0)'
      : `${formatShare(peak.entries, max)} of nf_conntrack_max ${formatCount(max)}`
  const paint = exceeded === null ? (text: string) => text : style.red
  const day = peak.timeOfDay === null ? '' : ` (${clock.timeAt(instantOf(peak.timeOfDay))})`
  return `peak ${style.bold(plural(peak.entries, 'live entry', 'live entries'))}, ${paint(share)}, at ${formatInstant(peak.time)}${day}`
}

function assured({ assured }: TableReport['peak']): string {
  return assured === 0
    ? 'none ASSURED: if the table fills, early drop may evict any of them'
    : `${formatCount(assured)} ASSURED, which early drop spares`
}

function memoryLine({ peak, buckets, memoryBytes }: TableReport): string {
  return `memory ${formatMemory(memoryBytes)}: ${formatCount(peak.entries)} × ${ENTRY_BYTES} B + ${formatCount(buckets)} buckets × ${BUCKET_BYTES} B`
}

/** The number of live entries over the capture; a full bar is the peak. */
function sizeLine({ table, duration }: Report, width: number): string[] {
  if (table.timeline.length < 2 || table.peak.entries < WORTH_DRAWING) return []
  const peaks = table.timeline.map(step => step.peak)
  const after = ` 0 to ${formatCount(table.peak.entries)} over ${formatDuration(duration)}`
  const line = sparkline(
    peaks,
    table.peak.entries,
    Math.min(SPARKLINE, width - 'size '.length - columns(after)),
  )
  return [`size ${line}${after}`]
}
