// Sysctls that may cure a finding, tried beforehand: its connections alone are replayed with each, beside what they met.

import type { Engine } from '../conntrack/engine.ts'
import type { Observer } from '../conntrack/events.ts'
import { KnownEngine } from '../conntrack/known-engine.ts'
import type { KnownTable } from '../conntrack/known-entry.ts'
import type { Translation } from '../conntrack/nat.ts'
import { type Settings, SYSCTLS, type SysctlName } from '../conntrack/settings.ts'
import { STATE_DROPPED, STATE_INVALID } from '../conntrack/status.ts'
import { IPPROTO_TCP, TCP_ACK, TCP_RST, TCP_SYN } from '../net/numbers.ts'
import type { Packet } from '../packet/packet.ts'
import { Refusals } from '../sizing/refusals/refusals.ts'
import { engineFor } from '../sizing/scenarios/sparing-engine.ts'
import { Connections, destinationKey, sourceKey, type Trials } from './evidence/connections.ts'
import type { Facts, FindingId } from './facts/facts.ts'
import { type Change, cures, type SysctlTrial } from './facts/sysctl-trial.ts'

/** Answers to stray packets that are waited for. */
const MOST_STRAYS = 256

/** Findings that rest on a verdict on segments of open connections. */
const BY_VERDICT: readonly FindingId[] = [
  'invalid-leak',
  'invalid-leak-private-source',
  'invalid-reset',
  'idle-timeout-inbound',
  'idle-timeout-untranslated-reply',
  'idle-timeout-remapped',
]

/** What lets more segments pass for valid. */
const LENIENT: readonly [name: SysctlName, value: number][] = [
  ['nf_conntrack_tcp_be_liberal', 1],
  ['nf_conntrack_tcp_loose', 1],
  ['nf_conntrack_tcp_ignore_invalid_rst', 1],
  ['nf_conntrack_checksum', 0],
]

/** Timeouts that may have ended an entry in a pause, those that go together in one; the fewest first. */
const TIMEOUTS: readonly (readonly SysctlName[])[] = [
  ['nf_conntrack_tcp_timeout_established'],
  ['nf_conntrack_tcp_timeout_unacknowledged'],
  ['nf_conntrack_tcp_timeout_close_wait'],
  ['nf_conntrack_tcp_timeout_fin_wait'],
  ['nf_conntrack_tcp_timeout_last_ack'],
  ['nf_conntrack_tcp_timeout_established', 'nf_conntrack_tcp_timeout_unacknowledged'],
  ['nf_conntrack_tcp_timeout_close_wait', 'nf_conntrack_tcp_timeout_last_ack'],
]

const DATAGRAM_TIMEOUTS: typeof TIMEOUTS = [
  ['nf_conntrack_udp_timeout_stream'],
  ['nf_conntrack_udp_timeout'],
  ['nf_conntrack_udp_timeout', 'nf_conntrack_udp_timeout_stream'],
]

/** Lengths that people set timeouts to, in seconds. */
const LENGTHS = [60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400, 432_000]

type SysctlSet = SysctlTrial['set']

/** The trials of one finding. */
class Trial {
  readonly facts: Facts
  readonly sets: readonly SysctlSet[]
  private readonly base: Candidate
  private readonly candidates: readonly Candidate[]
  /** Null: all packets are of it. */
  private readonly connections: Connections | null

  constructor(facts: Facts, sets: readonly SysctlSet[], settings: Settings, known: KnownTable | null) {
    this.facts = facts
    this.sets = sets
    const isOfTable = facts.id === 'conntrack-table-full'
    this.connections = isOfTable ? null : new Connections(facts.flows)
    this.base = new Candidate(settings, known, isOfTable)
    this.candidates = sets.map(set => new Candidate({ ...settings, ...set }, known, isOfTable))
  }

  /** Whether a packet may be of one of the connections. */
  mayHave(packet: Packet): boolean {
    return this.connections === null || this.connections.mayHave(packet)
  }

  private has(packet: Packet, translation: Translation | null): boolean {
    return this.connections === null || this.connections.has(packet, translation)
  }

  track(packet: Packet, translation: Translation | null): void {
    if (!this.has(packet, translation)) return
    const isOfServer = packet.protocol !== IPPROTO_TCP && this.connections?.isOfServer(packet) === true
    const isStray = this.base.track(packet, translation, false, isOfServer)
    for (const candidate of this.candidates) candidate.track(packet, translation, isStray, isOfServer)
  }

  learn(packet: Packet, translation: Translation): void {
    if (!this.has(packet, translation)) return
    for (const { engine } of [this.base, ...this.candidates]) engine.learn(packet, translation)
  }

  results(): SysctlTrial[] {
    const { base } = this
    return this.candidates.map((candidate, i) => {
      const change = (count: (of: Candidate) => number): Change => ({
        before: count(base),
        after: count(candidate),
      })
      return {
        set: this.sets[i] ?? {},
        invalid: change(of => of.invalid),
        unknown: change(of => of.unknown),
        resets: change(of => of.resets),
        refused: change(of => of.refused),
      }
    })
  }
}

/** One engine with its counts. */
class Candidate implements Observer {
  readonly engine: Engine
  invalid = 0
  unknown = 0
  resets = 0
  private isFresh = false
  private readonly refusals: Refusals | null
  /** Packets that found no entry, or were INVALID: what their RSTs would be like. */
  private readonly strays = new Set<string>()
  /** … and those that did so with the sysctls as they are, and do not here: their RSTs would not have been sent. */
  private readonly healed = new Set<string>()

