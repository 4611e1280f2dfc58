// What the captures cannot show: each limit of the evidence, and which of the report's numbers it touches.
import type { Settings, SysctlName } from '../../conntrack/settings.ts'
import type { VerdictCounts } from '../../findings/counts/verdicts.ts'
import type { Budget } from '../../findings/evidence/budget.ts'
import type { MetTrait } from '../../findings/evidence/kernel-differences.ts'
import type { TwoLives } from '../../findings/evidence/two-lives.ts'
import type { FrameReference } from '../../findings/facts/facts.ts'
import { countedOtherwise } from '../../findings/wording/other-kernels.ts'
import type { OfNamespaces } from '../../host/topology/namespaces.ts'
import type { ReplayedRules } from '../../host/walk/replayed-rules.ts'
import { LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2 } from '../../net/numbers.ts'
import { shellWord } from '../../net/shell-word.ts'
import { timeoutOf } from '../../sizing/held-by.ts'
import type { Occupancy } from '../../sizing/occupancy.ts'
import { formatCount, formatDuration, plural, printable } from '../text/format.ts'
import { frameNames } from './capture-section.ts'
import { otherDataPlane } from './data-plane.ts'
import { knownTableLimits } from './known-table.ts'
import type {
  CaptureReport,
  FilterReport,
  KnownTableReport,
  LimitReport,
  SightingsReport,
  UnrepliedReport,
} from './model.ts'
import { ruleLimits } from './rule-limits.ts'

/** Findings were left away: what is said of none is said of the others alone. */
export const LEFT_OUT = 'findings-left-out'

/** Timeouts named in the sentence about a short capture. */
const NAMED_TIMEOUTS = 3

export interface Evidence {
  captures: CaptureReport[]
  filter: FilterReport | null
  sightings: SightingsReport | null
  packets: VerdictCounts
  unreplied: UnrepliedReport
  /** Nanoseconds from the first frame to the last. */
  end: number
  occupancy: Occupancy
  settings: Settings
  /** TCP flows picked up in mid-stream that had no entry earlier in the replay. */
  midStream: number
  twoLives: TwoLives
  /** The table that was given for the start of the capture, or null. */
  knownTable: KnownTableReport | null
  /** Whether any sysctl differs from the defaults. */
  tuned: boolean
  /** Findings that were not asked for. */
  leftOut: number
  /** Searches of findings that had to stop. */
  searches: readonly Budget[]
  /** Comments on packets that found no room. */
  unkeptComments: number
  /** The rules that the packets were replayed through, or null. */
  rules: ReplayedRules | null
  /** Captures of several network namespaces by the topology, which were taken for one; none where they were not. */
  merged: readonly OfNamespaces[]
  /** Rules on which kernels differ that connections met. */
  metTraits: readonly MetTrait[]
  /** Kernels of the nodes, one of which was captured. */
  kernels: readonly string[]
}

function oneSided({ sightings }: Evidence): string {
  if (sightings === null || sightings.oneSided === 0) return ''
  return (
    `Nothing tells what conntrack made of ${plural(sightings.oneSided, 'packet')}, which ${sightings.oneSided === 1 ? 'counts' : 'count'} as not seen by it: only half of ` +
    'their translation was captured, or they passed other hosts than the rest of their connection. A capture of all ' +
    'interfaces (-i any) tells.'
  )
}

/** The limits that apply, those that touch most first. */
export function limitsOf(evidence: Evidence): LimitReport[] {
  const { dataPlane } = evidence.settings
  const texts: [string, string][] = [
    ['capture-damaged', damaged(evidence)],
    ['capture-drops', drops(evidence)],
    ['several-points', severalPoints(evidence)],
    ['several-tables', severalTables(evidence)],
    ['several-namespaces', evidence.merged.length === 0 ? '' : mergedNamespaces(evidence.merged)],
    ['two-lives', twoLives(evidence)],
    ['open-before', openBefore(evidence)],
    ...(evidence.knownTable === null ? [] : knownTableLimits(evidence.knownTable)),
    ['one-direction', oneDirection(evidence)],
    ['one-sided', oneSided(evidence)],
    ['shorter-than-timeouts', shorterThanTimeouts(evidence)],
    ['snaplen', snaplen(evidence)],
    ['replay-filter', replayFilter(evidence)],
    ['capture-filter', captureFilter(evidence)],
    [LEFT_OUT, leftOut(evidence)],
    ['search-budget', stoppedSearches(evidence)],
    ['comments-left-out', unkeptComments(evidence)],
    ['clock', clock(evidence)],
    ['other-data-plane', dataPlane === '' ? '' : otherDataPlane(dataPlane)],
    ['node-kernels', kernelsOfNodes(evidence)],
    ['default-kernel', defaultKernel(evidence)],
    ['other-kernels', judgedOtherwise(evidence)],
    ['default-sysctls', defaultSysctls(evidence)],
  ]
  const own = texts.filter(([, text]) => text !== '').map(([id, text]) => ({ id, text }))
  return evidence.rules === null ? own : [...own, ...ruleLimits(evidence.rules)]
}

