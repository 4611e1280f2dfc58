// A packet through one base chain: what it met for certain and perhaps, and what became of it; ipt_do_table(), nft_do_chain().
import { IPS_CONFIRMED } from '../../conntrack/status.ts'
import { ASKS_ALL } from '../rules/asks.ts'
import type { PacketFacts } from '../rules/packet-facts.ts'
import type { Action, Chain, Dispatch, NatTarget, Rule, Ruleset } from '../rules/ruleset.ts'
import { type Answer, type CtState, NO, type Subject, type Test, YES } from '../rules/subject.ts'
import type { RuleNumbers } from './rule-numbers.ts'
import { addWay, changedMark, restoredMark, savedMark, type Way } from './way.ts'

/** What ended a packet's way through a chain, or all of netfilter. */
export type Verdict = 'accept' | 'drop' | 'reject-reset' | 'reject-icmp' | 'tproxy' | 'unknown'

/** Where a translation leads: a target, the host's own address (`redirect`) or that of an interface (`masquerade`). */
export interface NatChange {
  kind: 'dnat' | 'snat' | 'redirect' | 'masquerade'
  target: NatTarget | null
}

/** One end of the walk. */
export interface Ending {
  verdict: Verdict
  way: Way
  /** The rule that decided, or the policy of a chain, by its number. */
  decided: number
  nat: NatChange | null
}

/** Takes what is met on the way. */
export interface Notes {
  /** @param number of a rule or a policy; `isSure` whether the packet certainly met it */
  met(number: number, isSure: boolean): void
}

type Choice = Extract<Action, { kind: 'dispatch' }>['choose']

/** Where ways go from a rule: on within it, to the rule behind, or out of its chain. */
interface Exits {
  after: Way[]
  next: Way[]
  returned: Way[]
}

/** Rules that one walk may look at, and how deep chains call each other (the kernel loads no deeper ones). */
const MOST_RULES = 200_000
const MOST_DEPTH = 16

export class ChainWalk {
  /** Where ways ended, in the order in which they did. */
  readonly endings: Ending[] = []
  private visited = 0
  private chain!: Chain
  private state: CtState | null = null
  private readonly ruleset: Ruleset
  private readonly numbers: RuleNumbers
  private readonly subject: Subject
  private readonly facts: PacketFacts
  private readonly notes: Notes

  constructor(ruleset: Ruleset, numbers: RuleNumbers, subject: Subject, facts: PacketFacts, notes: Notes) {
    this.ruleset = ruleset
    this.numbers = numbers
    this.subject = subject
    this.facts = facts
    this.notes = notes
  }

  /**
   * Follows all `ways` through a base chain. `endings` has where they ended.
   * @param isOnly whether the packet is on one of these ways for certain
   */
  through(chain: Chain, ways: readonly Way[], isOnly: boolean): void {
    this.endings.length = 0
    this.visited = 0
    this.chain = chain
    this.state = this.subject.state
    const left = this.follow(chain, [...ways], isOnly, 0)
    this.subject.state = this.state
    if (left.length === 0) return
    const number = this.numbers.ofPolicy(chain)
    this.notes.met(number, isOnly && this.endings.length === 0)
    const verdict = chain.base?.policy === 'drop' ? 'drop' : 'accept'
    for (const way of left) this.endings.push({ verdict, way, decided: number, nat: null })
  }

  /** @returns the ways that fall out of the chain's end, or return */
  private follow(chain: Chain, ways: Way[], isOnly: boolean, depth: number): Way[] {
    const returned: Way[] = []
    const before = this.endings.length
    let live = ways
    if (depth > MOST_DEPTH) return this.giveUp(live)
    for (const rule of this.ruleset.rulesFor(chain, this.subject)) {
      if (live.length === 0) break
      if (++this.visited > MOST_RULES) return this.giveUp(live)
      const next: Way[] = []
      this.rule(rule, live, next, returned, depth, () => {
        return isOnly && next.length === 0 && returned.length === 0 && this.endings.length === before
      })
      live = next
    }
    for (const way of returned) addWay(live, way)
    return live
  }

  /** What is not followed may end in any way. */
  private giveUp(ways: readonly Way[]): Way[] {
    for (const way of ways) this.end('unknown', way, -1)
    return []
  }

  /**
   * @param next takes the ways that come to the rule behind, `returned` those that leave the chain
   * @param isSure whether the packet is on the ways at hand for certain
   */
  private rule(
    rule: Rule,
    ways: readonly Way[],
    next: Way[],
    returned: Way[],
    depth: number,
    isSure: () => boolean,
  ): void {
    const number = this.numbers.ofRule(rule)
    let within = ways
    let isCounted = false
    for (const step of rule.steps) {
      const to: Exits = { after: [], next, returned }
      if ('test' in step) {
        // how many copies of a frame a bridge makes nobody knows
        this.facts.isSure = within.length === 1 && isSure() && !this.facts.isBridged
        for (const way of within) {
          const found = this.ask(step.test, way)
          if (found !== YES) addWay(next, way)
          if (found !== NO) addWay(to.after, way)
        }
      } else if (step.action.kind === 'dispatch') {
        const { choose, asks } = step.action
        this.facts.asked |= asks
        const chosen = within.map(way => ({ way, ...this.choose(choose, way) }))
        const isOne = chosen.every(({ isSure: isFound }) => isFound)
        if (rule.counter === null && chosen.some(({ actions }) => actions.length > 0)) {
          this.notes.met(number, isSure() && isOne)
        }
        isCounted = true
        for (const { way, actions, isSure: isFound } of chosen) {
          const isLed = chosen.length === 1 && isFound && actions.length === 1 && isSure()
          for (const action of actions) this.act(number, action, [way], to, depth, isLed)
          if (!isFound) addWay(next, way)
        }
      } else {
        const isKnown = isSure()
        if (!isCounted && counts(step.action, rule)) {
          this.notes.met(number, isKnown)
          isCounted = true
        }
        this.act(number, step.action, within, to, depth, isKnown)
      }
      within = to.after
      if (within.length === 0) return
    }
    if (!isCounted && rule.counter === null) this.notes.met(number, isSure())
    for (const way of within) addWay(next, way)
  }

