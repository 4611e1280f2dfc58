// Several engines side by side, fed with the same packets: what each makes of the flows that the first one knows.
import {
  IPS_DST_NAT,
  IPS_SRC_NAT,
  STATE_INVALID,
  STATE_RELATED,
  STATE_UNTRACKED,
} from '../conntrack/status.ts'
import { CAUSE_OPEN, type Flow, flowOf } from './flow.ts'
import type { Scenario } from './scenario.ts'

/** Flows named of those that a scenario loses. */
const NAMED = 3

/** What flows lose in a scenario and keep in the first one. */
export interface Loss {
  /** Flows that lost their entry before they were over: their next packet made another one, or was INVALID. */
  cut: number
  /** Flows with NAT that were not tracked: their packets leave untranslated. */
  untranslated: number
  /** ICMP errors RELATED to a flow that was not tracked. */
  unrelated: number
  /** The first of the flows; `idle` is the pause in nanoseconds that was too long for its entry, 0 if that was not it. */
  examples: { flow: Flow; idle: number }[]
}

/** The scenarios of one replay. The first is the yardstick of the others: no timeout of its is taken to be wrong. */
export class WhatIf {
  readonly scenarios: readonly Scenario[]
  readonly losses: Loss[]
  /** Bits of the scenarios that have lost an entry of the first one's: a flow is counted once. */
  private marks = new Int32Array(0)
  private readonly words: number

  constructor(scenarios: readonly Scenario[]) {
    this.scenarios = scenarios
    this.words = Math.ceil(scenarios.length / 32)
    this.losses = scenarios.map(() => ({ cut: 0, untranslated: 0, unrelated: 0, examples: [] }))
  }

  /** To be called when all engines have tracked a packet. */
  compare(): void {
    const { scenarios } = this
    const first = scenarios[0]
    const { ct, state } = first.engine
    const isKnown = ct >= 0 && !first.fresh
    if (first.fresh) this.unmark(ct)
    first.fresh = false
    for (let i = 1; i < scenarios.length; i++) {
      const scenario = scenarios[i]
      const { engine } = scenario
      if (isKnown && (scenario.fresh || engine.state === STATE_INVALID)) this.cut(i, ct)
      else if (engine.state === STATE_UNTRACKED && state !== STATE_UNTRACKED) this.spared(i, ct, state)
      scenario.fresh = false
    }
  }

  private cut(index: number, ct: number): void {
    if (this.isMarked(index, ct)) return
    this.losses[index].cut++
    const { engine } = this.scenarios[0]
    // the pause is that of the packet counted last: was it this one?
    const counted = engine.table.last(ct) === engine.context.time
    this.name(index, ct, counted ? engine.context.idle : 0)
  }

  private spared(index: number, ct: number, state: number): void {
    const loss = this.losses[index]
    if (state === STATE_RELATED) loss.unrelated++
    if (ct < 0 || (this.scenarios[0].engine.status & (IPS_SRC_NAT | IPS_DST_NAT)) === 0) return
    if (this.isMarked(index, ct)) return
    loss.untranslated++
    this.name(index, ct, 0)
  }

  private name(index: number, ct: number, idle: number): void {
    const { examples } = this.losses[index]
    const { table, context } = this.scenarios[0].engine
    if (examples.length < NAMED) examples.push({ flow: flowOf(table, ct, CAUSE_OPEN, context.time), idle })
  }

  /** Whether it has been counted before; from now on it has. */
  private isMarked(index: number, ct: number): boolean {
    const at = ct * this.words + (index >> 5)
    const bit = 1 << (index & 31)
    if (at >= this.marks.length) {
      const marks = new Int32Array(Math.max((ct + 1) * this.words, this.marks.length * 2))
      marks.set(this.marks)
      this.marks = marks
    }
    const before = this.marks[at]
    this.marks[at] = before | bit
    return (before & bit) !== 0
  }

  private unmark(ct: number): void {
    const at = ct * this.words
    if (ct < 0 || at >= this.marks.length) return
    for (let word = 0; word < this.words; word++) this.marks[at + word] = 0
  }
}
