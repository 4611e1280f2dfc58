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
import type { Style } from '../text/style.ts'
import { countsByState } from './flow-section.ts'
import { knownTableLine } from './known-table.ts'
import type { Report, TableReport } from './model.ts'
import { ownerLines, projectionLines, refusedLines } from './size-lines.ts'

/** Columns of the sparkline. */
const WIDTH = 64

export function tableLines(report: Report, style: Style): string[] {
  const { table } = report
  const { knownTable } = report
  const begin = knownTable === null ? [] : [knownTableLine(knownTable)]
  if (table.peak.entries === 0) return [...begin, 'no entry was made']
  return [...begin, ...peakLines(table, style), memoryLine(table), ...sizeLine(report)]
}

/** The table at its peak and at the end, who held it, what it refused, where it levels off. */
export function peakLines(table: Omit<TableReport, 'timeline' | 'timelineStep'>, style: Style): string[] {
  const { peak } = table
  const share =
    table.max === 0
      ? 'without a limit (nf_conntrack_max 0)'
      : `${formatShare(peak.entries, table.max)} of nf_conntrack_max ${table.max}`
  const paint = table.exceeded === null ? (text: string) => text : style.red
  const lines = [
    `peak ${style.bold(plural(peak.entries, 'live entry', 'live entries'))}, ${paint(share)}, at ${formatInstant(peak.time)} (${peak.timeOfDay})`,
    `  ${countsByState(peak.byProtocol, peak.byState)}`,
    `  ${assured(peak)}; ${formatCount(peak.unreplied)} UNREPLIED`,
    ...ownerLines(table),
    `end  ${plural(table.end, 'live entry', 'live entries')}`,
  ]
  if (table.countPeak.entries > peak.entries) {
    lines.push(
      `nf_conntrack_count reaches ${formatCount(table.countPeak.entries)} at ${formatInstant(table.countPeak.time)}: expired entries count until they are collected (at worst ${formatCount(table.countPeak.atMost)})`,
    )
  }
  lines.push(...refusedLines(table, style), ...projectionLines(table))
  return lines
}

function assured({ assured }: TableReport['peak']): string {
  return assured === 0
    ? 'none ASSURED, so that early drop could evict any of them'
    : `${formatCount(assured)} ASSURED, which early drop spares`
}

function memoryLine({ peak, buckets, memoryBytes }: TableReport): string {
  return `memory ${formatMemory(memoryBytes)}: ${formatCount(peak.entries)} × ${ENTRY_BYTES} B + ${buckets} buckets × ${BUCKET_BYTES} B`
}

function sizeLine({ table, duration }: Report): string[] {
  if (table.timeline.length < 2) return []
  const peaks = table.timeline.map(step => step.peak)
  const line = sparkline(peaks, table.peak.entries, WIDTH)
  return [`size ${line} over ${formatDuration(duration)}`]
}
