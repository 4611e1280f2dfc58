// The InfoReport for people: each capture, how captures lie in time, where frames were seen, what they hold.
import { ARRANGEMENT_WORDS } from '../analyze/arrangement.ts'
import { filterLines } from '../analyze/capture-section.ts'
import { kernelLine } from '../analyze/kernel-report.ts'
import { clockText, switchedLines } from '../analyze/sightings-report.ts'
import { formatBytes, formatCount, formatDuration, formatShare, plural, printable } from '../text/format.ts'
import { type Column, fitTable } from '../text/rows.ts'
import { renderSections, SECTION_MARGIN } from '../text/sections.ts'
import { createStyle, type Style } from '../text/style.ts'
import { instantOf, WallClock } from '../text/wall-clock.ts'
import { wrap } from '../text/wrap.ts'
import type { CaptureInfo, InfoReport, PointInfo } from './info-report.ts'

/** Damages listed of a capture, and ids of a tunnel. */
const NAMED_DAMAGES = 5
const NAMED_IDS = 8
/** Points listed; a host may have very many interfaces. */
const NAMED_POINTS = 64

/** What the IP hooks see, or do not, of the frames that a bridge switches. */
const BRIDGE_CALLS = new Map([
  ['net.bridge.bridge-nf-call-iptables', 'IPv4'],
  ['net.bridge.bridge-nf-call-ip6tables', 'IPv6'],
])

export interface InfoTextOptions {
  /** Whether escape sequences are wanted. */
  color: boolean
  /** Columns of a line. */
  width: number
  /** Whose times of day: a name of the IANA database, or `UTC`. */
  zone: string
}

/** Renders the report for people. */
export function renderInfoText(report: InfoReport, { color, width, zone }: InfoTextOptions): string {
  const style = createStyle(color)
  const clock = new WallClock(zone)
  const prose = width - SECTION_MARGIN
  return renderSections(
    [
      ...report.captures.map((capture): [string, string[]] => [
        'Capture',
        wrap(captureLines(capture, style, clock), prose),
      ]),
      ['Together', wrap(togetherLines(report, style), prose)],
      ['Points', pointLines(report.points, prose, clock)],
      ['Packets', wrap(packetLines(report, style), prose)],
      ['Sysctls', wrap(sysctlLines(report), prose)],
    ],
    style,
  )
}

function captureLines(capture: CaptureInfo, style: Style, clock: WallClock): string[] {
  const { interfaces } = capture
  const links = [...new Set(interfaces.map(point => `${point.linkTypeName} (${point.linkType})`))]
  const order = capture.byteOrder === '' ? '' : `${capture.byteOrder}-endian`
  const format = [capture.format, order, capture.compression].filter(word => word !== '')
  const size = capture.size === 0 ? '' : `, ${formatBytes(capture.size)}`
  const lines = [
    style.bold(printable(capture.path)),
    `${format.join(', ')}${size}; ${links.length === 0 ? 'no interface' : links.join(', ')}`,
    ...contentLines(capture, clock),
    ...lossLines(capture),
  ]
  if (capture.application !== '') lines.push(`captured with ${printable(capture.application)}`)
  lines.push(...capture.comments.map(comment => `comment: ${printable(comment)}`))
  lines.push(
    ...capture.damage
      .slice(0, NAMED_DAMAGES)
      .map(({ offset, message, stopped }) =>
        style.yellow(`byte ${offset}: ${printable(message)}${stopped ? '; nothing after it was read' : ''}`),
      ),
  )
  return lines
}

function contentLines(capture: CaptureInfo, clock: WallClock): string[] {
  const { frames, capturedBytes, originalBytes, truncated } = capture
  if (frames === 0) return ['no frames']
  const lines = [
    `${plural(frames, 'frame')}, ${formatBytes(originalBytes)}${rates(capture)}`,
    ...spanLine(capture, clock),
  ]
  const lengths = [...new Set(capture.interfaces.map(point => point.snapLength))].filter(length => length > 0)
  if (truncated > 0) {
    const limit = lengths.length === 1 ? ` at snap length ${lengths[0]}` : ''
    lines.push(
      `${plural(truncated, 'frame')} (${formatShare(truncated, frames)}) cut off${limit}: ${formatBytes(capturedBytes)} captured`,
    )
  }
  return [...lines, ...clockLines(capture)]
}

function spanLine({ firstTime, lastTime }: CaptureInfo, clock: WallClock): string[] {
  return firstTime === null || lastTime === null
    ? []
    : [clock.span(instantOf(firstTime), instantOf(lastTime))]
}

/** What the capture itself says is missing from it. */
function lossLines({ interfaces }: CaptureInfo): string[] {
  const lossy = interfaces.filter(({ dropped }) => dropped !== null && dropped > 0)
  const lines = lossy.map(
    ({ name, dropped }) =>
      `${name === '' ? 'the interface' : printable(name)} lost ${plural(dropped ?? 0, 'frame')}`,
  )
  if (lossy.length === 0 && interfaces.some(({ dropped }) => dropped === 0)) lines.push('no frame lost')
  const filters = new Set(interfaces.map(({ filter }) => filter).filter(filter => filter !== ''))
  return [...lines, ...[...filters].map(filter => `capture filter: ${printable(filter)}`)]
}

