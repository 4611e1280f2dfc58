// The report on one screen: a pure function of the Report, section by section.

import { plural } from '../text/format.ts'
import { textOfHosts } from '../text/hosts.ts'
import { renderSections, SECTION_MARGIN } from '../text/sections.ts'
import { createStyle, type Style } from '../text/style.ts'
import { wrap } from '../text/wrap.ts'
import { captureLines } from './capture-section.ts'
import { changeLines } from './change-report.ts'
import { flowLines } from './flow-section.ts'
import { hostLines } from './hosts-section.ts'
import type { JoinedHosts } from './joined-flows.ts'
import { knowledgeLines } from './knowledge-report.ts'
import type { Report, TunnelReport } from './model.ts'
import { tableLines } from './table-section.ts'
import { verdictLines } from './verdict-section.ts'

/** Ids of a tunnel that are named. */
const NAMED_IDS = 8

export interface TextOptions {
  /** Whether escape sequences are wanted. */
  color: boolean
  /** Columns to wrap prose at; tuples and commands are never broken. */
  width: number
}

/** The sections of what is inside of a tunnel, which never counts among what is around it. */
function tunnelSections(
  tunnel: TunnelReport,
  report: Report,
  style: Style,
  prose: number,
): [string, string[]][] {
  // what is inside went through no rules
  const { invalidFates: _, ...around } = report
  const inner: Report = { ...around, ...tunnel, knownTable: null, tunnels: [] }
  return [
    ['Inside', wrap([style.bold(`${tunnelText(tunnel)}, tracked in a table of their own`)], prose)],
    ['Verdict', wrap(verdictLines(inner, style), prose)],
    ['Flows', flowLines(inner, style, prose)],
    ['Table', wrap(tableLines(inner, style), prose)],
  ]
}

function tunnelText({ name, ids, hasMoreIds, packets }: TunnelReport): string {
  const named = ids.slice(0, NAMED_IDS).join(', ')
  const more = hasMoreIds || ids.length > NAMED_IDS ? ', …' : ''
  const unread = packets.notIp === 0 ? '' : `; ${plural(packets.notIp, 'frame')} in it without an IP packet`
  return `${name} ${named}${more}: ${plural(packets.total - packets.notIp, 'packet')} inside of the tunnel${unread}`
}

/** Renders the reports of all hosts for people; where several were named, first what was found where. */
export function renderHosts(joined: JoinedHosts, options: TextOptions): string {
  const style = createStyle(options.color)
  const { hosts } = joined
  const all = textOfHosts(hosts, report => renderText(report, options))
  return hosts.length === 1 ? all : `${renderSections([['Hosts', hostLines(joined, style)]], style)}\n${all}`
}

/** Renders the report for people. */
export function renderText(report: Report, { color, width }: TextOptions): string {
  const style = createStyle(color)
  const prose = width - SECTION_MARGIN
  const sections: [string, string[]][] = [
    ['Capture', wrap(captureLines(report, style), prose)],
    ['Verdict', wrap(verdictLines(report, style), prose)],
    ['Flows', flowLines(report, style, prose)],
    ['Table', wrap(tableLines(report, style), prose)],
    ['Knowledge', wrap(knowledgeLines(report.knowledge, style), prose)],
    ['Change', report.change === undefined ? [] : changeLines(report.change, prose)],
    ...report.tunnels.flatMap(tunnel => tunnelSections(tunnel, report, style, prose)),
    [
      'Limits',
      wrap(
        report.limits.map(limit => `- ${limit.text}`),
        prose,
      ),
    ],
  ]
  return renderSections(sections, style)
}