  private choose(choose: Choice, way: Way): Dispatch {
    this.prepare(way)
    return choose(this.subject, way.mark)
  }

  private ask(test: Test, way: Way): Answer {
    this.prepare(way)
    this.facts.asked |= test.asks ?? ASKS_ALL
    return test(this.subject, way.mark)
  }

  /** The packet as it is on a way: behind NOTRACK there is nothing to look up any more. */
  private prepare(way: Way): void {
    this.facts.connMark = way.connMark
    this.subject.state = way.isUntracked ? 'untracked' : this.state
  }

  /** @param isOnly whether the packet is on one of these ways for certain */
  private act(
    number: number,
    action: Action,
    ways: readonly Way[],
    to: Exits,
    depth: number,
    isOnly: boolean,
  ): void {
    switch (action.kind) {
      case 'jump':
      case 'goto': {
        const target = this.ruleset.find(this.chain.table, action.chain)
        if (target === null) {
          this.act(number, { kind: 'unknown' }, ways, to, depth, isOnly)
          return
        }
        for (const way of this.follow(target, [...ways], isOnly, depth + 1)) {
          addWay(action.kind === 'jump' ? to.after : to.returned, way)
        }
        return
      }
      default:
        for (const way of ways) this.actOn(number, action, way, to)
    }
  }

  private actOn(number: number, action: Action, way: Way, to: Exits): void {
    switch (action.kind) {
      case 'accept':
      case 'drop':
      case 'tproxy':
        this.end(action.kind, way, number)
        return
      case 'reject':
        this.end(action.isReset ? 'reject-reset' : 'reject-icmp', way, number)
        return
      case 'return':
        addWay(to.returned, way)
        return
      case 'dnat':
      case 'snat':
        this.end('accept', way, number, { kind: action.kind, target: action.target })
        return
      case 'redirect':
        this.end('accept', way, number, {
          kind: 'redirect',
          target: { addresses: null, ports: action.ports },
        })
        return
      case 'masquerade':
        this.end('accept', way, number, { kind: 'masquerade', target: null })
        return
      case 'unknown':
        this.end('unknown', way, number)
        addWay(to.after, { ...way, mark: null, connMark: null })
        return
      default:
        if (action.kind === 'zone' && action.zone === 'mark' && way.mark === null)
          this.actOn(number, { kind: 'unknown' }, way, to)
        else addWay(to.after, this.changed(way, action))
    }
  }

  /** The way behind an action after which the packet goes on. */
  private changed(way: Way, action: Action): Way {
    const { hasEntry } = this.facts
    switch (action.kind) {
      case 'mark':
        return { ...way, mark: changedMark(way.mark, action.clear, action.flip) }
      case 'connmark':
        return hasEntry ? { ...way, connMark: changedMark(way.connMark, action.clear, action.flip) } : way
      case 'save-mark':
        return hasEntry ? { ...way, connMark: savedMark(way, action.packetMask, action.connectionMask) } : way
      case 'restore-mark':
        return hasEntry ? { ...way, mark: restoredMark(way, action.packetMask, action.connectionMask) } : way
      case 'notrack':
        return way.isFixed ? way : { ...way, isUntracked: true }
      case 'zone': {
        if (way.isFixed || (way.isUntracked && !action.tracksAgain)) return way
        const { direction: zoneDirection, helper } = action
        const zone = action.zone === 'mark' ? (way.mark ?? 0) & 0xffff : action.zone
        return { ...way, isUntracked: false, isFixed: true, zone, zoneDirection, helper }
      }
      case 'helper': {
        const { family, protocol } = this.subject
        const isTaken = way.helper !== null || !this.isNew
        const isMeant = action.protocol === protocol && action.families.includes(family)
        return isTaken || !isMeant ? way : { ...way, helper: action.helper }
      }
      default:
        return way
    }
  }

  /** Whether the packet has an entry that is not confirmed. */
  private get isNew(): boolean {
    return this.facts.hasEntry && (this.facts.status & IPS_CONFIRMED) === 0
  }

  private end(verdict: Verdict, way: Way, decided: number, nat: NatChange | null = null): void {
    const isThere = this.endings.some(
      known => known.verdict === verdict && known.decided === decided && known.way === way,
    )
    if (!isThere) this.endings.push({ verdict, way, decided, nat })
  }
}

/** Whether a rule counts where this action stands: at a counter of its own, or where it ends or leads on. */
function counts(action: Action, rule: Rule): boolean {
  if (rule.counter !== null) return action.kind === 'count'
  switch (action.kind) {
    case 'mark':
    case 'connmark':
    case 'save-mark':
    case 'restore-mark':
    case 'zone':
    case 'helper':
    case 'notrack':
    case 'count':
      return false
    default:
      return true
  }
}
