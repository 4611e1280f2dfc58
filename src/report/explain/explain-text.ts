// What `ctpcap explain` prints: a finding, a reason for INVALID or a sysctl as sections, and the list of all of them.
import {
  defaultSettings,
  isSysctlName,
  SYSCTL_NAMES,
  SYSCTLS,
  type SysctlName,
} from '../../conntrack/settings.ts'
import { FINDING_IDS, type FindingId } from '../../findings/facts/facts.ts'
import { renderSections, SECTION_MARGIN } from '../text/sections.ts'
import type { Style } from '../text/style.ts'
import { wrap } from '../text/wrap.ts'
import type { Explanation, Line, ReasonExplanation } from './explanation.ts'
import { FINDING_EXPLANATIONS } from './finding-explanations.ts'
import { REASONS, type Reason, reasonsNamed } from './reasons.ts'
import { SYSCTL_EXPLANATIONS } from './sysctls.ts'

const NETFILTER = 'net.netfilter.'

/** What can be explained. */
export type Topic =
  | { kind: 'finding'; id: FindingId }
  | { kind: 'reason'; reason: Reason }
  | { kind: 'sysctl'; name: SysctlName }

/** What a text names: none, or several where it is a part of several reasons. */
export function topicsNamed(text: string): Topic[] {
  const name = text.trim()
  const id = FINDING_IDS.find(known => known === name.toLowerCase())
  if (id !== undefined) return [{ kind: 'finding', id }]
  const sysctl = sysctlNamed(name)
  if (sysctl !== null) return [{ kind: 'sysctl', name: sysctl }]
  return reasonsNamed(name).map(reason => ({ kind: 'reason', reason }))
}

/** Names of all topics, as they are listed. */
export function topicNames(): string[] {
  return [...FINDING_IDS, ...REASONS.map(({ title }) => title), ...SYSCTL_NAMES]
}

/** What a topic goes by in the list. */
export function nameOfTopic(topic: Topic): string {
  if (topic.kind === 'finding') return topic.id
  return topic.kind === 'reason' ? topic.reason.title : topic.name
}

/** The explanation of one topic, for people. @param width columns to wrap at */
export function renderTopic(topic: Topic, { style, width }: { style: Style; width: number }): string {
  switch (topic.kind) {
    case 'finding':
      return renderFinding(topic.id, FINDING_EXPLANATIONS[topic.id], style, width)
    case 'reason':
      return renderReason(topic.reason.title, topic.reason.explanation, style, width)
    case 'sysctl':
      return renderSysctl(topic.name, style, width)
  }
}

/** All that can be explained, a line each. */
export function renderTopics({ style, width }: { style: Style; width: number }): string {
  const idWidth = Math.max(...FINDING_IDS.map(({ length }) => length)) + 2
  const findings = FINDING_IDS.map(id => {
    const [first = '', ...rest] = wrap([FINDING_EXPLANATIONS[id].title], Math.max(width - idWidth, 20))
    return [id.padEnd(idWidth) + first, ...rest.map(line => ' '.repeat(idWidth) + line)]
  })
  const parts = [
    style.bold('Findings'),
    ...findings.flat(),
    '',
    style.bold('What conntrack logs of packets (a whole line of its log will do)'),
    ...new Set(REASONS.map(({ title }) => title)),
    '',
    style.bold('Sysctls of net.netfilter'),
    ...SYSCTL_NAMES,
    '',
    "ctpcap explain NAME tells the rest, as in: ctpcap explain 'SEQ is over upper bound'",
  ]
  return `${parts.join('\n')}\n`
}

function sysctlNamed(text: string): SysctlName | null {
  const name = text.replaceAll('/', '.').replace(/^net\.(netfilter\.)?/, '')
  return [name, `nf_conntrack_${name}`, `nf_${name}`].find(isSysctlName) ?? null
}

function renderFinding(id: FindingId, of: Explanation, style: Style, width: number): string {
  const prose = width - SECTION_MARGIN
  const wrapped = (...lines: string[]): string[] => wrap(lines, prose)
  const heading = wrap([`${style.bold(id)} (${of.severity}): ${of.title}`], width)
  const sections: [string, string[]][] = [
    ['Kernel', wrapped(of.kernel)],
    ['Where', wrapped(of.points)],
    ['Seen', wrapped(of.evidence)],
    ['Certain', wrapped(of.certain)],
    ['Alike', of.alike === '–' ? [] : wrapped(of.alike)],
    ['Confirm', wrapped(...of.confirm.flatMap(lineText))],
    ['Fix', wrapped(...of.fix.flatMap(each => [...lineText(each), `  costs: ${each.cost}`]))],
    ['Source', [...of.source]],
    ['Reports', of.reports.map(reportUrl)],
  ]
  return `${heading.join('\n')}\n\n${renderSections(sections, style)}`
}

function renderReason(title: string, of: ReasonExplanation, style: Style, width: number): string {
  const prose = width - SECTION_MARGIN
  const sections: [string, string[]][] = [
    ['Kernel', wrap([of.text], prose)],
    ['From', wrap([of.origin], prose)],
    ['Fix', wrap([of.remedy], prose)],
    ['Source', wrap([of.source], prose)],
    [
      'Log',
      wrap(
        ['  $ sysctl -w net.netfilter.nf_conntrack_log_invalid=255', '  $ dmesg | grep nf_ct_proto'],
        prose,
      ),
    ],
  ]
  return `${style.bold(title)}\n\n${renderSections(sections, style)}`
}

function renderSysctl(name: SysctlName, style: Style, width: number): string {
  const prose = width - SECTION_MARGIN
  const { text, cost } = SYSCTL_EXPLANATIONS[name]
  const sections: [string, string[]][] = [
    ['Kernel', wrap([text], prose)],
    ['Default', wrap([String(defaultSettings()[name])], prose)],
    ['Costs', wrap([cost], prose)],
    ['Replay', wrap([EFFECTS[SYSCTLS[name].effect]], prose)],
    ['Look', [`  $ sysctl ${NETFILTER}${name}`]],
  ]
  return `${style.bold(NETFILTER + name)}\n\n${renderSections(sections, style)}`
}

const EFFECTS: Readonly<Record<(typeof SYSCTLS)[SysctlName]['effect'], string>> = {
  verdict: '--set changes what conntrack makes of packets',
  timeout: '--set changes how long entries stay',
  size: '--set changes how much the table holds',
  shown: '--set changes what listings and events show',
  none: 'taken, and changes nothing in a replay',
}

/** A sentence, and the commands below it. */
function lineText({ text, commands }: Line): string[] {
  return [`- ${text}`, ...commands.map(command => `    $ ${command}`)]
}

/** Where a report is: GitHub leads from a number to a pull request, too. */
export function reportUrl(report: string): string {
  return `https://github.com/${report.replace('#', '/issues/')}`
}
