// The rules of long chains by the one destination address that they are about.
import { foldAddress } from '../../net/address.ts'
import { sameAddress } from '../files/network.ts'

/** What is about one destination, or null: about any. */
interface Placed {
  readonly destination: Int32Array | null
}

/** Values by address. */
class ByAddress<T> {
  size = 0
  /** By the address in one word: of IPv6 several may be folded into it. */
  private readonly byWord = new Map<number, { words: Int32Array; value: T }[]>()

  get(words: Int32Array): T | undefined {
    const alike = this.byWord.get(wordOf(words))
    if (alike === undefined) return undefined
    for (const one of alike) if (sameAddress(one.words, words)) return one.value
    return undefined
  }

  /** Adds a value for an address that has none. */
  add(words: Int32Array, value: T): void {
    const word = wordOf(words)
    const alike = this.byWord.get(word)
    if (alike === undefined) this.byWord.set(word, [{ words, value }])
    else alike.push({ words, value })
    this.size++
  }
}

/** An address of IPv4 has its first word alone. */
function wordOf(words: Int32Array): number {
  const first = words[0] ?? 0
  if (words[1] === 0 && words[2] === 0 && words[3] === 0) return first
  return foldAddress(first, words[1] ?? 0, words[2] ?? 0, words[3] ?? 0)
}

/** A chain's rules by their destinations; lists are made once and shared. */
export class ChainIndex<Rule extends Placed> {
  /** The rules without a destination of their own. */
  private readonly others: readonly Rule[]
  /** All rules for an address, in their order. */
  private readonly byDestination = new ByAddress<readonly Rule[]>()

  constructor(rules: readonly Rule[]) {
    const general = [...rules.entries()].filter(([, { destination }]) => destination === null)
    this.others = general.map(([, rule]) => rule)
    const own = new ByAddress<[number, Rule][]>()
    const destinations: Int32Array[] = []
    for (const [at, rule] of rules.entries()) {
      const { destination } = rule
      if (destination === null) continue
      const known = own.get(destination)
      if (known !== undefined) known.push([at, rule])
      else {
        own.add(destination, [[at, rule]])
        destinations.push(destination)
      }
    }
    for (const destination of destinations) {
      const all = [...general, ...(own.get(destination) ?? [])].sort(([a], [b]) => a - b)
      this.byDestination.add(
        destination,
        all.map(([, rule]) => rule),
      )
    }
  }

  rulesFor(destination: Int32Array): readonly Rule[] {
    return this.byDestination.get(destination) ?? this.others
  }
}

/** Numbers for destinations. */
export class DestinationNumbers {
  private readonly numbers = new ByAddress<number>()

  /** @param rules those of all long chains */
  constructor(rules: readonly Placed[]) {
    for (const { destination } of rules) {
      if (destination !== null && this.numbers.get(destination) === undefined) {
        this.numbers.add(destination, this.numbers.size + 1)
      }
    }
  }

  /** The number of an address, 0 for one that no rule is about. */
  of(destination: Int32Array): number {
    return this.numbers.size === 0 ? 0 : (this.numbers.get(destination) ?? 0)
  }
}
