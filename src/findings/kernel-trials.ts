// What other kernels make of the connections of findings that met what kernels differ on, by a replay of these alone.

import type { Engine } from '../conntrack/engine.ts'
import type { Observer } from '../conntrack/events.ts'
import { type Kernel, kernelOf, RELEASES, withHz } from '../conntrack/kernel.ts'
import { KnownEngine } from '../conntrack/known-engine.ts'
import type { KnownTable } from '../conntrack/known-entry.ts'
import type { Translation } from '../conntrack/nat.ts'
import type { Settings } from '../conntrack/settings.ts'
import { STATE_INVALID } from '../conntrack/status.ts'
import type { Packet } from '../packet/packet.ts'
import { engineFor } from '../sizing/scenarios/sparing-engine.ts'
import { Connections, type Trials } from './evidence/connections.ts'
import type { KernelDifferences } from './evidence/kernel-differences.ts'
import type { Facts, FrameReference } from './facts/facts.ts'
import type { KernelTrial } from './facts/kernel-trial.ts'

/** Frames of each kind that are named. */
const NAMED_FRAMES = 5

const NOBODY: Observer = {
  created: () => {},
  updated: () => {},
  reclassified: () => {},
  expired: () => {},
  destroyed: () => {},
}

/** Frames of packets, the first few, and how many they are. */
class Frames {
  count = 0
  readonly frames: FrameReference[] = []

  add({ capture, frame }: Packet): void {
    this.count++
    if (this.frames.length < NAMED_FRAMES) this.frames.push({ capture, frame })
  }
}

/** One release beside the one that is replayed. */
class Candidate {
  readonly release: string
  readonly engine: Engine
  readonly refused = new Frames()
  readonly passed = new Frames()

  constructor(kernel: Kernel, settings: Settings, known: KnownTable | null) {
    this.release = kernel.release
    this.engine = engineOf({ ...settings, kernel }, known)
  }

  /** Whether it judges as another release does. */
  agreesWith({ refused, passed }: Candidate): boolean {
    return sameFrames(this.refused, refused) && sameFrames(this.passed, passed)
  }
}

/** The trials of one finding. */
class Trial {
  readonly facts: Facts
  private readonly connections: Connections
  private readonly base: Engine
  private readonly candidates: readonly Candidate[]

  constructor(facts: Facts, kernels: readonly Kernel[], settings: Settings, known: KnownTable | null) {
    this.facts = facts
    this.connections = new Connections(facts.flows)
    this.base = engineOf(settings, known)
    this.candidates = kernels.map(kernel => new Candidate(kernel, settings, known))
  }

  mayHave(packet: Packet): boolean {
    return this.connections.mayHave(packet)
  }

  track(packet: Packet, translation: Translation | null): void {
    if (!this.connections.has(packet, translation)) return
    const isInvalid = this.base.track(packet, translation) === STATE_INVALID
    for (const { engine, refused, passed } of this.candidates) {
      const isOther = engine.track(packet, translation) === STATE_INVALID
      if (isOther && !isInvalid) refused.add(packet)
      if (isInvalid && !isOther) passed.add(packet)
    }
  }

  learn(packet: Packet, translation: Translation): void {
    if (!this.connections.has(packet, translation)) return
    this.base.learn(packet, translation)
    for (const { engine } of this.candidates) engine.learn(packet, translation)
  }

  /** What differs, neighbours that judge alike together. */
  results(): KernelTrial[] {
    const groups: Candidate[][] = []
    for (const candidate of this.candidates) {
      const last = groups.at(-1)
      if (last?.[0]?.agreesWith(candidate) === true && areNeighbours(last.at(-1)?.release, candidate.release))
        last.push(candidate)
      else groups.push([candidate])
    }
    return groups.flatMap(group => {
      const [first] = group
      if (first === undefined || first.refused.count + first.passed.count === 0) return []
      const { refused, passed } = first
      return [{ releases: group.map(({ release }) => release), refused, passed }]
    })
  }
}

/** All findings of one analysis that met what kernels differ on; engines of a replay. */
export class KernelTrials implements Trials {
  private readonly trials: readonly Trial[]

  /** @param known the table when the capture began, or null */
  constructor(
    all: readonly Facts[],
    differences: KernelDifferences,
    settings: Settings,
    known: KnownTable | null,
  ) {
    this.trials = all.flatMap(facts => {
      const traits = differences.of(facts).map(({ trait }) => trait)
      const { kernel } = settings
      const kernels = RELEASES.flatMap(release => {
        const other = kernelOf(release, 'default')
        const isOther = other !== null && traits.some(trait => other.traits[trait] !== kernel.traits[trait])
        return isOther ? [withHz(other, kernel.hz)] : []
      })
      return kernels.length === 0 ? [] : [new Trial(facts, kernels, settings, known)]
    })
  }

  get isEmpty(): boolean {
    return this.trials.length === 0
  }

  mayHave(packet: Packet): boolean {
    return this.trials.some(trial => trial.mayHave(packet))
  }

  lookAhead(): void {}

  track(packet: Packet, translation: Translation | null = null): void {
    for (const trial of this.trials) if (trial.mayHave(packet)) trial.track(packet, translation)
  }

  learn(packet: Packet, translation: Translation): void {
    for (const trial of this.trials) if (trial.mayHave(packet)) trial.learn(packet, translation)
  }

  /** What the other kernels judge otherwise of a finding's connections; nothing where they agree, or met nothing of it. */
  of(facts: Facts): KernelTrial[] {
    return this.trials.find(one => one.facts === facts)?.results() ?? []
  }
}

function engineOf(settings: Settings, known: KnownTable | null): Engine {
  const engine = engineFor(settings, NOBODY, null, null, known !== null)
  if (known !== null && engine instanceof KnownEngine) engine.load(known.entries)
  return engine
}

function areNeighbours(older: string | undefined, newer: string): boolean {
  return older !== undefined && RELEASES.indexOf(newer) === RELEASES.indexOf(older) + 1
}

function sameFrames(a: Frames, b: Frames): boolean {
  return (
    a.count === b.count &&
    a.frames.every(
      ({ capture, frame }, i) => capture === b.frames[i]?.capture && frame === b.frames[i]?.frame,
    )
  )
}
