// The verdict: what is wrong, with its frames; where nothing is, what was checked.
import type { UnrepliedGroup } from '../../findings/counts/unreplied.ts'
import type { Advice } from '../../findings/wording/wording.ts'
import { formatCount, formatShare, plural, printable } from '../text/format.ts'
import type { Style } from '../text/style.ts'
import { frameNames, groupFrames } from './capture-section.ts'
import type { FindingReport } from './finding-model.ts'
import { LEFT_OUT } from './limits.ts'
import type { Report, RulePlaceReport } from './model.ts'
import { tsharkFrames } from './tshark.ts'
import { protocolText } from './tuple-text.ts'

/** Reasons of INVALID packets and destinations of unreplied flows that are listed. */
const NAMED = 5
/** Flows of a finding that are named. */
const NAMED_FLOWS = 3

export function verdictLines(report: Report, style: Style): string[] {
  const tracked = trackedPackets(report)
  if (tracked === 0) return ['no packet that conntrack would see']
  const lines = [
    ...report.findings.filter(isGrave).flatMap(f => findingLines(f, report, style)),
    ...tunnelLines(report, style),
    ...invalidLines(report, tracked, style),
    ...unrepliedLines(report, style),
    ...unfinishedLines(report),
    ...harmlessLines(report),
    ...report.findings.filter(finding => finding.severity === 'info').map(f => infoLine(f, report)),
  ]
  const clean = cleanText(report)
  if (clean !== '') lines.unshift(style.green(clean))
  const inOrder = orderlyItems(report)
  if (inOrder.length > 0) lines.push(`checked and in order: ${inOrder.join('; ')}`)
  return lines
}

/** Findings inside of tunnels, which stand in sections of their own below. */
function tunnelLines({ tunnels }: Report, style: Style): string[] {
  return tunnels.flatMap(({ name, findings }) => {
    const grave = findings.filter(isGrave)
    if (grave.length === 0) return []
    const ids = grave.map(({ severity, id }) => `${severity} ${id}`).join(', ')
    return [`${style.yellow(`inside of ${printable(name)}`)}: ${ids}`]
  })
}

/** TCP connections whose server answered, and whose client had not gone on when they ended, or the capture did. */
function unfinishedLines(report: Report): string[] {
  const count = unfinished(report)
  return count === 0 ? [] : [`${plural(count, 'handshake')} unfinished: a SYN-ACK, and no ACK of it`]
}

export function unfinished({ flows }: Report): number {
  return flows.byState.tcp?.SYN_RECV ?? 0
}

export const isGrave = ({ severity }: FindingReport): boolean => severity !== 'info'

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

function findingLines(finding: FindingReport, report: Report, style: Style): string[] {
  const paint =
    finding.severity === 'error' ? style.red : finding.severity === 'warning' ? style.yellow : plain
  const lines = [
    `${paint(`${finding.severity} ${finding.id}`)}: ${printable(finding.title)}`,
    ...flowNames(finding),
    ...stepLines(finding, report),
    ...(finding.points.length === 0
      ? [`  ${finding.confidence}: ${printable(finding.reason)}`]
      : [
          `  ${finding.confidence}: ${printable(finding.reason)}; seen at ${finding.points.map(printable).join(', ')}`,
        ]),
    ...(finding.kernels ?? []).map(text => `  other kernels: ${text}`),
    ...causeLines(finding),
    ...adviceLines('check:', finding.check),
  ]
  if (finding.tshark !== '') lines.push(`  look:  ${finding.tshark}`)
  return lines
}

/** What is wrong, and what to do; where another host does it, that host's finding tells. */
function causeLines({ cause, causedBy, fix }: FindingReport): string[] {
  if (causedBy === undefined) return [`  cause: ${printable(cause)}`, ...adviceLines('fix:', fix)]
  return [
    `  cause: ${causedBy.id} on ${causedBy.host}, of which this is what it looks like here`,
    `  fix:   on ${causedBy.host}, as told there`,
  ]
}

