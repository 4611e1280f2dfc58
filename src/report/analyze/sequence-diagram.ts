// A finding as a mermaid sequence diagram: a column for each observation point, and conntrack as one of them.
import { formatInstant, plural } from '../text/format.ts'
import { frameNames } from './capture-section.ts'
import type { FindingReport } from './finding-model.ts'
import { mermaidName, mermaidText } from './mermaid-text.ts'
import type { CaptureReport } from './model.ts'
import type { PacketStory, StorySighting } from './packet-story.ts'
import { endText } from './tuple-text.ts'

/** Packets of one diagram: what more there are is counted. */
const MOST_PACKETS = 12
/** Columns of one diagram; a captured host may have a thousand interfaces. */
const MOST_COLUMNS = 12

const CONNTRACK = 'conntrack'
/** Between points that are seen, in a list of nodes: no point can have this for its name. */
const NODE_CONNTRACK = ''

/**
 * Statements of the diagram, a line each.
 * @param stories its packets as they were seen; null where the captures could not be read again: then its steps stand there
 */
export function sequenceDiagram(
  finding: FindingReport,
  stories: readonly PacketStory[] | null,
  captures: readonly CaptureReport[],
): string[] {
  const told = stories ?? []
  return told.length === 0
    ? ofSteps(finding, captures)
    : ofPackets(told.slice(0, MOST_PACKETS), told.length, captures)
}

/** Without packets: what happened, as notes over the points that saw it. */
function ofSteps(finding: FindingReport, captures: readonly CaptureReport[]): string[] {
  const columns = new Columns()
  for (const point of [...finding.points, NODE_CONNTRACK]) columns.add(point)
  const over = columns.all
  return [
    ...columns.lines(),
    ...finding.steps.map(
      ({ what, frames }, i) =>
        `  Note over ${over}: ${mermaidText(`${i + 1}. ${what} (${frameNames(frames.slice(0, 5), captures)})`)}`,
    ),
    ...(finding.steps.length === 0 ? [`  Note over ${over}: ${mermaidText(finding.title)}`] : []),
  ]
}

function ofPackets(
  stories: readonly PacketStory[],
  total: number,
  captures: readonly CaptureReport[],
): string[] {
  const columns = new Columns()
  for (const story of stories) columns.take(nodesOf(story), story.isReply)
  const [opening] = stories
  const client = opening?.sightings[0]?.source.address ?? ''
  const first = opening?.time ?? 0
  return [
    ...columns.lines(),
    ...stories.flatMap(story => packetLines(inOrder(story, columns, client), first, columns, captures)),
    ...(total > stories.length
      ? [`  Note over ${columns.all}: ${mermaidText(`and ${plural(total - stories.length, 'more packet')}`)}`]
      : []),
  ]
}

/** A bridge shows a frame that it switches at its ports and at itself within microseconds, in no order: the columns have one. */
function inOrder(story: PacketStory, columns: Columns, client: string): PacketStory {
  const { unmet, sightings } = story
  if (unmet === '') return story
  const way = sightings[0]?.source.address === client ? 1 : -1
  const sorted = sightings.toSorted((a, b) => way * (columns.indexOf(a.point) - columns.indexOf(b.point)))
  return { ...story, sightings: sorted }
}

/** One step of a packet, and the frames that it tells of. */
interface Arrow {
  from: string
  to: string
  told: readonly StorySighting[]
}

/** The way of a packet as arrows that tell of each frame once: in front of conntrack where they begin, behind it where they end. */
function arrowsOf({ sightings, before, isOutgoing, unmet }: PacketStory): Arrow[] {
  const points = sightings.map(({ point }) => point)
  const nodeAt = (i: number): string => points[i] ?? NODE_CONNTRACK
  if (unmet === '') {
    const turn = isOutgoing ? -1 : turnOf(sightings, before)
    return sightings.map((sighting, i) =>
      i <= turn
        ? { from: sighting.point, to: i === turn ? NODE_CONNTRACK : nodeAt(i + 1), told: [sighting] }
        : { from: i === turn + 1 ? NODE_CONNTRACK : nodeAt(i - 1), to: sighting.point, told: [sighting] },
    )
  }
  const [only] = sightings
  if (sightings.length === 1 && only !== undefined)
    return [{ from: only.point, to: only.point, told: [only] }]
  const last = sightings.length - 2
  return sightings.slice(0, -1).map((sighting, i) => ({
    from: sighting.point,
    to: nodeAt(i + 1),
    told: sightings.slice(i, i === last ? i + 2 : i + 1),
  }))
}

