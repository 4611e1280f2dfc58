// Cases of NAT findings gathered: one finding for each id, with its flows, tries, frames and points, all bounded.

import { pointOfSide } from '../../vantage/record/points.ts'
import type { CatalogueEntry, NatFindingId } from '../wording/catalogue.ts'
import { counted } from '../wording/counted.ts'
import type { Confidence, Finding, FindingStep, FrameReference } from './facts.ts'
import type { FlowFindingId } from '../wording/flow-catalogue.ts'

/** Flows of a finding that are told apart and named. */
const MOST_FLOWS = 256
/** Frames of one flow at one point, and of a finding. */
const FRAMES_OF_FLOW = 8
const MOST_FRAMES = 120
/** Frames of one step. */
const STEP_FRAMES = 8

const CONFIDENCES: readonly Confidence[] = ['possible', 'likely', 'certain']

export type FindingId = NatFindingId | FlowFindingId

/** Who a flow is between: endpoints, `''` where nobody saw them. */
export interface Parties {
  protocol: number
  client: string
  /** What the client asked for, where that was translated. */
  service: string
  /** What it came to. */
  backend: string
}

const NOBODY: Parties = { protocol: 0, client: '', service: '', backend: '' }

/** A finding, and who its flows are between: plain data, which another thread may have come to. */
export interface Found {
  finding: Finding
  parties: Parties[]
  /** Whether the packets leave it open: without what was given of the host nothing is told. */
  isOpen: boolean
}

/** Says more of a finding than the packets do; null: it is not to be told. */
export type Informant = (finding: Finding, flows: readonly Parties[]) => Finding | null

/** What a detector says of one try of a flow at one point. */
export interface Case<Id extends string = FindingId> {
  id: Id
  confidence: Confidence
  /** Why it is as sure as that. */
  reason: string
  /** The client's endpoint, which stays the same whatever is translated. */
  client: string
  /** The flow as it was meant, and what became of it. */
  flow: string
  parties?: Parties
  point: number
  /** What happened, in order. */
  steps: FindingStep[]
  /** How many tries this is; 1 unless told. */
  tries?: number
  /** The packets leave it open: to be told only where what was given of the host decides. */
  isOpen?: boolean
  /** More of a try that was told of before. */
  isSequel?: boolean
}

interface FlowCase {
  flow: string
  parties: Parties
  /** Tries by point: copies of a packet at several points are one try. */
  tries: Map<number, number>
  confidence: Confidence
  frames: FrameReference[]
}

interface Group<Id> {
  id: Id
  confidence: Confidence
  reason: string
  flows: Map<string, FlowCase>
  /** Flows beyond MOST_FLOWS: a hash of each one's client, with the point that shows it; and the tries of all of them. */
  further: Map<number, number>
  furtherTries: number
  points: Set<number>
  /** Of the flow named first. */
  steps: FindingStep[]
}

export class Cases<Id extends string = FindingId> {
  private readonly catalogue: Record<Id, CatalogueEntry>
  private readonly groups = new Map<Id, Group<Id>>()
  /** What the packets leave open, by the same ids. */
  private readonly open = new Map<Id, Group<Id>>()

  constructor(catalogue: Record<Id, CatalogueEntry>) {
    this.catalogue = catalogue
  }

  add(found: Case<Id>): void {
    const group = this.groupOf(found)
    group.points.add(pointOfSide(found.point))
    if (rank(found.confidence) > rank(group.confidence)) {
      group.confidence = found.confidence
      group.reason = found.reason
    }
    let flow = group.flows.get(found.client)
    if (flow === undefined) {
      if (group.flows.size === MOST_FLOWS) {
        countFurther(group, found)
        return
      }
      flow = {
        flow: found.flow,
        parties: found.parties ?? NOBODY,
        tries: new Map(),
        confidence: found.confidence,
        frames: [],
      }
      group.flows.set(found.client, flow)
    }
    // the point that shows most of the translation names the flow best
    if (found.flow.length > flow.flow.length) flow.flow = found.flow
    if (flow.parties.service === '') flow.parties = found.parties ?? NOBODY
    const tries = Math.max((flow.tries.get(found.point) ?? 0) + (found.isSequel ? 0 : (found.tries ?? 1)), 1)
    flow.tries.set(found.point, tries)
    if (tries * found.steps.length <= FRAMES_OF_FLOW) addFrames(flow.frames, found.steps)
    if (group.flows.keys().next().value === found.client) addSteps(group.steps, found.steps)
  }

