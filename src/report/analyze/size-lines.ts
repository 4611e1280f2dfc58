// What is said of a table's size: what it refused, who held it, where it levels off. For the report, and for `ctpcap size`.
import { isTelling } from '../../sizing/projection.ts'
import { formatCount, formatDuration, formatInstant, formatShare, plural } from '../text/format.ts'
import type { Style } from '../text/style.ts'
import type { ProjectionReport, TableReport } from './model.ts'

/** Owners and parts of a projection named in a line of their own. */
const NAMED = 3
/** Entries at the peak from which on it matters whose they are. */
const WORTH_NAMING = 10
/** A part of a projection below this share of the level is not named. */
const NAMED_SHARE = 0.01
/** Flows that a part must rest on to be named, and seconds of a capture that tells a rate. */
const LEAST_FLOWS = 10
const LEAST_SECONDS = 1

/** What a full table refused; nothing where it had room. */
export function refusedLines({ refused }: Pick<TableReport, 'refused'>, style: Style): string[] {
  if (refused === null || refused.packets + refused.earlyDrops + refused.collected === 0) return []
  const lines: string[] = []
  if (refused.packets > 0 && refused.firstTime !== null && refused.first !== null) {
    const late = refused.late > 0 ? `, ${formatCount(refused.late)} of which got in with a later try` : ''
    lines.push(
      style.red(
        `refused ${plural(refused.packets, 'packet')} of ${plural(refused.connections, 'connection')}${late}; the first is frame ${refused.first.frame} at ${formatInstant(refused.firstTime)}: "nf_conntrack: table full, dropping packet"`,
      ),
      `  ${byOwner('from', refused.sources)}; ${byOwner('to', refused.services)}`,
    )
    if (refused.unsent > 0) {
      lines.push(
        `  ${plural(refused.unsent, 'packet')} of theirs left out: a refused connection would not have sent ${refused.unsent === 1 ? 'it' : 'them'}`,
      )
    }
  }
  lines.push(`  full for ${formatDuration(refused.fullSeconds)}${evicted(refused)}`)
  return lines
}

function evicted({ earlyDrops, collected }: NonNullable<TableReport['refused']>): string {
  const parts: string[] = []
  if (earlyDrops > 0) parts.push(`${plural(earlyDrops, 'entry', 'entries')} evicted by early drop`)
  if (collected > 0) parts.push(`${formatCount(collected)} by the collector at 95 %`)
  if (parts.length === 0) return ', nothing to evict'
  return `, ${parts.join(', ')}: the kernel picks them by chance`
}

function byOwner(word: string, owners: { name: string; connections: number }[]): string {
  const named = owners.slice(0, NAMED).map(({ name, connections }) => `${name} (${formatCount(connections)})`)
  return `${word} ${named.join(', ')}${owners.length > NAMED ? ', …' : ''}`
}

/** Who held most entries at the peak, and, where it is somebody else, who held them longest. */
export function ownerLines({
  owners,
  peak,
  entrySeconds,
}: Pick<TableReport, 'owners' | 'peak' | 'entrySeconds'>): string[] {
  if (owners === null || peak.entries < WORTH_NAMING) return []
  const total = entrySeconds.reduce((sum, { seconds }) => sum + seconds, 0)
  const atPeak = ({ name, atPeak }: { name: string; atPeak: number }): string =>
    `${name} ${formatCount(atPeak)} (${formatShare(atPeak, peak.entries)})`
  const byTime = ({ name, entrySeconds }: { name: string; entrySeconds: number }): string =>
    `${name} (${formatShare(entrySeconds, total)})`
  const lines = [
    `  from ${owners.sources.slice(0, NAMED).map(atPeak).join(', ')}`,
    `  to   ${owners.services.slice(0, NAMED).map(atPeak).join(', ')}`,
  ]
  const [first] = owners.services
  const [longest] = owners.servicesByTime
  if (longest !== undefined && longest.name !== first?.name) {
    lines.push(`  most entry-seconds: to ${owners.servicesByTime.slice(0, NAMED).map(byTime).join(', ')}`)
  }
  return lines
}

/**
 * Where the table levels off, and what makes it; nothing where too little was seen to tell.
 * @param duration seconds of the capture
 */
export function projectionLines(
  { projection, max, outside }: Pick<TableReport, 'projection' | 'max' | 'outside'>,
  duration: number,
): string[] {
  if (projection === null || !isTelling(projection) || duration < LEAST_SECONDS) return []
  const { level, low, high, fullAfter, parts } = projection
  const seen = parts.reduce((sum, { rate }) => sum + rate * duration, 0)
  if (seen < LEAST_FLOWS) return []
  const room = max === 0 ? '' : `, ${formatShare(level + outside, max)} of nf_conntrack_max`
  const named = parts
    .filter(part => part.entries >= level * NAMED_SHARE && part.rate * duration >= LEAST_FLOWS)
    .slice(0, NAMED)
  const full = fullAfter === null ? '' : `; full after ${formatDuration(Math.round(fullAfter))}`
  const lines = [
    `at this rate about ${formatCount(level)} entries (${formatCount(low)} to ${formatCount(high)})${room}, extrapolated from ${formatDuration(duration)}${full}`,
    ...named.map(part => `  ${partLine(part)}`),
  ]
  const isOpenNamed = projection.open >= Math.max(level * NAMED_SHARE, 1)
  if (isOpenNamed) lines.push(`  ${formatCount(projection.open)} established${rising(projection)}`)
  const rest = Math.round(
    level - named.reduce((sum, part) => sum + part.entries, isOpenNamed ? projection.open : 0),
  )
  if (rest >= 1) lines.push(`  ${formatCount(rest)} in other states`)
  return lines
}

function partLine({
  protocol,
  state,
  rate,
  held,
  entries,
  sysctl,
}: ProjectionReport['parts'][number]): string {
  const name = [protocol, state].filter(word => word !== '').join(' ')
  const held_ = held < 10 ? held.toPrecision(2) : held.toFixed(1)
  const timeout = sysctl === null ? '' : ` (${sysctl.slice('nf_conntrack_'.length)})`
  return `${formatRate(rate)} × ${Number(held_)} s = ${formatCount(entries)} ${name}${timeout}`
}

function rising({ rising }: ProjectionReport): string {
  return rising > 0 ? `, and still growing by ${formatRate(rising)} at the end of the capture` : ''
}

/** `400/s`, `12.5/s`, `3/min`. */
function formatRate(rate: number): string {
  if (rate < 0.1) return `${Number((rate * 60).toPrecision(2))}/min`
  return `${rate < 100 ? Number(rate.toPrecision(3)) : formatCount(Math.round(rate))}/s`
}