/** What to do or to look at, each with the commands below it, which are to be typed as they are. */
function adviceLines(label: string, all: readonly Advice[]): string[] {
  return all.flatMap(({ text, commands }, i) => [
    `  ${(i === 0 ? label : '').padEnd(6)} ${printable(text)}`,
    ...commands.map(command => `           $ ${printable(command)}`),
  ])
}

/** The flows, a few of them by name. */
function flowNames({ flows, flowCount }: FindingReport): string[] {
  const lines = flows.slice(0, NAMED_FLOWS).map(flow => `  flow:  ${printable(flow)}`)
  if (lines.length > 0 && flowCount > lines.length)
    lines.push(`         and ${plural(flowCount - lines.length, 'more flow')}`)
  return lines
}

function stepLines({ steps }: FindingReport, { captures }: Report): string[] {
  return steps.map(
    (step, i) => `  ${i + 1}. ${printable(step.what)} (${frameNames(step.frames.slice(0, NAMED), captures)})`,
  )
}

function infoLine(finding: FindingReport, { captures }: Report): string {
  const frames = frameNames(finding.frames.slice(0, NAMED), captures)
  return `info ${finding.id}: ${finding.title}${frames === '' ? '' : ` (${frames})`}`
}

const plain = (text: string): string => text

function invalidLines(report: Report, tracked: number, style: Style): string[] {
  const { invalid, captures } = report
  const total = report.packets.invalid
  if (total === 0) return []
  const partial = invalid.reduce((sum, group) => sum + group.partial, 0)
  const heading = `${formatCount(total)} of ${plural(tracked, 'packet')} INVALID`
  const share = formatShare(total, tracked)
  const lines =
    partial === total
      ? [
          `${heading} (${share}) to a host that saw no more than this: a direction of their connections, or the start, is not in the capture`,
        ]
      : [`${style.yellow(heading)} (${share}): not translated by NAT, ${invalidFate(report, total)}`]
  const named = invalid.slice(0, NAMED)
  const width = formatCount(named[0]?.count ?? 0).length
  for (const group of named) {
    const words = group.logged ? `"${group.reason}"` : group.reason
    lines.push(`  ${formatCount(group.count).padStart(width)}  ${words}: ${groupFrames(group, captures)}`)
  }
  if (partial > 0 && partial < total) {
    lines.push(
      `  ${formatCount(partial)} of them to a host that saw no more than this: a direction of their connections, or the start, is not in the capture`,
    )
  }
  if (invalid.length > NAMED) lines.push(`  and ${plural(invalid.length - NAMED, 'more reason')}`)
  lines.push(...droppedInvalidLines(report))
  const frames = named
    .flatMap(group => group.frames)
    .sort((a, b) => a.capture - b.capture || a.frame - b.frame)
  lines.push(`  ${style.dim(tsharkFrames(captures, frames))}`)
  return lines
}

/** What becomes of INVALID packets: of the rules given, or of any. */
function invalidFate({ invalidFates }: Report, total: number): string {
  if (invalidFates === undefined) return 'and dropped where rules drop INVALID'
  const { passed, dropped } = invalidFates
  const lost = dropped.reduce((sum, { packets }) => sum + packets, 0)
  if (lost === total) return 'and dropped by the rules given'
  if (lost > 0) return `and ${formatCount(lost)} of them dropped by the rules given`
  return passed === total
    ? 'and let through by the rules given'
    : 'and what the rules given make of them cannot be told'
}

function droppedInvalidLines({ invalidFates }: Report): string[] {
  const dropped = invalidFates?.dropped ?? []
  const lines = dropped
    .slice(0, NAMED)
    .map(({ rule, packets }) => `  ${formatCount(packets)} dropped by ${ruleText(rule)}`)
  if (dropped.length > NAMED) lines.push(`  and by ${plural(dropped.length - NAMED, 'more rule')}`)
  return lines
}

