// Several engines side by side, fed with the same packets: what each makes of the flows that the first one knows.
import type { Engine } from '../../conntrack/engine.ts'
import { EntryMarks } from '../../conntrack/entry-marks.ts'
import type { Translation } from '../../conntrack/nat.ts'
import type { Seen } from '../../conntrack/passage.ts'
import {
  DIRECTION_ORIGINAL,
  IPS_DST_NAT,
  IPS_EXPECTED,
  IPS_SRC_NAT,
  STATE_INVALID,
  STATE_RELATED,
  STATE_UNTRACKED,
} from '../../conntrack/status.ts'
import { keepsPorts } from '../../conntrack/tuple.ts'
import type { Packet } from '../../packet/packet.ts'
import { CAUSE_OPEN, type Flow, flowOf } from '../flow.ts'

import { PacketBatch } from './packet-batch.ts'
import type { RulesAround, Scenario } from './scenario.ts'

/** An engine that may ask who saw a packet, as that of rules does. */
type SeeingEngine = Pick<Engine, 'lookAhead'> & {
  track(packet: Packet, translation: Translation | null, seen: Seen | null): unknown
}

/** Kinds of refused flows that are told apart. */
const MOST_REFUSALS = 256

/** Flows named of those that a scenario loses. */
const NAMED = 3

/** Flows that one rule would refuse, as packets of one kind: a protocol, the port that was asked, a direction. */
export interface Refusal {
  /** The rule or policy by its number in the scenario's rules, -1 for one of several. */
  decided: number
  protocol: number
  isIpv6: boolean
  isAnswer: boolean
  /** -1 where the protocol has none. */
  port: number
  flows: number
}

/** What flows lose in a scenario and keep in the first one. */
export interface Loss {
  /** Flows that lost their entry before they were over: their next packet made another one, or was INVALID. */
  cut: number
  /** Flows with NAT that were not tracked: their packets leave untranslated. */
  untranslated: number
  /** ICMP errors RELATED to a flow that was not tracked. */
  unrelated: number
  /** Flows that rules would refuse, and by what. */
  refused: number
  refusals: Refusal[]
  /** The first of the flows; `idle` is the pause in nanoseconds that was too long for its entry, 0 if that was not it. */
  examples: { flow: Flow; idle: number }[]
}

/**
 * Stands in for the engines of all scenarios. The first is the yardstick of the others: its timeouts are taken to be
 * right. Packets are gathered and given to one engine after the other: eight tables of 400,000 entries took half the
 * time so, because an engine's cache misses for a batch are all under way at once, and its code stays where it is.
 */
export class WhatIf {
  readonly scenarios: readonly Scenario[]
  readonly losses: Loss[]
  private readonly batch = new PacketBatch()
  /** A batch of one, for a packet that cannot be kept. */
  private readonly single: (Packet | null)[] = [null]
  private readonly singleTranslation: (Translation | null)[] = [null]
  private readonly marks: EntryMarks
  /** Whether packets can be gathered at all: checksums are summed over bytes that are not kept, rules ask who saw them. */
  private readonly gathers: boolean
  /** What the first engine made of the packets of a batch. */
  private readonly cts: Int32Array
  private readonly states: Uint8Array
  private readonly statuses: Int32Array
  private readonly fresh: Uint8Array
  private readonly idles: Float64Array

  constructor(scenarios: readonly Scenario[]) {
    this.scenarios = scenarios
    this.marks = new EntryMarks(scenarios.length)
    this.losses = scenarios.map(() => ({
      cut: 0,
      untranslated: 0,
      unrelated: 0,
      refused: 0,
      refusals: [],
      examples: [],
    }))
    this.gathers = scenarios.every(
      ({ spec, rules }) =>
        spec.settings.nf_conntrack_checksum === 0 && spec.notrack === null && rules === null,
    )
    const size = this.batch.packets.length
    this.cts = new Int32Array(size)
    this.states = new Uint8Array(size)
    this.statuses = new Int32Array(size)
    this.fresh = new Uint8Array(size)
    this.idles = new Float64Array(size)
  }

  /** Each scenario with what flows lost in it. */
  get outcomes(): { scenario: Scenario; loss: Loss }[] {
    return this.scenarios.map((scenario, i) => ({ scenario, loss: this.losses[i] }))
  }

  /** The packets are gathered here once more, and looked ahead for then. */
  lookAhead(): void {}

