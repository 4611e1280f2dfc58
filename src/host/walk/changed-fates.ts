// Two rulesets run over the same packets: which of them meet another fate, by the fates, the rules that decide, and flow.

import { EntryMarks } from '../../conntrack/entry-marks.ts'
import type { Packet } from '../../packet/packet.ts'
import { GroupedPackets } from './grouped-packets.ts'
import { FATES, type Fate } from './packet-end.ts'
import type { ReplayedRules } from './replayed-rules.ts'
import type { RuleNumbers } from './rule-numbers.ts'

/** A fate and the rule or policy that decided, by its number; -1 for none. */
export interface Decision {
  fate: Fate
  decided: number
}

export class ChangedFates {
  readonly groups = new GroupedPackets()
  /** Of each group, connections whose first packet with another fate is in it. */
  readonly connections: number[] = []
  /** Connections that lose packets which got through, and those that come about instead of being refused. */
  broken = 0
  opened = 0
  /** What each `decided` of a group stands for. */
  readonly pairs: { before: Decision; after: Decision }[] = []
  /** Packets that meet another fate, and those of which one ruleset or the other leaves it open. */
  changed = 0
  untold = 0
  private readonly pairNumbers = new Map<number, number>()
  private readonly marks = new EntryMarks(1)
  private readonly before: ReplayedRules
  private readonly after: ReplayedRules

  constructor(before: ReplayedRules, after: ReplayedRules) {
    this.before = before
    this.after = after
  }

  /** What the numbers of decisions are of. */
  get numbers(): { before: RuleNumbers; after: RuleNumbers } {
    return { before: this.before.numbers, after: this.after.numbers }
  }

  /** Takes a packet that both have decided. */
  add(packet: Packet): void {
    const { before, after } = this
    if (before.isFirst) this.marks.clear(before.ct, 0)
    // rules that the traffic contradicts say nothing of other ones, which have most of them, too
    if (before.fate === 'unknown' || after.fate === 'unknown' || before.isContradicted) {
      this.untold++
      return
    }
    if (before.fate === after.fate) return
    this.changed++
    const group = this.groups.add(packet, this.pairOf(), before.stateNumber, before.isAnswering)
    const isBroken = before.isPassed && after.isRefused && before.ct >= 0 && this.marks.set(before.ct, 0)
    const isOpened = before.isRefused && after.isPassed && after.isFirst
    if (isBroken) this.broken++
    if (isOpened) this.opened++
    if (group >= 0 && (isBroken || isOpened)) this.connections[group] = (this.connections[group] ?? 0) + 1
  }

  private pairOf(): number {
    const { before, after, pairNumbers: numbers } = this
    const fates = FATES.indexOf(before.fate) * FATES.length + FATES.indexOf(after.fate)
    const key =
      (fates * (before.numbers.all.length + 1) + before.decided + 1) * (after.numbers.all.length + 1) +
      after.decided +
      1
    let number = numbers.get(key)
    if (number === undefined) {
      number = this.pairs.length
      numbers.set(key, number)
      this.pairs.push({
        before: { fate: before.fate, decided: before.decided },
        after: { fate: after.fate, decided: after.decided },
      })
    }
    return number
  }
}