function leftOut({ leftOut: count }: Evidence): string {
  return count === 0 ? '' : `${plural(count, 'finding')} left out by --only or --without.`
}

function damaged({ captures }: Evidence): string {
  const cut = captures.filter(capture => capture.damage.some(damage => damage.stopped)).length
  if (cut === 0) return ''
  return `${cut === 1 && captures.length === 1 ? 'The capture is' : `${plural(cut, 'capture')} ${cut === 1 ? 'is' : 'are'}`} damaged: this report ends at the damage.`
}

function drops({ captures }: Evidence): string {
  let dropped = 0
  for (const capture of captures) for (const point of capture.interfaces) dropped += point.dropped ?? 0
  if (dropped === 0) return ''
  return `The capture lost ${plural(dropped, 'frame')}: an INVALID packet or a missing reply may be one of them.`
}

function severalPoints({ captures, sightings }: Evidence): string {
  if (sightings !== null) return ''
  const points = captures.flatMap(capture => capture.interfaces.filter(point => point.frames > 0))
  const cooked = points.some(
    point => point.linkType === LINKTYPE_LINUX_SLL || point.linkType === LINKTYPE_LINUX_SLL2,
  )
  if (points.length < 2 && !cooked) return ''
  const where = points.length < 2 ? 'A capture on "any"' : `${points.length} interfaces`
  return `${where} may show one packet several times, before and after NAT: each frame was replayed as a packet of its own.`
}

function severalTables({ captures, sightings }: Evidence): string {
  const passed = sightings?.otherTables
  if (passed === undefined) return ''
  const { packets, from, to } = passed
  const path = ({ capture }: FrameReference): string => printable(captures[capture]?.path ?? '')
  return `${plural(packets, 'packet')} went from ${path(from)} (frame ${from.frame}) to ${path(to)} (frame ${to.frame}), by a wire or past a router: if these are captures of several hosts or network namespaces, their tables were taken for one. NAME=FILE tells them apart (nodeA=${shellWord(path(from))} nodeB=${shellWord(path(to))}).`
}

/** That captures of several network namespaces are taken for one, and how to name each, and the files that are one's own. */
export function mergedNamespaces(merged: readonly OfNamespaces[]): string {
  const labels = merged.map(({ path, namespaces: [first = 'NAME', ...others] }) => {
    const label = others.length === 0 ? first : [first, ...others].join('|')
    return shellWord(`${label}=${path}`)
  })
  return `By --topology these captures are, or may be, of several network namespaces, whose tables were taken for one: name each, ${labels.join(' ')}, and the files of --rules, --rules-after and --table that are one's own likewise.`
}

function twoLives({ twoLives: { count, frames }, captures }: Evidence): string {
  if (count === 0) return ''
  return `${plural(count, 'connection')} had begun with addresses and ports with which another station, or one in another VLAN, begins its own (${frameNames(frames, captures)}): two tables, zones or VRFs may have been taken for one. --rules with their zones tells them apart, NAME=FILE captures of several hosts, --filter 'vlan 10' networks.`
}

function openBefore({ midStream, knownTable }: Evidence): string {
  if (midStream === 0) return ''
  const flows = midStream === 1 ? '1 TCP flow begins' : `${formatCount(midStream)} TCP flows begin`
  if (knownTable !== null) {
    return `${flows} in mid-stream, without a SYN, and without an entry in ${printable(knownTable.path)}: the capture misses their beginning, or the file misses them.`
  }
  return `${flows} in mid-stream, without a SYN: the table was not empty when the capture began, and its real peak was higher.`
}

function oneDirection({ unreplied }: Evidence): string {
  if (unreplied.oneWay === 0) return ''
  const flows = unreplied.oneWay === 1 ? '1 TCP flow is' : `${formatCount(unreplied.oneWay)} TCP flows are`
  return `${flows} seen in one direction only: the other half took another path or was not captured.`
}