/** Behind which sighting conntrack comes: the last one that is not translated yet, where one is. */
function turnOf(sightings: readonly StorySighting[], before: number): number {
  const tuples = sightings.map(tupleOf)
  const changed = tuples.findIndex((tuple, i) => i > before && tuple !== tuples[before])
  return changed < 0 ? before : changed - 1
}

/** All that a packet passed, in order. */
function nodesOf(story: PacketStory): string[] {
  const arrows = arrowsOf(story)
  const [first] = arrows
  return first === undefined ? [] : [first.from, ...arrows.map(({ to }) => to)]
}

function packetLines(
  story: PacketStory,
  first: number,
  columns: Columns,
  captures: readonly CaptureReport[],
): string[] {
  const { what, time, verdict, unmet, isInvalid, isReply } = story
  const stroke = isInvalid ? '-x' : isReply || unmet !== '' ? '-->>' : '->>'
  const conntrack = columns.id(NODE_CONNTRACK)
  const lines: string[] = []
  let shown = ''
  for (const { from, to, told } of arrowsOf(story)) {
    const words = byTuple(told).map(sightings => {
      const tuple = tupleOf(sightings[0])
      const when = shown === '' ? `${formatInstant((time - first) / 1e9)} ` : ''
      const isNew = tuple !== shown
      shown = tuple
      return `${isNew ? `${when}${what} ${tuple}, ` : ''}${frameNames(sightings, captures)}`
    })
    lines.push(`  ${columns.id(from)}${stroke}${columns.id(to)}: ${mermaidText(words.join(', then '))}`)
    if (to === NODE_CONNTRACK) lines.push(`  Note over ${conntrack}: ${mermaidText(verdict)}`)
  }
  if (unmet !== '') lines.push(`  Note over ${conntrack}: ${mermaidText(`not met: ${unmet}`)}`)
  else if (story.isOutgoing) lines.splice(0, 0, `  Note over ${conntrack}: ${mermaidText(verdict)}`)
  return lines
}

type SameTuple = [StorySighting, ...StorySighting[]]

/** Sightings one after the other that have the same tuple. */
function byTuple(told: readonly StorySighting[]): SameTuple[] {
  const groups: SameTuple[] = []
  for (const sighting of told) {
    const last = groups.at(-1)
    if (last !== undefined && tupleOf(last[0]) === tupleOf(sighting)) last.push(sighting)
    else groups.push([sighting])
  }
  return groups
}

function tupleOf({ source, destination }: StorySighting): string {
  return `${endText(source)} → ${endText(destination)}`
}

/** Columns in the order of the path, from the client on as far as the packets tell. */
class Columns {
  private readonly order: string[] = []

  add(node: string): void {
    if (!this.order.includes(node)) this.order.push(node)
  }

  /** Takes up the nodes of a way, each behind all that it follows. */
  take(path: readonly string[], isReply: boolean): void {
    const nodes = isReply ? path.toReversed() : path
    let at = -1
    for (const [i, node] of nodes.entries()) {
      const known = this.order.indexOf(node)
      if (known >= 0) at = Math.max(at, known)
      else {
        const next = at < 0 ? this.order.findIndex(each => nodes.slice(i).includes(each)) : at + 1
        at = next < 0 ? this.order.length : next
        this.order.splice(at, 0, node)
      }
    }
  }

  indexOf(node: string): number {
    return this.order.indexOf(node)
  }

  id(node: string): string {
    const at = this.shown().indexOf(node)
    return node === NODE_CONNTRACK ? 'ct' : at < 0 ? 'others' : `p${at}`
  }

  /** From the first column to the last, for notes. */
  get all(): string {
    const shown = this.shown()
    const [first = NODE_CONNTRACK] = shown
    const last = this.hasOthers() ? 'others' : this.id(shown.at(-1) ?? NODE_CONNTRACK)
    return shown.length === 1 && !this.hasOthers() ? this.id(first) : `${this.id(first)},${last}`
  }

  lines(): string[] {
    const columns = this.shown().map(
      node => `  participant ${this.id(node)} as ${node === NODE_CONNTRACK ? CONNTRACK : mermaidName(node)}`,
    )
    return [
      'sequenceDiagram',
      ...columns,
      ...(this.hasOthers() ? ['  participant others as other points'] : []),
    ]
  }

  private hasOthers(): boolean {
    return this.order.length > this.shown().length
  }

  /** Those that have a column of their own; conntrack always has. */
  private shown(): string[] {
    this.add(NODE_CONNTRACK)
    let room = MOST_COLUMNS
    return this.order.filter(node => node === NODE_CONNTRACK || --room > 0)
  }
}
