// Flows: totals by protocol and state, and the largest as conntrack writes them, one line a direction.
import { formatBytes, formatCount, formatDuration, formatInstant, plural } from '../text/format.ts'
import type { Page } from '../text/page.ts'
import { type Alignment, layOut, widthsOf } from '../text/rows.ts'
import { SECTION_MARGIN } from '../text/sections.ts'
import { columns, labelled, wrap } from '../text/wrap.ts'
import { namesText, targetText } from './knowledge-report.ts'
import type { FlowReport, FlowsReport, Report } from './model.ts'
import { protocolText, tupleText } from './tuple-text.ts'

const ALIGNMENTS: Alignment[] = ['left', 'left', 'right', 'right', 'left', 'right', 'right', 'left']
/** Columns of a row that are about the flow as a whole, and not about a direction. */
const WHOLE = 5

/** How many there are, and what became of them. */
export function shortFlowLines({ flows }: Report): string[] {
  if (flows.total === 0) return ['none']
  return [totalLines(flows).join('; ')]
}

/** The same, and the largest, within the width of the page. */
export function flowLines(report: Report, { style, width }: Page): string[] {
  const { flows } = report
  const room = width - SECTION_MARGIN
  if (flows.total === 0) return ['none']
  const lines = wrap(totalLines(flows), room)
  if (flows.top.length === 0) return lines
  const title = `${titleOf(flows.top.length, flows.total)} by ${flows.sort}, original direction above reply:`
  const [head = '', ...rows] = topLines(report, room)
  return [...lines, ...wrap([title], room), style.dim(head), ...rows]
}

function totalLines({ total, bytes, byProtocol, byState, assured, unreplied }: FlowsReport): string[] {
  return [
    `${formatCount(total)}, ${formatBytes(bytes)}: ${countsByState(byProtocol, byState)}`,
    `${formatCount(assured)} ASSURED, ${formatCount(unreplied)} UNREPLIED`,
  ]
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

/** The titles of the columns, then a row for each flow; where it does not fit, its directions on lines of their own. */
function topLines({ flows }: Report, width: number): string[] {
  const held = flows.sort === 'entry-seconds'
  const head = ['proto', 'state', 'start', held ? 'held' : 'lasts', 'ended', 'packets', 'bytes', 'tuple']
  const rows = flows.top.map(flow => [...wholeCells(flow, held), ...directionCells(flow)])
  const table = layOut([head, ...rows], widthsOf([head, ...rows]), ALIGNMENTS)
  return table.every(line => columns(line) <= width) ? table : spilled(flows, held, width)
}

/** The directions of each flow below it: `7 packets, 448 B  src=… dst=…`. */
function spilled({ top }: FlowsReport, held: boolean, width: number): string[] {
  const head = ['proto', 'state', 'start', held ? 'held' : 'lasts', 'ended']
  const rows = top.map(flow => wholeCells(flow, held))
  const [titles = '', ...wholes] = layOut(
    [head, ...rows],
    widthsOf([head, ...rows]),
    ALIGNMENTS.slice(0, WHOLE),
  )
  const directions = top.map(flow => directionCells(flow).map(cell => cell.split('\n')))
  const all = directions.flatMap(([packets = [], bytes = []]) =>
    packets.map((count, i) => [count, bytes[i] ?? '']),
  )
  const [packetsWidth = 0, bytesWidth = 0] = widthsOf(all)
  return [
    titles,
    ...directions.flatMap(([packets = [], bytes = [], tuples = []], i) => [
      wholes[i] ?? '',
      ...tuples.flatMap((tuple, line) => {
        const counts = `  ${(packets[line] ?? '').padStart(packetsWidth)}  ${(bytes[line] ?? '').padStart(bytesWidth)}  `
        return labelled(counts, tuple, width)
      }),
    ]),
  ]
}

function wholeCells(flow: FlowReport, held: boolean): string[] {
  return [
    protocolText(flow.protocol, flow.protocolNumber),
    flow.state,
    formatInstant(flow.start),
    formatDuration(held ? flow.entrySeconds : flow.duration),
    flow.ended,
  ]
}

/** Packets, bytes and tuple, a line for each direction; names below the tuples. */
function directionCells(flow: FlowReport): string[] {
  const { orig, reply, status } = flow
  return [
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
