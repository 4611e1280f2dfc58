// Rules as they are walked: chains of rules, each a list of conditions and actions, whoever wrote them down.
import type { HelperName } from '../../conntrack/helper-assignment.ts'
import type { Family, Network } from '../files/network.ts'
import { ChainIndex, DestinationNumbers } from './by-destination.ts'
import type { PortRange, Subject, Test } from './subject.ts'

export type Hook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting'

/** Where a rule stands, and what to call it. */
export interface RuleSource {
  /** Whose words the text is. */
  tool: 'iptables' | 'nft'
  /** `rules.txt:34`, or of nft `ruleset.json handle 23`; the same in parts, the one that it has not -1. */
  place: string
  file: string
  line: number
  handle: number
  /** The table of its chain, as the tool names it: `mangle`, of nft with its family: `inet filter`. */
  table: string
  chain: string
  /** The rule as arguments of the tool that wrote it, safe to copy into a shell; cut where it is long. */
  text: string
  comment: string
}

/** Where DNAT or SNAT leads to; null: the address or port stays. */
export interface NatTarget {
  addresses: Network | null
  ports: PortRange | null
}

export type Action =
  | { kind: 'accept' | 'drop' | 'return' | 'notrack' }
  /** Dropped, and the sender is told: by a RST, or by an ICMP error. */
  | { kind: 'reject'; isReset: boolean }
  | { kind: 'jump' | 'goto'; chain: string }
  | { kind: 'dnat' | 'snat'; target: NatTarget; isRandom: boolean }
  /** To a port of the host itself. */
  | { kind: 'redirect'; ports: PortRange | null }
  | { kind: 'masquerade'; isRandom: boolean }
  /** `mark = (mark & ~clear) ^ flip`; null: nobody knows. Of the packet, or of its connection. */
  | { kind: 'mark' | 'connmark'; clear: number; flip: number | null }
  /** The connection's mark becomes that of the packet (`save`) or the other way round, as far as the masks go. */
  | { kind: 'save-mark' | 'restore-mark'; packetMask: number; connectionMask: number }
  /**
   * The packet is looked up in this zone; `direction` where only the tuples of one direction are; `tracksAgain` if it
   * undoes NOTRACK, as in nft. An entry that it makes gets `helper`. kernel: the template of xt_CT
   */
  | {
      kind: 'zone'
      zone: number | 'mark'
      direction: 'original' | 'reply' | null
      tracksAgain: boolean
      helper: HelperName | null
    }
  /** An entry that is not confirmed gets a helper, if it is of that protocol and one of these families. kernel: nft_ct_helper_obj_eval() */
  | { kind: 'helper'; helper: HelperName; protocol: number; families: readonly Family[] }
  /** A verdict that goes on behind the rule's statement: `continue` of a map. */
  | { kind: 'continue' }
  /** nft's `counter` that does not stand at the end: what gets here is counted. */
  | { kind: 'count' }
  /** TPROXY: accepted, and delivered here. */
  | { kind: 'tproxy' }
  /** One of several actions by a key of the packet; each is perhaps, where `isSure` is not set. */
  | { kind: 'dispatch'; asks: number; choose: (subject: Subject, mark: number | null) => Dispatch }
  /** Whatever it does is not known. */
  | { kind: 'unknown' }

export interface Dispatch {
  actions: readonly Action[]
  /** Whether one of the actions is taken for certain. */
  isSure: boolean
}

export type Step = { test: Test } | { action: Action }

export interface Rule {
  source: RuleSource
  steps: readonly Step[]
  /** The one destination address it is about, where it names one: chains of many such rules are looked up by it. */
  destination: Int32Array | null
  /** Where it counts: at a statement of its own (nft's `counter`); null: what met the whole rule. */
  counter: 'own' | null
}

export interface BaseChain {
  /** `nat`, `filter`, `raw`, `mangle`; of nft `filter` and `nat`. */
  type: string
  hook: Hook
  priority: number
  policy: 'accept' | 'drop'
}

export interface Chain {
  name: string
  families: readonly Family[]
  /** Chains jump within their table. */
  table: string
  base: BaseChain | null
  rules: Rule[]
}