  track(packet: Packet, translation: Translation | null = null, seen: Seen | null = null): void {
    const { batch } = this
    if (this.gathers && batch.add(packet, translation)) {
      if (batch.isFull) this.flush()
      return
    }
    this.flush()
    this.single[0] = packet
    this.singleTranslation[0] = translation
    this.run(this.single as Packet[], this.singleTranslation, 1, seen)
  }

  /** Takes in how a packet that was tracked earlier turned out to be translated. */
  learn(packet: Packet, translation: Translation): void {
    this.flush()
    for (const { engine } of this.scenarios) engine.learn(packet, translation)
  }

  /** The capture is over. */
  finish(time: number): void {
    this.flush()
    for (const scenario of this.scenarios) scenario.finish(time)
  }

  private flush(): void {
    const { batch } = this
    if (batch.size === 0) return
    this.run(batch.packets, batch.translations, batch.size)
    batch.size = 0
  }

  private run(
    packets: readonly Packet[],
    translations: readonly (Translation | null)[],
    size: number,
    seen: Seen | null = null,
  ): void {
    for (let i = 0; i < this.scenarios.length; i++) {
      const scenario = this.scenarios[i]
      const engine: SeeingEngine = scenario.engine
      engine.lookAhead(packets, size)
      for (let j = 0; j < size; j++) {
        engine.track(packets[j], translations[j], seen)
        if (i === 0) this.note(scenario, j)
        else this.compare(i, j)
        scenario.fresh = false
      }
    }
  }

  private note({ engine, fresh }: Scenario, j: number): void {
    const { ct } = engine
    this.cts[j] = ct
    this.states[j] = engine.state
    this.statuses[j] = engine.status
    this.fresh[j] = fresh ? 1 : 0
    // the pause is that of the packet counted last: was it this one?
    this.idles[j] = ct >= 0 && engine.table.last(ct) === engine.context.time ? engine.context.idle : 0
  }

  /** Holds what scenario `i` made of packet `j` against what the first one made of it. */
  private compare(i: number, j: number): void {
    const scenario = this.scenarios[i]
    const { state } = scenario.engine
    const ct = this.cts[j]
    if (this.fresh[j] !== 0) this.marks.clear(ct, i)
    if (ct >= 0 && scenario.rules?.isRefused === true) this.refuse(i, ct, scenario.rules)
    else if (this.fresh[j] === 0 && ct >= 0 && (scenario.fresh || state === STATE_INVALID)) this.cut(i, j)
    if (state === STATE_UNTRACKED && this.states[j] !== STATE_UNTRACKED) this.spared(i, j)
  }

  /** A packet that gets through in the first scenario, of which alone each is looked at by itself. */
  private refuse(i: number, ct: number, { decided }: RulesAround): void {
    const [{ engine, rules }] = this.scenarios
    if (rules?.isPassed !== true || !this.marks.set(ct, i)) return
    const loss = this.losses[i]
    loss.refused++
    const { table, direction } = engine
    const protocol = table.protocol(ct)
    const ports = table.ports(ct * 2)
    const port = keepsPorts(protocol, ports) ? ports & 0xffff : -1
    const isAnswer = direction !== DIRECTION_ORIGINAL
    const isIpv6 = table.isIpv6(ct)
    const known = loss.refusals.find(
      each =>
        each.decided === decided &&
        each.protocol === protocol &&
        each.port === port &&
        each.isAnswer === isAnswer &&
        each.isIpv6 === isIpv6,
    )
    if (known !== undefined) known.flows++
    else if (loss.refusals.length < MOST_REFUSALS) {
      loss.refusals.push({ decided, protocol, isIpv6, isAnswer, port, flows: 1 })
    }
  }

  private cut(i: number, j: number): void {
    if (!this.marks.set(this.cts[j], i)) return
    this.losses[i].cut++
    this.name(i, this.cts[j], this.idles[j])
  }

  private spared(i: number, j: number): void {
    const isExpected = (this.statuses[j] & IPS_EXPECTED) !== 0
    if (this.states[j] === STATE_RELATED && !isExpected) this.losses[i].unrelated++
    if (this.cts[j] < 0 || (this.statuses[j] & (IPS_SRC_NAT | IPS_DST_NAT)) === 0) return
    if (!this.marks.set(this.cts[j], i)) return
    this.losses[i].untranslated++
    this.name(i, this.cts[j], 0)
  }

  private name(i: number, ct: number, idle: number): void {
    const { examples } = this.losses[i]
    const { table, context } = this.scenarios[0].engine
    if (examples.length < NAMED) examples.push({ flow: flowOf(table, ct, CAUSE_OPEN, context.time), idle })
  }
}
