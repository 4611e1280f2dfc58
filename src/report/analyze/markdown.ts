// The report for a ticket: Markdown as GitHub and GitLab show it, a pure function of the Report and the packets of its findings.
import { SEVERITIES } from '../../findings/facts/facts.ts'
import type { Advice } from '../../findings/wording/wording.ts'
import { formatBytes, formatCount, formatDuration, formatInstant, plural } from '../text/format.ts'
import type { OfHost } from '../text/hosts.ts'
import { frameNames, groupFrames } from './capture-section.ts'
import { causeText, remediesOf } from './finding-block.ts'
import type { FindingReport, InstantReport } from './finding-model.ts'
import { markdownBlock, markdownCode, markdownText } from './markdown-text.ts'
import type { CaptureReport, DirectionReport, FlowReport, Report } from './model.ts'
import type { PacketStory } from './packet-story.ts'
import { sequenceDiagram } from './sequence-diagram.ts'
import { protocolText, tupleText } from './tuple-text.ts'
import { cleanText, isGrave, orderlyItems } from './verdict-section.ts'

/** Flows of a finding, and frames of a step, that are named. */
const NAMED_FLOWS = 5
const NAMED_FRAMES = 8
/** Reasons of INVALID packets that are named. */
const NAMED_REASONS = 5

/** A report, and the packets of its findings; null where the captures could not be read twice. */
export interface Told {
  report: Report
  stories: readonly PacketStory[] | null
}

/** Renders the reports of all hosts, each under its name where they were named. */
export function renderMarkdown(hosts: readonly OfHost<Told>[]): string {
  return hosts
    .map(({ host, report }) =>
      [...(host === '' ? [] : [`# ${markdownText(host)}`, '']), ...reportLines(report)].join('\n'),
    )
    .join('\n\n')
    .replace(/\n{3,}/g, '\n\n')
    .concat('\n')
}

function reportLines({ report, stories }: Told): string[] {
  const { captures } = report
  const found = [
    ...report.findings.map(finding => ({ finding, inside: '', own: stories })),
    // their frames are those of the tunnel's own packets
    ...report.tunnels.flatMap(({ name, findings }) =>
      findings.map(finding => ({ finding, inside: name, own: null })),
    ),
  ]
  const grave = found.filter(({ finding }) => isGrave(finding))
  return [
    `## ${headline(
      grave.map(({ finding }) => finding),
      report,
    )}`,
    '',
    ...grave.flatMap(({ finding, inside }) => verdictBlock(finding, inside)),
    ...numbers(report),
    ...inOrder(report),
    ...flowTable(report),
    ...found.flatMap(({ finding, inside, own }) => storyBlock(finding, inside, own, captures)),
    ...whatWasRead(report),
  ]
}

function headline(grave: readonly FindingReport[], report: Report): string {
  if (grave.length === 0) return markdownText(cleanText(report) || 'no finding; see the numbers')
  const counts = SEVERITIES.map(severity => ({
    severity,
    count: grave.filter(each => each.severity === severity).length,
  }))
  return counts
    .filter(({ count }) => count > 0)
    .map(({ severity, count }) => plural(count, severity))
    .join(', ')
}

/** What happened, why, and what to do: what a reader needs first. */
function verdictBlock(finding: FindingReport, inside: string): string[] {
  const { severity, id, title, confidence, reason, points, check, tshark, flows, flowCount } = finding
  const where = points.length === 0 ? '' : `; seen at ${points.map(markdownCode).join(', ')}`
  const within = inside === '' ? '' : ` (inside of ${markdownText(inside)})`
  const named = flows.slice(0, NAMED_FLOWS).map(flow => `- ${markdownCode(flow)}`)
  if (flowCount > named.length) named.push(`- and ${plural(flowCount - named.length, 'more flow')}`)
  return [
    `### ${severity.toUpperCase()} ${id}${within}: ${markdownText(title)}`,
    '',
    `**${confidence}**: ${markdownText(reason)}${where}`,
    '',
    ...when(finding),
    ...named,
    '',
    `**Why**: ${markdownText(causeText(finding))}`,
    '',
    ...adviceLines('Fix', remediesOf(finding)),
    ...adviceLines('Check', check),
    ...(tshark === '' ? [] : ['**Look**', '', ...markdownBlock('sh', tshark.split('; ')), '']),
    `More: ${markdownCode(`ctpcap explain ${id}`)}`,
    '',
  ]
}

/** From when to when, and how often. */
function when({ facts: { first, last }, flowCount, occurrences }: FindingReport): string[] {
  const often = `${plural(flowCount, 'flow')}, ${plural(occurrences, 'time')}`
  if (first === null) return [often, '']
  const until =
    last === null || last.time === first.time
      ? ''
      : ` to ${last.time} (${formatDuration(between(first, last))})`
  return [`${often}, ${first.time}${until}`, '']
}

function between(first: InstantReport, last: InstantReport): number {
  return Number(BigInt(last.nanoseconds) - BigInt(first.nanoseconds)) / 1e9
}

