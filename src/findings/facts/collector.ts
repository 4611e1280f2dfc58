// Cases of findings gathered: facts for each id and severity, with flows, tries, frames, points and times, all bounded.

import type { Endpoint } from '../../host/knowledge.ts'
import { pointOfSide } from '../../vantage/record/points.ts'
import type {
  Confidence,
  Facts,
  FindingId,
  FlowFacts,
  FrameReference,
  Phrase,
  Severity,
  Step,
} from './facts.ts'
import { isSurer } from './facts.ts'

/** Flows of a finding that are told apart and named. */
const MOST_FLOWS = 256
/** Frames of one flow at one point, and of a finding. */
const FRAMES_OF_FLOW = 8
const MOST_FRAMES = 120
/** Frames of one step. */
const STEP_FRAMES = 8
/** Frames of a finding that are told apart when they are counted. */
const MOST_COUNTED = 65_536

/** More than there are captures, so that a frame and its capture make one number. */
const CAPTURES = 4096

/** What a detector says of one try of a flow at one point. */
export interface Case {
  id: FindingId
  severity: Severity
  confidence: Confidence
  /** Why it is as sure as that. */
  reason: Phrase
  /** The client's end, which stays the same whatever is translated; of many clients their server's. */
  client: Endpoint
  flow: FlowFacts
  point: number
  /** Nanoseconds since the first frame: when it began, and when the last packet of it came, if that was later. */
  time: number
  until?: number
  /** What happened, in order. */
  steps: Step[]
  /** How many tries this is; 1 unless told. */
  tries?: number
  /** The packets leave it open: to be told only where what was given of the host decides. */
  isOpen?: boolean
  /** More of a try that was told of before. */
  isSequel?: boolean
}

interface FlowCase {
  flow: FlowFacts
  /** Tries by point: copies of a packet at several points are one try. */
  tries: Map<number, number>
  frames: FrameReference[]
}

interface Group {
  id: FindingId
  severity: Severity
  confidence: Confidence
  reason: Phrase
  isOpen: boolean
  /** By the client's end. */
  flows: Map<string, FlowCase>
  /** Flows beyond MOST_FLOWS: a hash of each one's client, with the point that shows it; and the tries of all of them. */
  further: Map<number, number>
  furtherTries: number
  /** All frames, by capture and number, as far as there is room. */
  counted: Set<number>
  points: Set<number>
  firstTime: number
  lastTime: number
  /** Of the flow named first. */
  steps: Step[]
}

export class Collector {
  private readonly groups = new Map<string, Group>()

  add(found: Case): void {
    const group = this.groupOf(found)
    group.points.add(pointOfSide(found.point))
    group.firstTime = Math.min(group.firstTime, found.time)
    group.lastTime = Math.max(group.lastTime, found.time, found.until ?? found.time)
    if (isSurer(found.confidence, group.confidence)) {
      group.confidence = found.confidence
      group.reason = found.reason
    }
    countFrames(group.counted, found.steps)
    const client = keyOf(found.client)
    let flow = group.flows.get(client)
    if (flow === undefined) {
      if (group.flows.size === MOST_FLOWS) {
        countFurther(group, found, client)
        return
      }
      flow = { flow: found.flow, tries: new Map(), frames: [] }
      group.flows.set(client, flow)
    }
    // the point that shows most of the translation names the flow best
    if (detailOf(found.flow) > detailOf(flow.flow)) flow.flow = found.flow
    const tries = Math.max((flow.tries.get(found.point) ?? 0) + (found.isSequel ? 0 : (found.tries ?? 1)), 1)
    flow.tries.set(found.point, tries)
    // a case of many tries tells no more frames than one of one, and the first one's are told whatever it stands for
    const isFirst = flow.frames.length === 0
    if (isFirst || tries * found.steps.length <= FRAMES_OF_FLOW) addFrames(flow.frames, found.steps)
    if (group.flows.keys().next().value === client) addSteps(group.steps, found.steps)
  }

  /** Whether anything of that id was found that is more than worth knowing. */
  hasFault(id: FindingId): boolean {
    return this.groups.has(groupKey(id, 'error', false)) || this.groups.has(groupKey(id, 'warning', false))
  }

  /** The clients of all faults, as keyOf() has them. */
  get clients(): Set<string> {
    const faults = [...this.groups.values()].filter(({ severity }) => severity !== 'info')
    return new Set(faults.flatMap(group => [...group.flows.keys()]))
  }

  conclude(): Facts[] {
    return [...this.groups.values()]
      .filter(({ id, severity, isOpen }) => !isOpen || !this.groups.has(groupKey(id, severity, false)))
      .map(factsOf)
  }

