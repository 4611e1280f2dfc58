// The rules of long chains by the one destination address that they are about.

/** What is about one destination, or null: about any. */
interface Placed {
  readonly destination: Int32Array | null
}

/** Values by address. */
class ByAddress<T> {
  /** By IPv4 address, and by the words of an IPv6 address. */
  private readonly byWord = new Map<number, T>()
  private readonly byWords = new Map<string, T>()

  get size(): number {
    return this.byWord.size + this.byWords.size
  }

  get(words: Int32Array): T | undefined {
    return isNarrow(words) ? this.byWord.get(words[0] ?? 0) : this.byWords.get(words.join())
  }

  set(words: Int32Array, value: T): void {
    if (isNarrow(words)) this.byWord.set(words[0] ?? 0, value)
    else this.byWords.set(words.join(), value)
  }
}

/** Whether an address has its first word alone, as those of IPv4. */
function isNarrow(words: Int32Array): boolean {
  return words[1] === 0 && words[2] === 0 && words[3] === 0
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
        own.set(destination, [[at, rule]])
        destinations.push(destination)
      }
    }
    for (const destination of destinations) {
      const all = [...general, ...(own.get(destination) ?? [])].sort(([a], [b]) => a - b)
      this.byDestination.set(
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
        this.numbers.set(destination, this.numbers.size + 1)
      }
    }
  }

  /** The number of an address, 0 for one that no rule is about. */
  of(destination: Int32Array): number {
    return this.numbers.size === 0 ? 0 : (this.numbers.get(destination) ?? 0)
  }
}
