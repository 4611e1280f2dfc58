// How much searches may look at: what they spent, and whether one had to stop, which the report then says.

/** Searches of one kind. One that finds the budget used up answers nothing: neither yes nor no. */
export class Budget {
  /** Steps taken. */
  spent = 0
  /** Searches that were not made, or not to their end. */
  refused = 0

  /** What was not searched for then, as a report says it: `flows that an untranslated packet goes on with`. */
  readonly what: string
  /** Steps that all searches together may take, and one more for each packet. */
  readonly most: number

  constructor(what: string, most: number) {
    this.what = what
    this.most = most
  }

  /** Whether `steps` more may be taken. @param packets packets seen so far */
  allows(steps: number, packets = 0): boolean {
    if (this.spent + steps <= this.most + packets) {
      this.spent += steps
      return true
    }
    this.refused++
    return false
  }
}