function snaplen({ captures, packets }: Evidence): string {
  if (packets.undecodable === 0) return ''
  const lengths = captures.flatMap(capture => capture.interfaces.map(point => point.snapLength))
  const shortest = Math.min(...lengths.filter(length => length > 0))
  const which = shortest < 256 ? ` (snap length ${shortest})` : ''
  return `${plural(packets.undecodable, 'frame')} could not be read${which}: conntrack saw packets there that this replay did not.`
}

function replayFilter({ filter }: Evidence): string {
  if (filter === null) return ''
  const { expression, selected, passedOver } = filter
  return `Only ${formatCount(selected)} of ${plural(selected + passedOver, 'frame')} were replayed (--filter ${printable(expression)}): the table has this traffic alone, and its peak is lower than the node's.`
}

function captureFilter({ captures }: Evidence): string {
  const filters = new Set(captures.flatMap(capture => capture.interfaces.map(point => point.filter)))
  filters.delete('')
  if (filters.size === 0) return ''
  return `The capture was filtered (${[...filters].map(printable).join('; ')}): the table lacks what the filter left out.`
}

function clock({ captures, sightings }: Evidence): string {
  const backwards = captures.reduce((sum, capture) => sum + capture.backwards, 0)
  const unstamped = captures.reduce((sum, capture) => sum + capture.unstamped, 0)
  const parts: string[] = []
  if (backwards > 0) parts.push(`${plural(backwards, 'frame')} stamped earlier than the one before`)
  if (unstamped > 0) parts.push(`${plural(unstamped, 'frame')} without a time stamp`)
  if (parts.length === 0) return ''
  const order =
    sightings === null
      ? 'replayed in the order of the capture, at the time of the frame before'
      : 'sorted by time'
  return `${parts.join(', ')}: ${order}.`
}

function unkeptComments({ unkeptComments: count }: Evidence): string {
  return count === 0
    ? ''
    : `${plural(count, 'comment')} on packets of the capture found no room: what they say is not here.`
}

function stoppedSearches({ searches }: Evidence): string {
  if (searches.length === 0) return ''
  const named = searches.map(({ what, most }) => `${what} (${formatCount(most)})`)
  return `Some searches ended at their limit: ${named.join(', ')}. Findings may be missing because of that; none is wrong.`
}

function defaultSysctls({ settings: { kernel }, tuned }: Evidence): string {
  if (tuned) return ''
  if (kernel.origin !== 'default')
    return 'Assumes the default sysctls: --sysctl FILE takes those of a node, --set changes one.'
  return `Assumes Linux ${kernel.release} with its default sysctls: --sysctl FILE takes both from a node.`
}

function defaultKernel({ settings: { kernel }, tuned }: Evidence): string {
  if (kernel.origin !== 'default' || !tuned) return ''
  return `Assumes Linux ${kernel.release}: --kernel VERSION names another, and so does kernel.osrelease in --sysctl FILE.`
}

/** Only where nobody said which kernel it is: who did knows that others do otherwise. */
function judgedOtherwise({ settings: { kernel }, metTraits }: Evidence): string {
  if (kernel.origin !== 'default' || metTraits.length === 0) return ''
  const said = metTraits.map(({ trait, connections }) => countedOtherwise(trait, connections, kernel))
  return `${said.join('; ')}: --kernel VERSION replays as the node does.`
}

/** Releases that are named. */
const NAMED_KERNELS = 3

function kernelsOfNodes({ settings: { kernel }, kernels }: Evidence): string {
  if (kernel.origin !== 'default' || kernels.length < 2) return ''
  const named = kernels.slice(0, NAMED_KERNELS).map(printable)
  const more = kernels.length > named.length ? ' and others' : ''
  return `The nodes run Linux ${named.join(', ')}${more}; nothing tells which of them was captured: the capture as NAME=FILE, by the node's name, does, and so does --kernel.`
}

/** Entries that outlive the capture: the table would have gone on filling. */
function shorterThanTimeouts({ occupancy, settings, end }: Evidence): string {
  const held = new Map<SysctlName, number>()
  for (const [i, count] of occupancy.classes.entries()) {
    const name = timeoutOf(i)
    if (count === 0 || name === null || settings[name] * 1e9 <= end) continue
    held.set(name, (held.get(name) ?? 0) + count)
  }
  if (held.size === 0) return ''
  const named = [...held]
    .sort(([, a], [, b]) => b - a)
    .slice(0, NAMED_TIMEOUTS)
    .map(
      ([name, entries]) =>
        `${name.slice('nf_conntrack_'.length)} ${settings[name]} s × ${formatCount(entries)}`,
    )
  return `The capture (${formatDuration(end / 1e9)}) is shorter than the timeouts of its entries (${named.join(', ')}): the table grows further if this load goes on.`
}
