// What the rules of a host did to INVALID packets: by the rule that dropped them, or that they got through.
import type { ReplayedRules } from '../../host/walk/replayed-rules.ts'
import { placeOf, type RulePlace } from '../../host/walk/rule-numbers.ts'

/** INVALID packets that one rule or policy dropped. */
export interface DroppedInvalid {
  /** null: one of several, or the host itself. */
  place: RulePlace | null
  packets: number
}

export class InvalidFates {
  passed = 0
  /** Packets of which it cannot be told. */
  untold = 0
  private readonly byRule = new Map<number, number>()
  private readonly rules: ReplayedRules

  constructor(rules: ReplayedRules) {
    this.rules = rules
  }

  /** Takes the INVALID packet under way. */
  add(): void {
    const { rules, byRule } = this
    if (rules.isRefused) byRule.set(rules.decided, (byRule.get(rules.decided) ?? 0) + 1)
    else if (rules.isPassed) this.passed++
    else this.untold++
  }

  /** Those of most packets first. */
  get dropped(): DroppedInvalid[] {
    return [...this.byRule]
      .sort(([, a], [, b]) => b - a)
      .map(([number, packets]) => ({ place: placeOf(this.rules.numbers, number), packets }))
  }
}
