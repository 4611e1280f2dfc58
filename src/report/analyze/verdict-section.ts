// The verdict: what is wrong, each finding a block; what else is not as it should be; what was checked and is in order.
import { shellWord } from '../../net/shell-word.ts'
import { formatCount, formatShare, plural, printable } from '../text/format.ts'
import type { Page } from '../text/page.ts'
import { SECTION_MARGIN, titled } from '../text/sections.ts'
import { columns, wrap } from '../text/wrap.ts'
import { groupFrames } from './capture-section.ts'
import { findingBlock, infoBlock, severityStyle, shellLines } from './finding-block.ts'
import type { FindingReport } from './finding-model.ts'
import { LEFT_OUT } from './limits.ts'
import type { DestinationReport, Report, RulePlaceReport } from './model.ts'
import { protocolText } from './tuple-text.ts'

/** Reasons of INVALID packets and destinations of unreplied flows that are listed. */
const NAMED = 5

/** Findings that change nothing for anybody: they stand among the details. */
const MINOR: ReadonlySet<string> = new Set(['offload-checksum', 'mid-stream-pickup'])

/** A finding, and inside of which tunnel it was found. */
interface Found {
  finding: FindingReport
  inside: string
}

/** The blocks of the verdict, each some lines, the gravest first. */
export function verdictBlocks(report: Report, page: Page): string[][] {
  const { width, style } = page
  const room = width - SECTION_MARGIN
  const note = (lines: string[]): string[][] =>
    lines.length === 0 ? [] : [titled('NOTE', lines, title => style.bold(style.yellow(title)))]
  if (trackedPackets(report) === 0) return note(wrap([emptyText(report)], room))
  const found = foundIn(report)
  const ok = okBlock(report, page)
  // where nothing is wrong, that is the verdict, before what else is worth knowing
  const isClean = cleanText(report) !== ''
  return [
    ...(isClean ? ok : []),
    ...found
      .filter(({ finding }) => isGrave(finding))
      .map(({ finding, inside }) => findingBlock(finding, report, page, inside)),
    ...notesOf(report, page).flatMap(note),
    ...found
      .filter(({ finding }) => !isGrave(finding) && !MINOR.has(finding.id))
      .map(({ finding }) => infoBlock(finding, report, page)),
    ...(isClean ? [] : ok),
  ]
}

/** Findings that are told of below, because they change nothing. */
function minorFindings({ findings }: Report): FindingReport[] {
  return findings.filter(({ id, severity }) => severity === 'info' && MINOR.has(id))
}

/** Those, a line each; in full with what they come from. */
export function minorLines(report: Report, isFull: boolean): string[] {
  return minorFindings(report).map(finding => {
    const { id, title, amount, cause } = finding
    const count = amount === '' ? '' : ` (${amount})`
    return `${id}: ${printable(title)}${count}${isFull ? `: ${printable(cause)}` : ''}; more: ctpcap explain ${id}`
  })
}

/** Blocks of what the packets inside of a tunnel came to; its findings stand in the verdict of all. */
export function insideLines(report: Report, page: Page): string[] {
  return [...notesOf(report, page).flat(), ...orderlyLines(report, page.width - SECTION_MARGIN)]
}

/** All in one line: the gravest finding and how many more there are, or that nothing is wrong. */
export function verdictText(report: Report, { style }: Page): string {
  const found = foundIn(report).filter(({ finding }) => isGrave(finding))
  const [first] = found
  if (first !== undefined) {
    const { severity, title, confidence } = first.finding
    const more = found.length === 1 ? '' : `; and ${plural(found.length - 1, 'more finding')}`
    return `${severityStyle(severity, style)(severity.toUpperCase())} ${printable(title)} (${confidence})${more}`
  }
  if (trackedPackets(report) === 0) return emptyText(report)
  const clean = cleanText(report)
  return clean === '' ? notFinding(report) : style.green(clean)
}

