// Numbers for all rules and policies, in the order of the files: counters are arrays.
import type { Chain, Rule, Ruleset } from '../rules/ruleset.ts'

/** Where a rule or a policy stands, and what it says. */
export interface RulePlace {
  place: string
  table: string
  chain: string
  text: string
}

/** A rule's place by its number; a policy is called by its chain. */
export function placeOf({ all }: RuleNumbers, number: number): RulePlace | null {
  const known = all[number]
  if (known === undefined) return null
  const { chain, rule } = known
  const own = { table: chain.table, chain: chain.name }
  if (rule !== null) return { place: rule.source.place, ...own, text: rule.source.text }
  return {
    place: 'policy',
    ...own,
    text: `${chain.name} ${chain.base?.policy === 'drop' ? 'DROP' : 'ACCEPT'}`,
  }
}

export class RuleNumbers {
  /** What each number is of: a rule with its chain, or the policy of a chain. */
  readonly all: { chain: Chain; rule: Rule | null }[] = []
  private readonly ofRules = new Map<Rule, number>()
  private readonly ofPolicies = new Map<Chain, number>()

  constructor(ruleset: Ruleset) {
    for (const chain of ruleset.chains) {
      if (chain.base === null) continue
      this.ofPolicies.set(chain, this.all.length)
      this.all.push({ chain, rule: null })
    }
    for (const chain of ruleset.chains) {
      for (const rule of chain.rules) {
        this.ofRules.set(rule, this.all.length)
        this.all.push({ chain, rule })
      }
    }
  }

  ofRule(rule: Rule): number {
    return this.ofRules.get(rule) ?? -1
  }

  ofPolicy(chain: Chain): number {
    return this.ofPolicies.get(chain) ?? -1
  }
}