function helperOf(step: Step, place: string): { helper: HelperName; place: string }[] {
  if (!('action' in step)) return []
  const { action } = step
  if (action.kind !== 'helper' && action.kind !== 'zone') return []
  return action.helper === null ? [] : [{ helper: action.helper, place }]
}

/** Rules above this in a chain are looked up by their destination. */
const LONG_CHAIN = 16

/** What a table of chains is called, whichever tool told of it: `inet filter`. */
export function tableName(table: string): string {
  return table.replace(/^nft /, '')
}

/** The same in two: `inet` and `filter`. */
export function tableParts(table: string): { family: string; table: string } {
  const [family = '', ...words] = tableName(table).split(' ')
  return { family, table: words.join(' ') }
}

/** All chains of all files. */
export class Ruleset {
  chains: Chain[] = []
  /** Tables of nft with rules that iptables made and nft cannot show, and how many. */
  readonly foreign = new Map<string, number>()
  private wheels = 0
  private readonly byName = new Map<string, Chain>()
  private readonly indexes = new Map<Chain, ChainIndex<Rule>>()
  private destinations: DestinationNumbers | null = null

  /** Helpers that rules assign, and the places of these rules. */
  get helpers(): { helper: HelperName; place: string }[] {
    const rules = this.chains.flatMap(chain => chain.rules)
    return rules.flatMap(({ steps, source: { place } }) => steps.flatMap(step => helperOf(step, place)))
  }

  /** A number for the wheel of a rule that counts packets by turns; see Turns. */
  newWheel(): number {
    return this.wheels++
  }

  /** The chain of that name, made if it is not there. */
  open(table: string, name: string, families: readonly Family[]): Chain {
    const key = `${table}\n${name}`
    let chain = this.byName.get(key)
    if (chain === undefined) {
      chain = { name, families, table, base: null, rules: [] }
      this.byName.set(key, chain)
      this.chains.push(chain)
    }
    return chain
  }

  find(table: string, name: string): Chain | null {
    return this.byName.get(`${table}\n${name}`) ?? null
  }

  /**
   * Lets go of tables that were given twice, by nft, which cannot show all of them, and by iptables-save.
   * @returns the tables of which rules are left that nft cannot show, `ip6 filter`, with how many
   */
  dropDoubles(): { table: string; rules: number }[] {
    const left: { table: string; rules: number }[] = []
    for (const [table, rules] of this.foreign) {
      const same = tableName(table)
      if (this.chains.some(chain => chain.table === same)) {
        this.chains = this.chains.filter(chain => chain.table !== table)
      } else left.push({ table: same, rules })
    }
    return left
  }

  /**
   * Base chains of a hook in the order of their priorities, of equal ones the last one first.
   * kernel: nf_hook_entries_grow()
   */
  at(hook: Hook, family: Family, isWanted: (base: BaseChain) => boolean): Chain[] {
    return this.chains
      .filter(({ base, families }) => base?.hook === hook && families.includes(family) && isWanted(base))
      .reverse()
      .sort((a, b) => (a.base?.priority ?? 0) - (b.base?.priority ?? 0))
  }

  /** A number for an address that rules of long chains are about, 0 for one that none of those is about. */
  numberOf(destination: Int32Array): number {
    this.destinations ??= new DestinationNumbers(
      this.chains.flatMap(({ rules }) => (rules.length > LONG_CHAIN ? rules : [])),
    )
    return this.destinations.of(destination)
  }

  /** The rules of a chain that a packet may match by its destination, in their order. */
  rulesFor(
    chain: Chain,
    { destination, isDestinationKnown }: Pick<Subject, 'destination' | 'isDestinationKnown'>,
  ): readonly Rule[] {
    if (chain.rules.length <= LONG_CHAIN || !isDestinationKnown) return chain.rules
    let index = this.indexes.get(chain)
    if (index === undefined) {
      index = new ChainIndex(chain.rules)
      this.indexes.set(chain, index)
    }
    return index.rulesFor(destination)
  }
}