function foundIn({ findings, tunnels }: Report): Found[] {
  const inner = tunnels.flatMap(({ name, findings: all }) =>
    all.filter(isGrave).map(finding => ({ finding, inside: name })),
  )
  const all = [...findings.map(finding => ({ finding, inside: '' })), ...inner]
  return [
    ...all.filter(({ finding }) => finding.severity === 'error'),
    ...all.filter(({ finding }) => finding.severity !== 'error'),
  ]
}

/** What is not as it should be, and is no finding. */
function notFinding(report: Report): string {
  const { packets, unreplied } = report
  const counts: [number, string][] = [
    [packets.invalid, 'INVALID'],
    [packets.dropped, 'dropped by a full table'],
    [unreplied.silent, 'without a reply'],
    [unfinished(report), 'with an unfinished handshake'],
  ]
  const parts = counts.filter(([count]) => count > 0).map(([count, what]) => `${formatCount(count)} ${what}`)
  return `No known fault; ${parts.join(', ')}`
}

function emptyText({ captures, packets }: Report): string {
  const frames = captures.reduce((sum, capture) => sum + capture.frames, 0)
  if (frames === 0) return 'Empty: 0 frames'
  return packets.total === 0
    ? `Nothing was replayed of ${plural(frames, 'frame')}`
    : `None of ${plural(frames, 'frame')} has a packet that conntrack would see`
}

/** Counts that are not as they should be, each some lines. */
function notesOf(report: Report, page: Page): string[][] {
  return [
    invalidLines(report, trackedPackets(report), page),
    unrepliedLines(report, page.width - SECTION_MARGIN),
    wrap(unfinishedLines(report), page.width - SECTION_MARGIN),
  ].filter(lines => lines.length > 0)
}

/** One line, where there is room: what was checked and is in order, with numbers. */
function okBlock(report: Report, { width, style }: Page): string[][] {
  const lines = orderlyLines(report, width - SECTION_MARGIN)
  return lines.length === 0 ? [] : [titled('OK', lines, title => style.bold(style.green(title)))]
}

function orderlyLines(report: Report, width: number): string[] {
  const items = orderlyItems(report)
  const clean = cleanText(report)
  if (items.length === 0) return clean === '' ? [] : [clean]
  return fill(clean === '' ? items : [`${clean}: ${items[0]}`, ...items.slice(1)], width)
}

/** Items with semicolons between them, as many on a line as fit: a line ends inside an item only where it is too long alone. */
function fill(items: readonly string[], width: number): string[] {
  const lines: string[] = []
  for (const [i, item] of items.entries()) {
    const text = i === items.length - 1 ? item : `${item};`
    const last = lines.at(-1)
    const joined = `${last} ${text}`
    if (last !== undefined && columns(joined) <= width) lines[lines.length - 1] = joined
    else lines.push(text)
  }
  return wrap(lines, width)
}

