// What was read: file, format, link types, frames, times, and what was not understood.
import type { FrameReference } from '../../findings/facts/facts.ts'
import { formatBytes, formatCount, formatDuration, plural, printable } from '../text/format.ts'
import type { Page } from '../text/page.ts'
import type { Style } from '../text/style.ts'
import { instantOf, type WallClock } from '../text/wall-clock.ts'
import { ARRANGEMENT_WORDS, arrangementOf } from './arrangement.ts'
import { kernelLine } from './kernel-report.ts'
import type { CaptureReport, FilterReport, FrameCount, Report } from './model.ts'
import { sightingLines } from './sightings-report.ts'

/** Reasons listed of what was not understood. */
const NAMED_REASONS = 4
/** Interfaces listed of a capture. */
const NAMED_INTERFACES = 8
/** Damages listed of a capture. */
const NAMED_DAMAGES = 3

/** @param isFull whether observation points and what they have in common are wanted */
export function captureLines(report: Report, { style, clock }: Page, isFull: boolean): string[] {
  const namesPoints = report.sightings !== null && report.sightings.points.length > 0
  const lines = report.captures.flatMap(capture => describeCapture(capture, namesPoints, style, clock))
  if (report.captures.length > 1) lines.push(togetherLine(report))
  lines.push(...sightingLines(report, isFull), ...filterLines(report.filter, style))
  if (report.tunnelMode === 'inner')
    lines.push(style.yellow('only packets inside of tunnels were replayed (--tunnels inner)'))
  const { packets } = report
  if (packets.notIp > 0 && isFull)
    lines.push(`${plural(packets.notIp, 'frame')} without an IP packet (ARP and the like)`)
  if (packets.fragments > 0 && isFull) {
    lines.push(`${plural(packets.fragments, 'fragment')}, which conntrack sees as whole datagrams`)
  }
  const settings = Object.entries(report.settings).map(([name, value]) => `${name}=${value}`)
  if (report.kernel.origin !== 'default') lines.push(kernelLine(report.kernel))
  if (report.helpers !== undefined) lines.push(`helpers assigned: ${report.helpers.join(', ')}`)
  if (settings.length > 0) lines.push(`replayed with ${settings.join(' ')}`)
  if (report.undecodable.length > 0) lines.push(style.yellow(notUnderstood(report)))
  return lines
}

function togetherLine({ captures, duration }: Report): string {
  const words = ARRANGEMENT_WORDS[arrangementOf(captures)]
  return `together ${formatDuration(duration)}${words === '' ? '' : `, ${words}`}`
}

/** What `--filter` let through; a replay of a part is not the node's table. */
export function filterLines(filter: FilterReport | null, style: Style): string[] {
  if (filter === null) return []
  const { expression, selected, passedOver } = filter
  const share = `${formatCount(selected)} of ${plural(selected + passedOver, 'frame')}`
  return [
    style.yellow(`filtered, ${share}: ${printable(expression)}; the peak is that of this traffic alone`),
  ]
}

function describeCapture(
  capture: CaptureReport,
  namesPoints: boolean,
  style: Style,
  clock: WallClock,
): string[] {
  const links = [...new Set(capture.interfaces.map(point => point.linkTypeName))]
  const format = [capture.format, capture.compression].filter(word => word !== '').join(', ')
  const lines = [
    `${style.bold(printable(capture.path))}: ${[format, ...links].join(', ')}; ${extent(capture)}`,
    ...capture.damage
      .slice(0, NAMED_DAMAGES)
      .map(({ offset, message, stopped }) =>
        style.yellow(`byte ${offset}: ${printable(message)}${stopped ? '; nothing after it was read' : ''}`),
      ),
  ]
  if (capture.firstTime !== null && capture.lastTime !== null)
    lines.push(clock.span(instantOf(capture.firstTime), instantOf(capture.lastTime)))
  const points = namesPoints ? '' : namedInterfaces(capture)
  if (points !== '') lines.push(points)
  return lines
}

/** `on eth0 (57 frames), cni0 (100 frames)`: the interfaces that have a name and frames. */
function namedInterfaces({ interfaces }: CaptureReport): string {
  const points = interfaces.filter(point => point.name !== '' && point.frames > 0)
  if (points.length === 0) return ''
  const named = points
    .slice(0, NAMED_INTERFACES)
    .map(({ name, frames }) => `${printable(name)} (${plural(frames, 'frame')})`)
  return `on ${named.join(', ')}${points.length > named.length ? ', …' : ''}`
}

function extent(capture: CaptureReport): string {
  const size = capture.size > 0 ? ` (${formatBytes(capture.size)})` : ''
  if (capture.frames === 0) return `no frames${size}`
  return `${plural(capture.frames, 'frame')}${size}`
}

function notUnderstood(report: Report): string {
  const total = report.undecodable.reduce((sum, { count }) => sum + count, 0)
  const reasons = report.undecodable
    .slice(0, NAMED_REASONS)
    .map(
      ({ count, reason, frames }) =>
        `${formatCount(count)} × ${reason}, first ${frameNames(frames.slice(0, 1), report.captures)}`,
    )
  if (report.undecodable.length > NAMED_REASONS) reasons.push('…')
  return `${plural(total, 'frame')} not replayed: ${reasons.join('; ')}`
}

/** `frame 12`, `frames 12, 57`; of several captures with the name of each. */
export function frameNames(frames: readonly FrameReference[], captures: readonly CaptureReport[]): string {
  const several = captures.length > 1
  return captures
    .map((capture, index) => ({ path: capture.path, own: frames.filter(frame => frame.capture === index) }))
    .filter(({ own }) => own.length > 0)
    .map(({ path, own }) => {
      const numbers = own.map(({ frame }) => frame).join(', ')
      return `frame${own.length === 1 ? '' : 's'} ${numbers}${several ? ` of ${printable(path)}` : ''}`
    })
    .join('; ')
}

/** The frames of a group, and how many there are where these are not all. */
export function groupFrames(group: FrameCount, captures: readonly CaptureReport[]): string {
  const { count, frames } = group
  const part = count > frames.length ? ` (first ${frames.length} of ${formatCount(count)})` : ''
  return `${frameNames(frames, captures)}${part}`
}