  has(id: Id, client: string): boolean {
    return this.groups.get(id)?.flows.has(client) ?? false
  }

  /** The clients of all cases. */
  get clients(): string[] {
    return [...new Set([...this.groups.values()].flatMap(group => [...group.flows.keys()]))]
  }

  hasAny(id: Id): boolean {
    return this.groups.has(id)
  }

  conclude(nameOf: (point: number) => string): Found[] {
    const open = [...this.open.values()].filter(({ id }) => !this.groups.has(id))
    return [...this.groups.values(), ...open].map(group => ({
      finding: findingOf(group, this.catalogue[group.id], nameOf),
      parties: [...group.flows.values()].map(flow => flow.parties),
      isOpen: open.includes(group),
    }))
  }

  private groupOf({ id, confidence, reason, isOpen = false }: Case<Id>): Group<Id> {
    const groups = isOpen ? this.open : this.groups
    let group = groups.get(id)
    if (group === undefined) {
      group = {
        id,
        confidence,
        reason,
        flows: new Map(),
        further: new Map(),
        furtherTries: 0,
        points: new Set(),
        steps: [],
      }
      groups.set(id, group)
    }
    return group
  }
}

/** A flow that is not named is counted once, its tries at the first point that shows it. */
function countFurther(group: Group<string>, { client, point, isSequel, tries }: Case<string>): void {
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

function rank(confidence: Confidence): number {
  return CONFIDENCES.indexOf(confidence)
}

function findingOf(
  group: Group<string>,
  { severity, title, cause, fix }: CatalogueEntry,
  nameOf: (point: number) => string,
): Finding {
  const flows = [...group.flows.values()]
  const count = flows.length + group.further.size
  const occurrences =
    group.furtherTries + flows.reduce((sum, flow) => sum + Math.max(...flow.tries.values()), 0)
  const frames: FrameReference[] = []
  for (const flow of flows) {
    if (frames.length + flow.frames.length <= MOST_FRAMES) frames.push(...flow.frames)
  }
  const isIpv6 = flows.every(({ flow }) => IPV6_FLOW.test(flow))
  const often = occurrences > count ? `, ${occurrences} times` : ''
  return {
    id: group.id,
    severity,
    confidence: group.confidence,
    title: `${title} (${counted(count, 'flow')}${often})`,
    flows: flows.map(flow => flow.flow),
    flowCount: count,
    frames: sortFrames(frames),
    steps: sortSteps(group.steps),
    points: [...group.points].sort((a, b) => a - b).map(nameOf),
    occurrences,
    reason: group.reason,
    cause: isIpv6 ? ofIpv6(cause) : cause,
    fix: isIpv6 ? ofIpv6(fix) : fix,
  }
}

const IPV6_FLOW = /^\w+ \[/

/** Names IPv6's command and switch, where a text names IPv4's. */
function ofIpv6(text: string): string {
  return text.replaceAll(/\biptables(?= -|=0)/g, 'ip6tables')
}

function addFrames(frames: FrameReference[], steps: readonly FindingStep[]): void {
  for (const step of steps) {
    for (const frame of step.frames) if (!includes(frames, frame)) frames.push(frame)
  }
}

function addSteps(known: FindingStep[], steps: readonly FindingStep[]): void {
  for (const step of steps) {
    const same = known.find(other => other.what === step.what)
    if (same === undefined) known.push({ what: step.what, frames: [...step.frames] })
    else if (same.frames.length < STEP_FRAMES) addFrames(same.frames, [step])
  }
}

function includes(frames: readonly FrameReference[], { capture, frame }: FrameReference): boolean {
  return frames.some(other => other.capture === capture && other.frame === frame)
}

/** In the order of their first frames; those of different captures stay as they were found. */
function sortSteps(steps: FindingStep[]): FindingStep[] {
  const sorted = steps.map(step => ({ what: step.what, frames: sortFrames(step.frames) }))
  const isOneCapture = sorted.every(step => step.frames.every(f => f.capture === sorted[0].frames[0].capture))
  return isOneCapture ? sorted.sort((a, b) => a.frames[0].frame - b.frames[0].frame) : sorted
}

function sortFrames(frames: FrameReference[]): FrameReference[] {
  return frames.sort((a, b) => a.capture - b.capture || a.frame - b.frame)
}
