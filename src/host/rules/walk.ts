// A packet's way through chains, all ways that are possible: where a condition is not known, both are followed.
import type { Action, Chain, Rule, Ruleset } from './ruleset.ts'
import { NO, type Subject, YES } from './subject.ts'

/** Actions after which the packet goes on as it was, as far as a walk of all ways tells. */
type PassingKind = 'connmark' | 'save-mark' | 'restore-mark' | 'zone' | 'helper' | 'count' | 'continue'

/** What may become of the packet: an action that ends the way, or null at the end of the chains. */
export interface Outcome {
  action: Exclude<Action, { kind: 'jump' | 'goto' | 'mark' | 'dispatch' | 'return' | PassingKind }> | null
  /** The rules on the way that led on, the deciding one last. */
  way: readonly Rule[]
  mark: Mark
}

type Mark = number | null

/** Rules that one walk may look at, how deep chains call each other (the kernel loads no deeper ones), outcomes that are told. */
const MOST_RULES = 200_000
const MOST_DEPTH = 15
const MOST_OUTCOMES = 4096
/** Marks that are told apart. */
const MOST_MARKS = 8

/** All outcomes of a walk through one base chain; with one outcome it is certain. */
export function walk(ruleset: Ruleset, chain: Chain, subject: Subject, marks: readonly Mark[]): Outcome[] {
  const walker = new Walker(ruleset, subject)
  const left = walker.chain(chain, new Set(marks), [], 0)
  const policy = chain.base?.policy === 'drop' ? ({ kind: 'drop' } as const) : null
  for (const mark of left) walker.outcomes.push({ action: policy, way: [], mark })
  // what was given up may do anything
  if (walker.isCut) walker.outcomes.push({ action: { kind: 'unknown' }, way: [], mark: null })
  return walker.outcomes
}

class Walker {
  readonly outcomes: Outcome[] = []
  isCut = false
  private visited = 0
  private readonly ruleset: Ruleset
  private readonly subject: Subject

  constructor(ruleset: Ruleset, subject: Subject) {
    this.ruleset = ruleset
    this.subject = subject
  }

  /** Follows packets with each of `marks`. @returns the marks of those that fall out of its end, or return */
  chain(chain: Chain, marks: Set<Mark>, way: readonly Rule[], depth: number): Set<Mark> {
    const returned = new Set<Mark>()
    if (depth > MOST_DEPTH) {
      this.isCut = true
      return marks
    }
    let live = marks
    for (const rule of this.ruleset.rulesFor(chain, this.subject)) {
      if (live.size === 0) break
      if (++this.visited > MOST_RULES || this.outcomes.length > MOST_OUTCOMES) {
        this.isCut = true
        break
      }
      const next = new Set<Mark>()
      for (const mark of live) this.rule(chain, rule, mark, way, depth, next, returned)
      live = limited(next)
    }
    return union(live, returned)
  }

  /** @param next takes the marks with which the packet comes to the rule behind; `returned` those it returns with */
  private rule(
    chain: Chain,
    rule: Rule,
    mark: Mark,
    way: readonly Rule[],
    depth: number,
    next: Set<Mark>,
    returned: Set<Mark>,
  ): void {
    let within = new Set<Mark>([mark])
    for (const step of rule.steps) {
      const after = new Set<Mark>()
      for (const own of within) {
        if ('test' in step) {
          const found = step.test(this.subject, own)
          if (found !== NO) after.add(own)
          if (found !== YES) next.add(own)
        } else this.act(chain, rule, step.action, own, way, depth, { after, next, returned })
      }
      within = after
      if (within.size === 0) return
    }
    for (const own of within) next.add(own)
  }

  private act(
    chain: Chain,
    rule: Rule,
    action: Action,
    mark: Mark,
    way: readonly Rule[],
    depth: number,
    to: { after: Set<Mark>; next: Set<Mark>; returned: Set<Mark> },
  ): void {
    switch (action.kind) {
      case 'mark':
        to.after.add(
          mark === null || action.flip === null ? null : ((mark & ~action.clear) ^ action.flip) >>> 0,
        )
        return
      case 'restore-mark':
        to.after.add(null)
        return
      case 'connmark':
      case 'save-mark':
      case 'zone':
      case 'helper':
      case 'count':
      case 'continue':
        to.after.add(mark)
        return
      case 'return':
        to.returned.add(mark)
        return
      case 'jump':
      case 'goto': {
        const target = this.ruleset.find(chain.table, action.chain)
        // a chain that is not in the file, or a target nobody knows here
        if (target === null) {
          this.act(chain, rule, { kind: 'unknown' }, mark, way, depth, to)
          return
        }
        const back = this.chain(target, new Set([mark]), [...way, rule], depth + 1)
        for (const own of back) (action.kind === 'jump' ? to.after : to.returned).add(own)
        return
      }
      case 'dispatch': {
        const { actions, isSure } = action.choose(this.subject, mark)
        for (const one of actions) this.act(chain, rule, one, mark, way, depth, to)
        if (!isSure) to.next.add(mark)
        return
      }
      case 'unknown':
        this.outcomes.push({ action, way: [...way, rule], mark: null })
        to.after.add(null)
        return
      default:
        this.outcomes.push({ action, way: [...way, rule], mark })
    }
  }
}

/** With too many marks none is known. */
function limited(marks: Set<Mark>): Set<Mark> {
  return marks.size > MOST_MARKS ? new Set<Mark>([null]) : marks
}

function union(a: Set<Mark>, b: Set<Mark>): Set<Mark> {
  for (const mark of b) a.add(mark)
  return limited(a)
}