  constructor(settings: Settings, known: KnownTable | null, isEnforced: boolean) {
    this.refusals = isEnforced ? new Refusals(settings) : null
    this.engine = engineFor(settings, this, this.refusals, null, known !== null)
    if (known !== null && this.engine instanceof KnownEngine) this.engine.load(known.entries)
  }

  get refused(): number {
    return this.refusals?.packets ?? 0
  }

  /**
   * @param wasStray whether it is a stray one with the sysctls as they are
   * @param isOfServer whether it is a datagram of a server, which begins no flow
   * @returns whether it is one here
   */
  track(packet: Packet, translation: Translation | null, wasStray: boolean, isOfServer: boolean): boolean {
    const isReset = packet.protocol === IPPROTO_TCP && (packet.tcpFlags & (TCP_RST | TCP_ACK)) === TCP_RST
    if (isReset) {
      const answer = answerKey(packet)
      if (this.healed.has(answer)) return false
      if (this.strays.has(answer)) this.resets++
    }
    this.isFresh = false
    // where the entry lives on, its translation does: what was seen was that of another one
    const isAnew = wasStray || this.healed.size > 0
    const state = this.engine.track(packet, isAnew ? null : translation)
    if (state === STATE_DROPPED) return false
    const isInvalid = state === STATE_INVALID
    const isInside = packet.protocol === IPPROTO_TCP && (packet.tcpFlags & TCP_SYN) === 0
    const isUnknown = this.isFresh && (isInside || isOfServer)
    if (isInvalid) this.invalid++
    if (isUnknown) this.unknown++
    const isStray = isInvalid || isUnknown
    if ((isStray || wasStray) && !isReset && packet.protocol === IPPROTO_TCP) {
      const set = isStray ? this.strays : this.healed
      if (set.size < MOST_STRAYS) set.add(expectedKey(packet))
    }
    return isStray
  }

  created(): void {
    this.isFresh = true
  }

  updated(): void {}
  reclassified(): void {}
  expired(): void {}
  destroyed(): void {}
}

/** All findings of one analysis that a sysctl may cure; an engine of a replay. */
export class SysctlTrials implements Trials {
  private readonly trials: readonly Trial[]

  /** @param known the table when the capture began, or null */
  constructor(all: readonly Facts[], settings: Settings, known: KnownTable | null) {
    this.trials = all.flatMap(facts => {
      const sets = setsFor(facts, settings)
      return sets.length === 0 ? [] : [new Trial(facts, sets, settings, known)]
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

  /**
   * Trials of which the sysctls as they are show the fault: others prove nothing. Where one sysctl cures, none is told
   * that sets another one, too.
   */
  of(facts: Facts): SysctlTrial[] {
    const trial = this.trials.find(one => one.facts === facts)
    const results = trial?.results() ?? []
    const shown = results.filter(showsFault)
    const alone = shown.filter(result => cures(result) && Object.keys(result.set).length === 1)
    const isSpare = ({ set }: SysctlTrial): boolean =>
      alone.some(one => Object.keys(set).length > 1 && Object.keys(one.set).every(name => name in set))
    return shown.filter(result => !isSpare(result))
  }
}

/** A packet that makes an entry of its own shows that an entry was gone, and nothing of what is INVALID. */
function showsFault({ set, invalid, unknown, refused }: SysctlTrial): boolean {
  const isTimeout = Object.keys(set).some(name => SYSCTLS[name as SysctlName].effect === 'timeout')
  return invalid.before + refused.before + (isTimeout ? unknown.before : 0) > 0
}

function setsFor({ id, severity, values, reasons, flows }: Facts, settings: Settings): SysctlSet[] {
  if (severity === 'info') return []
  if (id === 'conntrack-table-full') {
    const { by, advised, buckets } = values
    if (by !== 'refusal' || typeof advised !== 'number') return []
    return [
      {
        nf_conntrack_max: advised,
        ...(typeof buckets === 'number' ? { nf_conntrack_buckets: buckets } : {}),
      },
    ]
  }
  if (!BY_VERDICT.includes(id)) return []
  const isTcp = flows[0]?.protocol === IPPROTO_TCP
  const lenient = !isTcp
    ? []
    : LENIENT.filter(([name, value]) => settings[name] !== value).map(([name, value]) => ({
        [name]: value,
      }))
  const pause = reasons[0]?.values.pause
  if (typeof pause !== 'number') return lenient
  // a pause that was seen is no longest one
  const length = LENGTHS.find(seconds => seconds >= (2 * pause) / 1000)
  if (length === undefined) return lenient
  const longer = (isTcp ? TIMEOUTS : DATAGRAM_TIMEOUTS).filter(names =>
    names.every(name => settings[name] * 1000 <= pause),
  )
  return [...longer.map(names => Object.fromEntries(names.map(name => [name, length]))), ...lenient]
}

/** A RST without a socket has the number that the segment acknowledged, and comes from where that went. */
function expectedKey(packet: Packet): string {
  return `${packet.acknowledgment} ${destinationKey(packet)}`
}

function answerKey(packet: Packet): string {
  return `${packet.sequence} ${sourceKey(packet)}`
}