/** TCP connections whose server answered, and whose client had not gone on when they ended, or the capture did. */
function unfinishedLines(report: Report): string[] {
  const count = unfinished(report)
  return count === 0 ? [] : [`${plural(count, 'TCP handshake')} unfinished: SYN-ACK seen, no ACK after it`]
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

function invalidLines(report: Report, tracked: number, { width, style }: Page): string[] {
  const { invalid, captures } = report
  const total = report.packets.invalid
  if (total === 0) return []
  const room = width - SECTION_MARGIN
  const partial = invalid.reduce((sum, group) => sum + group.partial, 0)
  const heading = `${formatCount(total)} of ${plural(tracked, 'packet')} INVALID (${formatShare(total, tracked)})`
  const lines = [
    partial === total
      ? `${heading} for a host that saw no more than this capture, which misses a direction of their connections, or the start`
      : `${heading}: ${invalidFate(report, total)}`,
  ]
  const named = invalid.slice(0, NAMED)
  const numbers = formatCount(named[0]?.count ?? 0).length
  for (const group of named) {
    const words = group.logged ? `"${group.reason}"` : group.reason
    lines.push(`  ${formatCount(group.count).padStart(numbers)}  ${words}: ${groupFrames(group, captures)}`)
  }
  if (partial > 0 && partial < total) {
    lines.push(
      `  ${formatCount(partial)} of them only for a host that saw no more than this capture, which misses a direction of their connections, or the start`,
    )
  }
  if (invalid.length > NAMED) lines.push(`  and ${plural(invalid.length - NAMED, 'more reason')}`)
  lines.push(...droppedInvalidLines(report))
  const command = invalidCommand(report)
  // these stand to the right of the section's margin already
  const look = command === '' ? [] : shellLines(command, width, style).map(line => line.slice(SECTION_MARGIN))
  return [...wrap(lines, room), ...look]
}

/** `ctpcap packets --only invalid FILE`: all of them, under what this replay was run with; `''` where a pipe cannot be read again. */
function invalidCommand({ captures, kernel, settings, knowledge }: Report): string {
  if (captures.some(({ path }) => path === '-')) return ''
  const options = [
    ...(kernel.origin === 'default' ? [] : [`--kernel ${shellWord(kernel.asked)}`]),
    ...Object.entries(settings).map(([name, value]) => `--set ${name}=${value}`),
    ...(knowledge?.rules?.files ?? []).map(file => `--rules ${shellWord(file)}`),
    ...(knowledge?.topology?.files ?? []).map(file => `--topology ${shellWord(file)}`),
  ]
  return ['ctpcap packets --only invalid', ...options, ...captures.map(({ path }) => shellWord(path))].join(
    ' ',
  )
}

/** What becomes of INVALID packets: of the rules given, or of any. */
function invalidFate({ invalidFates }: Report, total: number): string {
  const them = total === 1 ? 'it' : 'them'
  const skipped = `NAT skips ${them}, and`
  if (invalidFates === undefined) return `${skipped} rules with --ctstate INVALID -j DROP drop ${them}`
  const { passed, dropped } = invalidFates
  const lost = dropped.reduce((sum, { packets }) => sum + packets, 0)
  if (lost === total) return `${skipped} the given rules drop ${them}`
  if (lost > 0) return `${skipped} the given rules drop ${formatCount(lost)} of them`
  return passed === total
    ? `${skipped} the given rules let ${them} through`
    : `${skipped} nothing tells whether the given rules drop ${them}`
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

/** The pronouns of what was counted. */
interface Counted {
  object: string
  possessive: string
}

const ONE: Counted = { object: 'it', possessive: 'its' }
const MANY: Counted = { object: 'them', possessive: 'their' }

/** Flows without a reply, by what came back instead, with their destinations: some lines for each kind. */
function unrepliedLines(report: Report, width: number): string[] {
  const { unreplied, flows, packets } = report
  // an answer that the rules leave untracked is none for the entry
  const silent =
    packets.untracked === 0 ? 'no reply matches' : 'no reply that the rules leave tracked matches'
  const kinds = [
    { kind: 'silent', flows: unreplied.silent, what: (it: Counted) => `${silent} ${it.object}` },
    { kind: 'refused', flows: unreplied.refused, what: (it: Counted) => `a RST refused ${it.object}` },
    { kind: 'icmp-error', flows: unreplied.icmpError, what: () => 'an ICMP error came back' },
    {
      kind: 'invalid-answer',
      flows: unreplied.invalidAnswer,
      what: (it: Counted) => `${it.possessive} reply was INVALID`,
    },
  ]
  return kinds
    .filter(({ flows }) => flows > 0)
    .flatMap(({ kind, flows: count, what }) =>
      wrap(
        [
          `${formatCount(count)} of ${plural(flows.total, 'flow')} UNREPLIED: ${what(count === 1 ? ONE : MANY)}`,
          ...destinationLines(
            unreplied.destinations.filter(group => group.kind === kind),
            count,
          ),
        ],
        width,
      ),
    )
}

function destinationLines(groups: DestinationReport[], total: number): string[] {
  const named = groups.slice(0, NAMED)
  const width = formatCount(named[0]?.flows ?? 0).length
  const lines = named.map(group => {
    const protocol = protocolText(group.protocol, group.protocolNumber)
    const what = group.state === '' ? protocol : `${protocol} ${group.state}`
    const frame = group.flows === 1 ? `frame ${group.firstFrame}` : `from frame ${group.firstFrame} on`
    return `  ${formatCount(group.flows).padStart(width)}  ${what} to ${destination(group)}${nameText(group)}, ${frame}`
  })
  const rest = total - named.reduce((sum, group) => sum + group.flows, 0)
  if (rest > 0) lines.push(`  ${formatCount(rest).padStart(width)}  to other destinations`)
  return lines
}

function nameText({ dstName }: DestinationReport): string {
  return dstName === undefined ? '' : ` (${printable(dstName)})`
}

function destination({ dst, dport }: DestinationReport): string {
  if (dst === '') return 'many destinations'
  const address = printable(dst)
  if (dport < 0) return address
  return address.includes(':') ? `[${address}]:${dport}` : `${address}:${dport}`
}

/** Flows without a reply that are no trouble by themselves, and counts of no consequence. */
export function harmlessLines({ unreplied }: Report): string[] {
  const { oneWay, multicast, tunnel } = unreplied
  const lines: string[] = []
  if (oneWay > 0) lines.push(`${plural(oneWay, 'flow')} under way, of which the capture has one direction`)
  if (multicast > 0) lines.push(`${plural(multicast, 'flow')} to multicast or broadcast: no reply expected`)
  if (tunnel > 0)
    lines.push(`${plural(tunnel, 'flow')} of an overlay network: one for each direction, by design`)
  return lines
}

/** That nothing is wrong, as far as it was looked for; `''` where something is. */
export function cleanText(report: Report): string {
  if (!isClean(report)) return ''
  const isAll = !report.limits.some(({ id }) => id === LEFT_OUT)
  return isAll ? 'Nothing wrong found' : 'Nothing wrong found among what was asked for'
}

function isClean(report: Report): boolean {
  const { packets, unreplied, findings, tunnels } = report
  const isWhole = packets.invalid + packets.dropped + unreplied.silent + unfinished(report) === 0
  return isWhole && ![...findings, ...tunnels.flatMap(tunnel => tunnel.findings)].some(isGrave)
}

/** What was looked at and is as it should be. */
export function orderlyItems(report: Report): string[] {
  const { packets, unreplied, flows, table, findings, captures } = report
  const items: string[] = []
  if (packets.invalid === 0) items.push(`0 of ${plural(trackedPackets(report), 'packet')} INVALID`)
  const answered = flows.total - flows.unreplied - unfinished(report)
  const losesAnswers = findings.some(({ facts }) => facts.reasons.some(({ code }) => code === 'answers-stay'))
  if (unreplied.silent === 0 && answered > 0 && !losesAnswers)
    items.push(`${formatCount(answered)} of ${plural(flows.total, 'flow')} answered${unansweredText(report)}`)
  const isFull = findings.some(({ id }) => id === 'conntrack-table-full' || id === 'conntrack-early-drop')
  if (table.exceeded === null && packets.dropped === 0 && table.max > 0 && !isFull)
    items.push(`table peaked at ${formatCount(table.peak.entries)} of ${formatCount(table.max)} entries`)
  const lost = captures.flatMap(({ interfaces }) => interfaces.map(({ dropped }) => dropped))
  if (lost.length > 0 && lost.every(dropped => dropped === 0)) items.push('the capture lost 0 frames')
  return items
}

/** `, 1 needs no reply (multicast or broadcast)`: which of all flows are without an answer, and in order; `''` for none. */
function unansweredText({ unreplied: { oneWay, multicast, tunnel } }: Report): string {
  const free = multicast + tunnel
  const kinds = [
    ...(multicast > 0 ? ['multicast or broadcast'] : []),
    ...(tunnel > 0 ? ['overlay network'] : []),
  ].join(', ')
  const unasked =
    free === 0 ? '' : `, ${formatCount(free)} ${free === 1 ? 'needs' : 'need'} no reply (${kinds})`
  return oneWay === 0 ? unasked : `${unasked}, ${formatCount(oneWay)} captured in one direction`
}
