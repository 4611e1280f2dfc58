// The verdict: what is wrong, with its frames; where nothing is, what was checked.
import type { UnrepliedGroup } from '../findings/unreplied.ts'
import { groupFrames } from './capture-section.ts'
import { formatCount, formatShare, plural, printable } from './format.ts'
import type { FindingReport, Report } from './model.ts'
import type { Style } from './text.ts'
import { tsharkFrames } from './tshark.ts'

/** Reasons of INVALID packets and destinations of unreplied flows that are listed. */
const NAMED = 5

export function verdictLines(report: Report, style: Style): string[] {
  const tracked = trackedPackets(report)
  if (tracked === 0) return ['no packet that conntrack would see']
  const lines = [
    ...report.findings.filter(finding => finding.severity !== 'info').flatMap(f => findingLines(f, style)),
    ...invalidLines(report, tracked, style),
    ...silentLines(report, style),
    ...quietLines(report),
    ...report.findings.filter(finding => finding.severity === 'info').flatMap(f => findingLines(f, style)),
  ]
  const checked = checkedItems(report)
  if (checked.length === 3) lines.unshift(style.green('nothing wrong found'))
  if (checked.length > 0) lines.push(`checked: ${checked.join('; ')}`)
  return lines
}

function trackedPackets({ packets }: Report): number {
  return (
    packets.new +
    packets.established +
    packets.related +
    packets.invalid +
    packets.untracked +
    packets.dropped
  )
}

function findingLines(finding: FindingReport, style: Style): string[] {
  const paint =
    finding.severity === 'error' ? style.red : finding.severity === 'warning' ? style.yellow : plain
  if (finding.severity === 'info') return [`${finding.severity} ${finding.id}: ${finding.title}`]
  const lines = [
    `${paint(`${finding.severity} ${finding.id}`)}: ${finding.title}`,
    `  cause: ${finding.cause}`,
    `  fix:   ${finding.fix}`,
  ]
  if (finding.tshark !== '') lines.push(`  look:  ${finding.tshark}`)
  return lines
}

const plain = (text: string): string => text

function invalidLines(report: Report, tracked: number, style: Style): string[] {
  const { invalid, captures } = report
  const total = report.packets.invalid
  if (total === 0) return []
  const lines = [
    `${style.yellow(`${plural(total, 'packet')} INVALID`)} (${formatShare(total, tracked)}): not translated by NAT, and dropped where rules drop INVALID`,
  ]
  const named = invalid.slice(0, NAMED)
  const width = formatCount(named[0].count).length
  for (const group of named) {
    const words = group.logged ? `"${group.reason}"` : group.reason
    lines.push(`  ${formatCount(group.count).padStart(width)}  ${words}: ${groupFrames(group, captures)}`)
  }
  if (invalid.length > NAMED) lines.push(`  and ${plural(invalid.length - NAMED, 'more reason')}`)
  const frames = named
    .flatMap(group => group.frames)
    .sort((a, b) => a.capture - b.capture || a.frame - b.frame)
  lines.push(`  ${style.dim(tsharkFrames(captures, frames))}`)
  return lines
}

function silentLines(report: Report, style: Style): string[] {
  const { silent, destinations } = report.unreplied
  if (silent === 0) return []
  return [
    `${style.yellow(`${plural(silent, 'flow')} UNREPLIED`)} of ${formatCount(report.flows.total)}: nothing came back`,
    ...destinationLines(
      destinations.filter(group => group.kind === 'silent'),
      silent,
    ),
  ]
}

function destinationLines(groups: UnrepliedGroup[], total: number): string[] {
  const named = groups.slice(0, NAMED)
  const width = formatCount(named[0].flows).length
  const lines = named.map(group => {
    const what = [group.protocol, group.state].filter(word => word !== '').join(' ')
    return `  ${formatCount(group.flows).padStart(width)}  ${what} to ${destination(group)}: from frame ${group.firstFrame} on`
  })
  const rest = total - named.reduce((sum, group) => sum + group.flows, 0)
  if (rest > 0) lines.push(`  ${formatCount(rest).padStart(width)}  to other destinations`)
  return lines
}

function destination({ dst, dport }: UnrepliedGroup): string {
  if (dst === '') return 'many destinations'
  const address = printable(dst)
  if (dport < 0) return address
  return address.includes(':') ? `[${address}]:${dport}` : `${address}:${dport}`
}

/** Flows without a reply that are no trouble by themselves. */
function quietLines({ unreplied }: Report): string[] {
  const { refused, multicast, tunnel } = unreplied
  const lines: string[] = []
  if (refused > 0) lines.push(`${plural(refused, 'connection')} refused: a RST answered the first packet`)
  if (multicast > 0)
    lines.push(`${plural(multicast, 'flow')} to multicast or broadcast, which nobody answers`)
  if (tunnel > 0) lines.push(`${plural(tunnel, 'flow')} of an overlay network, one a direction by design`)
  return lines
}

/** What was looked at and found in order. */
function checkedItems(report: Report): string[] {
  const { packets, unreplied, flows, table, findings } = report
  const items: string[] = []
  if (packets.invalid === 0) {
    items.push(`${plural(trackedPackets(report), 'packet')}, none INVALID`)
  }
  if (unreplied.silent === 0) items.push(`${plural(flows.total, 'flow')}, none left without an answer`)
  if (!findings.some(finding => finding.id === 'conntrack-table-full')) {
    items.push(`the table's peak, below nf_conntrack_max ${table.max}`)
  }
  return items
}