function adviceLines(label: string, all: readonly Advice[]): string[] {
  if (all.length === 0) return []
  const items = all.flatMap(({ text, commands }) => [
    `- ${markdownText(text)}`,
    ...(commands.length === 0 ? [] : ['', ...markdownBlock('sh', commands, '  '), '']),
  ])
  return [`**${label}**`, '', ...items, '']
}

/** What conntrack made of packets and connections, where that is no success. */
function numbers({ packets, invalid, unreplied, flows, captures }: Report): string[] {
  const reasons = invalid.slice(0, NAMED_REASONS).map(group => {
    const words = markdownText(`${group.reason}: ${groupFrames(group, captures)}`)
    return `  - ${formatCount(group.count)} × ${words}`
  })
  const silent =
    unreplied.silent === 0
      ? []
      : [`- ${plural(unreplied.silent, 'flow')} of ${formatCount(flows.total)} without an answer (UNREPLIED)`]
  const lines = [
    ...(packets.invalid === 0 ? [] : [`- ${plural(packets.invalid, 'packet')} INVALID`, ...reasons]),
    ...silent,
  ]
  return lines.length === 0 ? [] : [...lines, '']
}

function inOrder(report: Report): string[] {
  const items = orderlyItems(report)
  return items.length === 0 ? [] : [`Checked and in order: ${markdownText(items.join('; '))}`, '']
}

/** The largest flows, a row each. */
function flowTable({ flows }: Report): string[] {
  if (flows.top.length === 0) return []
  const head = [
    'proto',
    'state',
    'start',
    'lasts',
    'ended',
    'packets',
    'bytes',
    'original direction',
    'reply',
  ]
  const rows = flows.top.map(flowRow)
  return [
    `## Flows: ${rows.length} of ${formatCount(flows.total)}, largest in ${flows.sort}`,
    '',
    `| ${head.join(' | ')} |`,
    `|${head.map(() => '---|').join('')}`,
    ...rows.map(cells => `| ${cells.join(' | ')} |`),
    '',
  ]
}

function flowRow(flow: FlowReport): string[] {
  const { orig, reply, status } = flow
  const marks = ['UNREPLIED', 'ASSURED'].filter(mark => status.includes(mark)).map(mark => ` \\[${mark}\\]`)
  return [
    markdownText(protocolText(flow.protocol, flow.protocolNumber)),
    flow.state,
    formatInstant(flow.start),
    formatDuration(flow.duration),
    flow.ended,
    `${formatCount(orig.packets)} / ${formatCount(reply.packets)}`,
    `${formatBytes(orig.bytes)} / ${formatBytes(reply.bytes)}`,
    `${directionCell(orig)}${marks.join('')}`,
    directionCell(reply),
  ]
}

function directionCell(direction: DirectionReport): string {
  const { srcName, dstName } = direction
  const names = [srcName, dstName].filter(name => name !== undefined).map(name => markdownText(name))
  return `${markdownCode(tupleText(direction))}${names.length === 0 ? '' : ` (${names.join(' to ')})`}`
}

/** What happened in order, and as a diagram. */
function storyBlock(
  finding: FindingReport,
  inside: string,
  stories: readonly PacketStory[] | null,
  captures: readonly CaptureReport[],
): string[] {
  const { id, steps, title, frames } = finding
  const named = new Set(
    [...steps.flatMap(step => step.frames), ...frames].map(({ capture, frame }) => `${capture} ${frame}`),
  )
  const own =
    stories?.filter(({ sightings }) =>
      sightings.some(({ capture, frame }) => named.has(`${capture} ${frame}`)),
    ) ?? null
  return [
    `## ${id}${inside === '' ? '' : ` inside of ${markdownText(inside)}`}, in order`,
    '',
    ...(isGrave(finding) ? [] : [`${markdownText(title)}.`, '']),
    ...steps.map(
      ({ what, frames: shown }, i) =>
        `${i + 1}. ${markdownText(`${what} (${frameNames(shown.slice(0, NAMED_FRAMES), captures)})`)}`,
    ),
    ...(steps.length === 0 ? [] : ['']),
    ...markdownBlock('mermaid', sequenceDiagram(finding, own, captures)),
    '',
    ...remark(own),
  ]
}

/** What conntrack is in a diagram, where that is not what the node's was. */
function remark(stories: readonly PacketStory[] | null): string[] {
  if (stories === null)
    return ['The captures cannot be read a second time: these are the steps, not the packets.', '']
  const points = new Set(stories.flatMap(({ sightings }) => sightings.map(({ point }) => point)))
  return points.size === 1
    ? ['One observation point: what conntrack says here is the replay of what this point alone shows.', '']
    : []
}

function whatWasRead({ captures, limits, generator, duration }: Report): string[] {
  return [
    '## What was read, and what it cannot show',
    '',
    ...captures.map(
      ({ path, format, frames, firstTime, lastTime }) =>
        `- ${markdownCode(path)}: ${format}, ${plural(frames, 'frame')}${firstTime === null ? '' : `, ${firstTime} to ${lastTime}`}`,
    ),
    ...limits.map(({ text }) => `- ${markdownText(text)}`),
    '',
    `Written by ${markdownText(generator)} from ${formatDuration(duration)} of capture.`,
  ]
}
