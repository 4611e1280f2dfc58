// Two rulesets run over the same packets: which of them meet another fate, by the fates, the rules that decide, and flow.
import type { Packet } from '../../packet/packet.ts'
import { hasPorts } from '../rules/subject.ts'
import { GroupedPackets } from './grouped-packets.ts'
import { FATES, type Fate, STATES } from './packet-end.ts'
import type { ReplayedRules } from './replayed-rules.ts'

/** A fate and the rule or policy that decided, by its number; -1 for none. */
export interface Decision {
  fate: Fate
  decided: number
}

export class ChangedFates {
  readonly groups = new GroupedPackets()
  /** What each `decided` of a group stands for. */
  readonly pairs: { before: Decision; after: Decision }[] = []
  /** Packets that meet another fate, and those of which one ruleset or the other leaves it open. */
  changed = 0
  untold = 0
  private readonly numbers = new Map<number, number>()
  private readonly before: ReplayedRules
  private readonly after: ReplayedRules

  constructor(before: ReplayedRules, after: ReplayedRules) {
    this.before = before
    this.after = after
  }

  /** Takes a packet that both have decided. */
  add(packet: Packet): void {
    const { before, after } = this
    if (before.fate === 'unknown' || after.fate === 'unknown') {
      this.untold++
      return
    }
    if (before.fate === after.fate) return
    this.changed++
    const isPorted = packet.hasTuple && hasPorts(packet.protocol)
    this.groups.add(packet, this.pairOf(), STATES.indexOf(before.state), isPorted)
  }

  private pairOf(): number {
    const { before, after, numbers } = this
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