function ruleText(rule: RulePlaceReport | null): string {
  if (rule === null) return 'one of several rules, or the host itself'
  const chain = `${printable(rule.table)} ${printable(rule.chain)}`
  return rule.place === 'policy'
    ? `the policy of ${chain}`
    : `${printable(rule.place)} (${chain}): ${printable(rule.text)}`
}

/** Flows without a reply, by what came back instead, with their destinations. */
function unrepliedLines(report: Report, style: Style): string[] {
  const { unreplied, flows, packets } = report
  // an answer that the rules leave untracked is none for the entry
  const isTracked = packets.untracked === 0
  const silent = isTracked ? 'nothing came back' : 'nothing came back that the rules leave tracked'
  const kinds = [
    { kind: 'silent', flows: unreplied.silent, what: silent },
    { kind: 'refused', flows: unreplied.refused, what: 'a RST came back' },
    { kind: 'icmp-error', flows: unreplied.icmpError, what: 'an ICMP error came back' },
    { kind: 'invalid-answer', flows: unreplied.invalidAnswer, what: 'what came back was INVALID' },
  ]
  return kinds
    .filter(({ flows }) => flows > 0)
    .flatMap(({ kind, flows: count, what }) => {
      const heading = `${formatCount(count)} of ${plural(flows.total, 'flow')} UNREPLIED`
      return [
        `${kind === 'silent' ? style.yellow(heading) : heading}: ${what}`,
        ...destinationLines(
          unreplied.destinations.filter(group => group.kind === kind),
          count,
        ),
      ]
    })
}

function destinationLines(groups: UnrepliedGroup[], total: number): string[] {
  const named = groups.slice(0, NAMED)
  const width = formatCount(named[0]?.flows ?? 0).length
  const lines = named.map(group => {
    const protocol = protocolText(group.protocol, group.protocolNumber)
    const what = group.state === '' ? protocol : `${protocol} ${group.state}`
    const frame = group.flows === 1 ? `frame ${group.firstFrame}` : `from frame ${group.firstFrame} on`
    return `  ${formatCount(group.flows).padStart(width)}  ${what} to ${destination(group)}, ${frame}`
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
function harmlessLines({ unreplied }: Report): string[] {
  const { oneWay, multicast, tunnel } = unreplied
  const lines: string[] = []
  if (oneWay > 0) lines.push(`${plural(oneWay, 'flow')} under way, but seen in one direction only`)
  if (multicast > 0)
    lines.push(`${plural(multicast, 'flow')} to multicast or broadcast, where no reply is due`)
  if (tunnel > 0) lines.push(`${plural(tunnel, 'flow')} of an overlay network, one a direction by design`)
  return lines
}

/** That nothing is wrong, as far as it was looked for; `''` where something is. */
export function cleanText(report: Report): string {
  if (!isClean(report)) return ''
  const isAll = !report.limits.some(({ id }) => id === LEFT_OUT)
  return isAll ? 'nothing wrong found' : 'nothing wrong found among what was asked for'
}

function isClean(report: Report): boolean {
  const { packets, unreplied, findings, tunnels } = report
  const isWhole = packets.invalid + packets.dropped + unreplied.silent + unfinished(report) === 0
  return isWhole && ![...findings, ...tunnels.flatMap(tunnel => tunnel.findings)].some(isGrave)
}

/** What was looked at and is as it should be. */
function orderlyItems(report: Report): string[] {
  const { packets, unreplied, flows, table } = report
  const items: string[] = []
  if (packets.invalid === 0) items.push(`no INVALID among ${plural(trackedPackets(report), 'packet')}`)
  const answered = flows.total - flows.unreplied - unfinished(report)
  if (unreplied.silent === 0 && answered > 0) items.push(`${plural(answered, 'flow')} answered`)
  if (table.exceeded === null && packets.dropped === 0 && table.max > 0) {
    const isShort = (table.projection?.fullAfter ?? null) !== null
    const later = isShort ? ', which such load would pass in time (see Table)' : ''
    items.push(`peak below nf_conntrack_max ${table.max}${later}`)
  }
  return items
}
