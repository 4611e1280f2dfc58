// Two rulesets run over the same packets: which of them meet another fate, by the fates, the rules that decide, and flow.
import type { Packet } from '../../packet/packet.ts'
import { hasPorts } from '../rules/subject.ts'
import { GroupedPackets } from './grouped-packets.ts'
import { FATES, type Fate, STATES } from './packet-end.ts'
import type { ReplayedRules } from './replayed-rules.ts'
import type { RuleNumbers } from './rule-numbers.ts'

/** A fate and the rule or policy that decided, by its number; -1 for none. */
export interface Decision {
  fate: Fate
  decided: number
}

/** Entries that were counted, by their numbers. */
class EntryMarks {
  private marks = new Uint8Array(1024)

  clear(ct: number): void {
    if (ct < this.marks.length) this.marks[ct] = 0
  }

  /** @returns whether the entry was not marked yet */
  set(ct: number): boolean {
    if (ct >= this.marks.length) {
      const marks = new Uint8Array(Math.max(ct + 1, this.marks.length * 2))
      marks.set(this.marks)
      this.marks = marks
    }
    if (this.marks[ct] !== 0) return false
    this.marks[ct] = 1
    return true
  }
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
  private readonly marks = new EntryMarks()
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
    if (before.isFirst) this.marks.clear(before.ct)
    if (before.fate === 'unknown' || after.fate === 'unknown') {
      this.untold++
      return
    }
    if (before.fate === after.fate) return
    this.changed++
    const isPorted = packet.hasTuple && hasPorts(packet.protocol)
    const group = this.groups.add(
      packet,
      this.pairOf(),
      STATES.indexOf(before.state),
      isPorted,
      before.isAnswering,
    )
    const isBroken = before.isPassed && after.isRefused && before.ct >= 0 && this.marks.set(before.ct)
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
