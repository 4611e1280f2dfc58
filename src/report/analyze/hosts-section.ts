// Several hosts at a glance: what was found on each, before each has its report.

import { formatCount, plural, printable } from '../text/format.ts'
import type { Style } from '../text/style.ts'
import type { FindingReport } from './finding-model.ts'
import type { JoinedFlow, JoinedHosts } from './joined-flows.ts'
import type { Report } from './model.ts'
import { endText, protocolText } from './tuple-text.ts'
import { cleanText, isGrave, unfinished } from './verdict-section.ts'

/** Connections that pass several hosts and are named. */
const NAMED_CONNECTIONS = 5

/** A line for each host: its findings that are grave, and how large its table was; then causes, and connections that pass several. */
export function hostLines({ hosts, connections: joined }: JoinedHosts, style: Style): string[] {
  const width = Math.max(...hosts.map(({ host }) => host.length))
  const lines = hosts.map(({ host, report }) => {
    const name = style.bold(host) + ' '.repeat(width - host.length)
    return `${name}  ${foundOn(report, style)}; ${plural(report.flows.total, 'flow')}, peak ${plural(report.table.peak.entries, 'live entry', 'live entries')}`
  })
  if (joined.length === 0) return lines
  lines.push(...causeLines(joined, style))
  // those that a finding names first
  const ranked = [...joined.filter(isFound), ...joined.filter(flow => !isFound(flow))]
  lines.push(
    `${plural(joined.length, 'connection')} of those named below ${joined.length === 1 ? 'passes' : 'pass'} several:`,
  )
  lines.push(...ranked.slice(0, NAMED_CONNECTIONS).map(joinedText))
  if (joined.length > NAMED_CONNECTIONS)
    lines.push(`  and ${formatCount(joined.length - NAMED_CONNECTIONS)} more`)
  return lines
}

/** One line for each host and finding that explain what others show: what is to be fixed, and where. */
function causeLines(joined: readonly JoinedFlow[], style: Style): string[] {
  const stories = new Map<string, { host: string; id: string; shown: Set<string>; flows: number }>()
  for (const { host, id, consequences } of joined.flatMap(({ causes }) => causes)) {
    const key = `${id} ${host}`
    const story = stories.get(key) ?? { host, id, shown: new Set(), flows: 0 }
    for (const consequence of consequences) story.shown.add(`${consequence.id} on ${consequence.host}`)
    story.flows++
    stories.set(key, story)
  }
  return [...stories.values()].map(
    ({ host, id, shown, flows }) =>
      `${style.bold(`fix on ${host}:`)} ${id}; it is the cause of ${[...shown].join(', ')} (${plural(flows, 'connection')})`,
  )
}

function isFound({ hops }: JoinedFlow): boolean {
  return hops.some(({ findings }) => findings.length > 0)
}

/** `  tcp nodeA 10.0.0.1:40000 -> 10.96.0.10:80, nodeB 10.0.0.1:40000 -> 10.244.2.5:8080` */
function joinedText({ protocol, protocolNumber, hops }: JoinedFlow): string {
  const last = hops.at(-1)
  const ends = hops.map(({ host, client, server }) => `${host} ${endText(client)} -> ${endText(server)}`)
  if (last !== undefined && last.translated !== null) {
    const { client, server } = last.translated
    ends.push(`behind it ${endText(client)} -> ${endText(server)}`)
  }
  return `  ${protocolText(protocol, protocolNumber)} ${ends.join(', ')}`
}

/** What the verdict of the host is about, in a few words. */
function foundOn(report: Report, style: Style): string {
  const { findings, tunnels, packets, unreplied } = report
  const clean = cleanText(report)
  if (clean !== '') return style.green(clean)
  const grave = [...findings, ...tunnels.flatMap(tunnel => tunnel.findings)].filter(isGrave)
  const counts: [number, string][] = [
    [packets.invalid, 'INVALID'],
    [packets.dropped, 'dropped'],
    [unreplied.silent, 'without a reply'],
    [unfinished(report), 'unfinished'],
  ]
  return [
    ...grave.map(finding => nameOf(finding, style)),
    ...counts.flatMap(([count, what]) => (count === 0 ? [] : [`${formatCount(count)} ${what}`])),
  ].join(', ')
}

function nameOf({ severity, id, flowCount, causedBy }: FindingReport, style: Style): string {
  const paint = severity === 'error' ? style.red : style.yellow
  const notes = [
    ...(flowCount > 1 ? [plural(flowCount, 'flow')] : []),
    ...(causedBy === undefined ? [] : [`because of ${causedBy.host}`]),
  ]
  return `${paint(`${severity} ${printable(id)}`)}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`
}
