// Flows that others announce: struct nf_conntrack_expect, nf_ct_expect_related(), nf_ct_find_expectation() (nf_conntrack_expect.c).
import { KIND_IPV6, type Tuple } from '../tuple.ts'

/** The flow that is expected: from an address with any port, to an address and port. */
export interface Expectation {
  /** The entry whose packet announced it. */
  master: number
  /** Protocol | zone << 8 | KIND_IPV6, as in a tuple. */
  kind: number
  /** Words of the addresses; IPv4 has the first alone. */
  source: readonly number[]
  destination: readonly number[]
  port: number
  /** The jiffy at which it is given up. */
  deadline: number
}

export class Expectations {
  private readonly maximum: number
  /** Newest last. */
  private readonly byMaster = new Map<number, Expectation[]>()
  private readonly byPort = new Map<number, Expectation[]>()
  private count = 0

  /** @param maximum nf_conntrack_expect_max */
  constructor(maximum: number) {
    this.maximum = maximum
  }

  /**
   * Expects a flow. The same one of the same master is replaced, the oldest of a master that has `most` is given up.
   * @returns false when another master expects it, or the table of expectations is full: then the packet is dropped
   */
  add(wanted: Expectation, most: number, jiffies: number): boolean {
    this.collect(this.atPort(wanted.port), jiffies)
    const other = this.atPort(wanted.port).find(each => overlaps(each, wanted))
    if (other !== undefined) {
      if (other.master !== wanted.master) return false
      this.remove(other)
    }
    this.collect(this.of(wanted.master), jiffies)
    const own = this.of(wanted.master)
    if (own.length >= most) this.remove(own[0])
    if (this.count >= this.maximum) return false
    push(this.byMaster, wanted.master, wanted)
    push(this.byPort, wanted.port, wanted)
    this.count++
    return true
  }

  /** Whether a new flow was expected; it is not any more. */
  take(tuple: Tuple, jiffies: number): boolean {
    if (this.count === 0) return false
    const found = this.atPort(tuple.ports & 0xffff).find(each => !isOver(each, jiffies) && fits(each, tuple))
    if (found === undefined) return false
    this.remove(found)
    return true
  }

  /** The entry of a master leaves the table. kernel: nf_ct_remove_expectations() */
  forget(master: number): void {
    for (let own = this.of(master); own.length > 0; own = this.of(master)) this.remove(own[0])
  }

  /** Removes those of a list that are given up. */
  private collect(list: readonly Expectation[], jiffies: number): void {
    for (let i = list.length - 1; i >= 0; i--) if (isOver(list[i], jiffies)) this.remove(list[i])
  }

  private atPort(port: number): readonly Expectation[] {
    return this.byPort.get(port) ?? NONE
  }

  private of(master: number): readonly Expectation[] {
    return this.byMaster.get(master) ?? NONE
  }

  private remove(expectation: Expectation): void {
    drop(this.byMaster, expectation.master, expectation)
    drop(this.byPort, expectation.port, expectation)
    this.count--
  }
}

const NONE: readonly Expectation[] = []

function isOver({ deadline }: Expectation, jiffies: number): boolean {
  return ((deadline - jiffies) | 0) <= 0
}

/** Whether one flow could be either. kernel: expect_clash() */
function overlaps(a: Expectation, b: Expectation): boolean {
  return (
    a.kind === b.kind &&
    a.port === b.port &&
    sameWords(a.source, b.source) &&
    sameWords(a.destination, b.destination)
  )
}

/** kernel: nf_ct_tuple_mask_cmp() */
function fits({ kind, port, source, destination }: Expectation, tuple: Tuple): boolean {
  if (kind !== tuple.kind || port !== (tuple.ports & 0xffff)) return false
  if (kind < KIND_IPV6) return source[0] === tuple.source && destination[0] === tuple.destination
  const { source0, source1, source2, source3 } = tuple
  const { destination0, destination1, destination2, destination3 } = tuple
  return (
    sameWords(source, [source0, source1, source2, source3]) &&
    sameWords(destination, [destination0, destination1, destination2, destination3])
  )
}

function sameWords(a: readonly number[], b: readonly number[]): boolean {
  return a.every((word, i) => word === b[i])
}

function push(lists: Map<number, Expectation[]>, key: number, expectation: Expectation): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [expectation])
  else list.push(expectation)
}

function drop(lists: Map<number, Expectation[]>, key: number, expectation: Expectation): void {
  const list = lists.get(key) ?? []
  const at = list.indexOf(expectation)
  if (at >= 0) list.splice(at, 1)
  if (list.length === 0) lists.delete(key)
}