function rates({ frames, duration, originalBytes }: CaptureInfo): string {
  const mean = `${formatCount(Math.round(originalBytes / frames))} B a frame`
  if (duration === 0) return `; ${mean}`
  return `; ${formatCount(Math.round(frames / duration))} frames/s, ${formatBytes(Math.round(originalBytes / duration))}/s, ${mean}`
}

function clockLines(capture: CaptureInfo): string[] {
  const lines: string[] = []
  if (capture.backwards > 0) {
    lines.push(
      `${plural(capture.backwards, 'frame')} stamped earlier than the one before, by ${formatDuration(capture.mostBack)} at most`,
    )
  }
  if (capture.sameStamp > 0) lines.push(`${plural(capture.sameStamp, 'frame')} stamped as the one before`)
  if (capture.unstamped > 0) lines.push(`${plural(capture.unstamped, 'frame')} without a time stamp`)
  if (capture.gapFrame !== null)
    lines.push(`longest silence ${formatDuration(capture.longestGap)}, before frame ${capture.gapFrame}`)
  return lines
}

function togetherLines(report: InfoReport, style: Style): string[] {
  const { captures, arrangement, duration, clocks } = report
  const lines = filterLines(report.filter, style)
  if (arrangement !== 'single') lines.push(`${ARRANGEMENT_WORDS[arrangement]}: ${formatDuration(duration)}`)
  return [...lines, ...clocks.map(clock => clockText(clock, captures))]
}

const POINT_COLUMNS: readonly Column[] = [
  { title: 'point', alignment: 'left', rank: 0 },
  { title: 'link', alignment: 'left', rank: 2 },
  { title: 'frames', alignment: 'right', rank: 0 },
  { title: 'bytes', alignment: 'right', rank: 1 },
  { title: 'from, to', alignment: 'left', rank: 0 },
]

function pointLines(points: readonly PointInfo[], width: number, clock: WallClock): string[] {
  const rows = points
    .slice(0, NAMED_POINTS)
    .map(({ name, linkTypeName, frames, bytes, firstTime, lastTime }) => [
      printable(name),
      linkTypeName,
      formatCount(frames),
      formatBytes(bytes),
      clock.span(instantOf(firstTime), instantOf(lastTime)),
    ])
  if (rows.length === 0) return []
  const lines = fitTable(POINT_COLUMNS, rows, width)
  return points.length > rows.length
    ? [...lines, `and ${formatCount(points.length - rows.length)} more`]
    : lines
}

function packetLines(report: InfoReport, style: Style): string[] {
  const { packets, notIp, undecodable, tunnels } = report
  const lines = [
    ...familyLine('IPv4', packets.ipv4),
    ...familyLine('IPv6', packets.ipv6),
    ...switchedLines(report),
  ]
  if (notIp > 0) lines.push(`${plural(notIp, 'frame')} without an IP packet (ARP and the like)`)
  for (const { reason, count, firstFrame } of undecodable)
    lines.push(style.yellow(`${formatCount(count)} × ${reason}, first frame ${firstFrame}`))
  for (const { kind, frames, inner, ids } of tunnels) {
    const named =
      ids.length === 0
        ? ''
        : `, id ${ids.slice(0, NAMED_IDS).join(', ')}${ids.length > NAMED_IDS ? ', …' : ''}`
    const unread =
      inner === frames ? '' : `, ${formatCount(frames - inner)} of them without an IP packet inside`
    lines.push(`tunnel ${kind}: ${plural(frames, 'packet')}${unread}${named}`)
  }
  return lines
}

function familyLine(name: string, counts: Record<string, number>): string[] {
  const entries = Object.entries(counts)
  if (entries.length === 0) return []
  const total = entries.reduce((sum, [, count]) => sum + count, 0)
  return [
    `${name} ${formatCount(total)}: ${entries.map(([word, count]) => `${word} ${formatCount(count)}`).join(', ')}`,
  ]
}

/** Those given, and what a bridge of the host does with them: the frames it switches are in the capture all the same. */
function sysctlLines({ kernel, settings, host }: InfoReport): string[] {
  const changed = Object.entries(settings).map(([name, value]) => `${name}=${value}`)
  return [
    ...(kernel.origin === 'default' ? [] : [kernelLine(kernel)]),
    ...(changed.length === 0 ? [] : [`unlike the defaults: ${changed.join(' ')}`]),
    ...Object.entries(host).map(([name, value]) => `${name}=${value}${bridgeMeaning(name, value)}`),
  ]
}

function bridgeMeaning(name: string, value: number): string {
  const version = BRIDGE_CALLS.get(name)
  if (version === undefined) return ''
  return `: conntrack ${value === 0 ? 'does not see' : 'sees'} ${version} that a bridge switches`
}
