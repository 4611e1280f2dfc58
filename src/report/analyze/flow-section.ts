// Flows: totals by protocol and state, and the largest as conntrack writes them, one line a direction.
import { formatBytes, formatCount, formatDuration, formatInstant, plural } from '../text/format.ts'
import { type Alignment, layOut, widthsOf } from '../text/rows.ts'
import type { Style } from '../text/style.ts'
import { wrap } from '../text/wrap.ts'
import { namesText, targetText } from './knowledge-report.ts'
import type { FlowReport, Report } from './model.ts'
import { protocolText, tupleText } from './tuple-text.ts'

const ALIGNMENTS: Alignment[] = ['left', 'left', 'right', 'right', 'left', 'right', 'right', 'left']
/** Rows laid out together: cli-table3 takes time by the square of them. */
const PAGE = 100

/** Lines of the section; prose is wrapped at `width`. */
export function flowLines(report: Report, style: Style, width: number): string[] {
  const { flows } = report
  if (flows.total === 0) return ['none']
  const lines = wrap(
    [
      `${formatCount(flows.total)}, ${formatBytes(flows.bytes)}: ${countsByState(flows.byProtocol, flows.byState)}`,
      `${formatCount(flows.assured)} ASSURED, ${formatCount(flows.unreplied)} UNREPLIED`,
    ],
    width,
  )
  if (flows.top.length === 0) return lines
  const which = titleOf(flows.top.length, flows.total)
  return [...lines, `${which} by ${flows.sort}, original direction above reply:`, ...topLines(report, style)]
}

/** `the 5 largest`, or `2 flows` when those are all. */
function titleOf(shown: number, total: number): string {
  if (shown === total) return plural(total, 'flow')
  return shown === 1 ? 'the largest' : `the ${formatCount(shown)} largest`
}

/** `tcp 12 (ESTABLISHED 4, TIME_WAIT 8), udp 2`, most frequent first. */
export function countsByState(
  byProtocol: Record<string, number>,
  byState: Record<string, Record<string, number>>,
): string {
  return largestFirst(byProtocol)
    .map(([protocol, count]) => {
      const states = largestFirst(byState[protocol] ?? {}).map(([state, n]) => `${state} ${formatCount(n)}`)
      return `${protocol} ${formatCount(count)}${states.length > 0 ? ` (${states.join(', ')})` : ''}`
    })
    .join(', ')
}

function largestFirst(counts: Record<string, number>): [string, number][] {
  return Object.entries(counts).sort(([, a], [, b]) => b - a)
}

function topLines({ flows }: Report, style: Style): string[] {
  const held = flows.sort === 'entry-seconds'
  const head = ['proto', 'state', 'start', held ? 'held' : 'lasts', 'ended', 'packets', 'bytes', 'tuple']
  const rows = flows.top.map(flow => flowRow(flow, held))
  const widths = widthsOf([head, ...rows])
  const lines: string[] = []
  for (let at = 0; at < rows.length; at += PAGE) {
    const page = at === 0 ? [head, ...rows.slice(0, PAGE)] : rows.slice(at, at + PAGE)
    lines.push(...layOut(page, widths, ALIGNMENTS))
  }
  lines[0] = style.dim(lines[0])
  return lines
}

function flowRow(flow: FlowReport, held: boolean): string[] {
  const { orig, reply, status } = flow
  return [
    protocolText(flow.protocol, flow.protocolNumber),
    flow.state,
    formatInstant(flow.start),
    formatDuration(held ? flow.entrySeconds : flow.duration),
    flow.ended,
    `${formatCount(orig.packets)}\n${formatCount(reply.packets)}`,
    `${formatBytes(orig.bytes)}\n${formatBytes(reply.bytes)}`,
    // the marks stand where `conntrack -L` has them
    `${tupleText(orig)}${status.includes('UNREPLIED') ? ' [UNREPLIED]' : ''}\n` +
      `${tupleText(reply)}${status.includes('ASSURED') ? ' [ASSURED]' : ''}` +
      [targetText(flow), namesText(flow)]
        .filter(line => line !== '')
        .map(line => `\n${line}`)
        .join(''),
  ]
}
