// The report for people, a pure function of the Report: the verdict first, then the details section by section.

import { plural, printable } from '../text/format.ts'
import { textOfHosts } from '../text/hosts.ts'
import type { Page } from '../text/page.ts'
import { renderSections, SECTION_MARGIN, type Section } from '../text/sections.ts'
import { createStyle } from '../text/style.ts'
import { WallClock } from '../text/wall-clock.ts'
import { wrap } from '../text/wrap.ts'
import { captureLines } from './capture-section.ts'
import { changeLines } from './change-report.ts'
import { evidenceLines } from './finding-block.ts'
import { flowLines, shortFlowLines } from './flow-section.ts'
import { hostLines } from './hosts-section.ts'
import type { JoinedHosts } from './joined-flows.ts'
import { knowledgeLines } from './knowledge-report.ts'
import type { Report, TunnelReport } from './model.ts'
import { shortTableLines, tableLines } from './table-section.ts'
import {
  harmlessLines,
  insideLines,
  isGrave,
  minorLines,
  verdictBlocks,
  verdictText,
} from './verdict-section.ts'

/** Ids of a tunnel that are named. */
const NAMED_IDS = 8

/** How much is printed: the verdict alone; the details that matter to most; all. */
export type Extent = 'brief' | 'usual' | 'full'

export interface TextOptions {
  /** Whether escape sequences are wanted. */
  color: boolean
  /** Columns that no line exceeds, but for a single word that is longer. */
  width: number
  /** Whose times of day: a name of the IANA database, or `UTC`. */
  zone: string
  extent: Extent
  /** Whether the largest flows are wanted in any case. */
  showsFlows: boolean
  /** Whether the last line is the verdict again, for a terminal where the first has scrolled away. */
  repeatsVerdict: boolean
}

/** Renders the reports of all hosts for people; where several were named, first what was found where. */
export function renderHosts(joined: JoinedHosts, options: TextOptions): string {
  const page = pageOf(options)
  const { hosts } = joined
  const [only] = hosts
  if (hosts.length === 1 && only !== undefined)
    return textOfHosts(hosts, report => renderText(report, options))
  const each = textOfHosts(hosts, report => renderText(report, { ...options, repeatsVerdict: false }))
  const repeated = options.repeatsVerdict
    ? hosts.map(({ host, report }) => verdictSection(report, page, `${printable(host)}: `))
    : []
  return [
    renderSections([['Hosts', wrap(hostLines(joined, page.style), page.width - SECTION_MARGIN)]], page.style),
    each,
    renderSections(repeated, page.style, ''),
  ]
    .filter(part => part !== '')
    .join('\n')
}

/** Renders the report for people. */
export function renderText(report: Report, options: TextOptions): string {
  const page = pageOf(options)
  const blocks = verdictBlocks(report, page).map(block => `${block.join('\n')}\n`)
  const between = options.extent === 'full' ? '\n' : ''
  const sections = [
    ...(options.extent === 'brief' ? [] : detailSections(report, options, page)),
    ...(options.repeatsVerdict ? [verdictSection(report, page, '')] : []),
  ]
  const details = renderSections(sections, page.style, between)
  return [...blocks, details].filter(part => part !== '').join('\n')
}

function pageOf({ color, width, zone }: TextOptions): Page {
  return { style: createStyle(color), width, clock: new WallClock(zone) }
}

function verdictSection(report: Report, page: Page, host: string): Section {
  return ['Verdict', wrap([host + verdictText(report, page)], page.width - SECTION_MARGIN)]
}

function detailSections(report: Report, options: TextOptions, page: Page): Section[] {
  const { style, width } = page
  const prose = width - SECTION_MARGIN
  const isFull = options.extent === 'full'
  const tables = [report, ...report.tunnels]
  const grave = tables.flatMap(({ findings }) => findings).filter(isGrave)
  return [
    ['Change', report.change === undefined ? [] : changeLines(report.change, prose)],
    ['Evidence', grave.flatMap(finding => evidenceLines(finding, report, prose))],
    ...tableSections(report, options, page),
    ['Files', wrap(knowledgeLines(report.knowledge, style), prose)],
    ...report.tunnels.flatMap(tunnel => tunnelSections(tunnel, report, options, page)),
    ['Capture', wrap(captureLines(report, page, isFull), prose)],
    [
      'Limits',
      wrap(
        report.limits.map(limit => `- ${limit.text}`),
        prose,
      ),
    ],
  ]
}

/** What went through one table. */
function tableSections(report: Report, { extent, showsFlows }: TextOptions, page: Page): Section[] {
  const prose = page.width - SECTION_MARGIN
  const isFull = extent === 'full'
  const flows = isFull || showsFlows ? flowLines(report, page) : wrap(shortFlowLines(report), prose)
  const table = isFull ? tableLines(report, page) : shortTableLines(report, page)
  return [
    ['Flows', [...flows, ...wrap([...harmlessLines(report), ...minorLines(report, isFull)], prose)]],
    ['Table', wrap(table, prose)],
  ]
}

/** The sections of what is inside of a tunnel, which never counts among what is around it. */
function tunnelSections(tunnel: TunnelReport, report: Report, options: TextOptions, page: Page): Section[] {
  // what is inside went through no rules
  const { invalidFates: _, ...around } = report
  const inner: Report = { ...around, ...tunnel, knownTable: null, tunnels: [] }
  const heading = page.style.bold(`${tunnelText(tunnel)}, tracked in a table of their own`)
  return [
    ['Inside', [...wrap([heading], page.width - SECTION_MARGIN), ...insideLines(inner, page)]],
    ...tableSections(inner, options, page),
  ]
}

function tunnelText({ name, ids, hasMoreIds, packets }: TunnelReport): string {
  const named = ids.slice(0, NAMED_IDS).join(', ')
  const more = hasMoreIds || ids.length > NAMED_IDS ? ', …' : ''
  const unread = packets.notIp === 0 ? '' : `; ${plural(packets.notIp, 'frame')} in it without an IP packet`
  return `${name} ${named}${more}: ${plural(packets.total - packets.notIp, 'packet')} inside of the tunnel${unread}`
}