  private groupOf({ id, severity, confidence, reason, isOpen = false }: Case): Group {
    const key = groupKey(id, severity, isOpen)
    let group = this.groups.get(key)
    if (group === undefined) {
      group = {
        id,
        severity,
        confidence,
        reason,
        isOpen,
        flows: new Map(),
        further: new Map(),
        furtherTries: 0,
        counted: new Set(),
        points: new Set(),
        firstTime: Number.POSITIVE_INFINITY,
        lastTime: Number.NEGATIVE_INFINITY,
        steps: [],
      }
      this.groups.set(key, group)
    }
    return group
  }
}

/** An end as a key of a Map. */
export function keyOf({ family, words, port }: Endpoint): string {
  return `${family} ${words.join(' ')} ${port}`
}

function groupKey(id: FindingId, severity: Severity, isOpen: boolean): string {
  return `${id} ${severity} ${isOpen}`
}

/** How much a flow tells of its translation. */
function detailOf({ client, translated, untranslated }: FlowFacts): number {
  const further = untranslated === undefined ? 0 : 3
  if (translated === null) return further
  const isMasked = client !== null && translated.client !== null && keyOf(client) !== keyOf(translated.client)
  return further + (isMasked ? 2 : 1)
}

/** A flow that is not named is counted once, its tries at the first point that shows it. */
function countFurther(group: Group, { point, isSequel, tries }: Case, client: string): void {
  const hash = hashText(client)
  const known = group.further.get(hash)
  if (known === undefined) group.further.set(hash, point)
  if (!isSequel && (known ?? point) === point) group.furtherTries += tries ?? 1
}

/** 53 bits: of a million texts two are alike once in ten thousand times (FNV-1a, twice). */
function hashText(text: string): number {
  let low = 0x811c9dc5
  let high = 0x1b873593
  for (let i = 0; i < text.length; i++) {
    low = Math.imul(low ^ text.charCodeAt(i), 0x01000193)
    high = Math.imul(high ^ text.charCodeAt(i), 0x85ebca77)
  }
  return (high >>> 11) * 0x100000000 + (low >>> 0)
}

function factsOf(group: Group): Facts {
  const flows = [...group.flows.values()]
  const frames: FrameReference[] = []
  for (const flow of flows) {
    if (frames.length + flow.frames.length <= MOST_FRAMES) frames.push(...flow.frames)
  }
  return {
    id: group.id,
    severity: group.severity,
    confidence: group.confidence,
    reasons: [group.reason],
    flows: flows.map(({ flow }) => flow),
    flowCount: flows.length + group.further.size,
    occurrences: group.furtherTries + flows.reduce((sum, flow) => sum + Math.max(...flow.tries.values()), 0),
    firstTime: group.firstTime,
    lastTime: group.lastTime,
    frames: sortFrames(frames),
    frameCount: group.counted.size,
    steps: sortSteps(group.steps),
    points: [...group.points].sort((a, b) => a - b),
    values: {},
    rules: [],
    isOpen: group.isOpen,
  }
}

function countFrames(counted: Set<number>, steps: readonly Step[]): void {
  if (counted.size >= MOST_COUNTED) return
  for (const { frames } of steps)
    for (const { capture, frame } of frames) counted.add(frame * CAPTURES + capture)
}

function addFrames(frames: FrameReference[], steps: readonly Step[]): void {
  for (const step of steps) {
    for (const frame of step.frames) if (!includes(frames, frame)) frames.push(frame)
  }
}

function addSteps(known: Step[], steps: readonly Step[]): void {
  for (const step of steps) {
    const same = known.find(other => isSamePhrase(other, step))
    if (same === undefined) known.push({ ...step, frames: [...step.frames] })
    else if (same.frames.length < STEP_FRAMES) addFrames(same.frames, [step])
  }
}

/** Whether both say the same, word for word. */
export function isSamePhrase(a: Phrase, b: Phrase): boolean {
  return a.code === b.code && JSON.stringify(a.values) === JSON.stringify(b.values)
}

function includes(frames: readonly FrameReference[], { capture, frame }: FrameReference): boolean {
  return frames.some(other => other.capture === capture && other.frame === frame)
}

/** In the order of their first frames; those of different captures stay as they were found. */
function sortSteps(steps: Step[]): Step[] {
  const sorted = steps.map(step => ({ ...step, frames: sortFrames(step.frames) }))
  const isOneCapture = sorted.every(step => step.frames.every(f => f.capture === sorted[0].frames[0].capture))
  return isOneCapture ? sorted.sort((a, b) => a.frames[0].frame - b.frames[0].frame) : sorted
}

function sortFrames(frames: FrameReference[]): FrameReference[] {
  return frames.sort((a, b) => a.capture - b.capture || a.frame - b.frame)
}
