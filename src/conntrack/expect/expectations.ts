// Flows that others announce: struct nf_conntrack_expect, nf_ct_expect_related(), nf_ct_find_expectation() (nf_conntrack_expect.c).
import type { HelperName } from '../helper-assignment.ts'
import { KIND_IPV6, type Tuple } from '../tuple.ts'

/** It stays when a flow has come; it waits until it is switched on. kernel: NF_CT_EXPECT_PERMANENT, NF_CT_EXPECT_INACTIVE */
export const EXPECT_PERMANENT = 1
export const EXPECT_INACTIVE = 2

/** The flow that is expected: from some addresses and ports, to an address and port. */
export interface Expectation {
  /** The entry whose packet announced it, and its helper. */
  master: number
  helper: HelperName
  /** Protocol | zone << 8 | KIND_IPV6, as in a tuple. */
  kind: number
  /** Words of the addresses; IPv4 has the first alone. No source: any. */
  source: readonly number[] | null
  /** Bits of the source that tell, null for all. */
  mask: readonly number[] | null
  /** The port or key that it comes from, null for any. */
  sourcePort: number | null
  destination: readonly number[]
  port: number
  /** Of its helper: how many there may be of a class, and for how long, differs. */
  class: number
  /** EXPECT_*. */
  flags: number
  /** The helper that the flow itself gets; null for none. */
  assigns: HelperName | null
  /** The jiffy at which it is given up. */
  deadline: number
}

/** Told of expectations that begin and end, as `conntrack -E expect` is. */
export interface ExpectationObserver {
  expectation(event: 'NEW' | 'DESTROY', expectation: Expectation): void
}

/** What comes of an announcement: another master, or another class, has it already; the table of expectations is full. */
export type Added = 'added' | 'exists' | 'clashes' | 'full'

export class Expectations {
  observer: ExpectationObserver | null = null
  private readonly maximum: number
  /** Newest last. */
  private readonly byMaster = new Map<number, Expectation[]>()
  private readonly byPort = new Map<number, Expectation[]>()
  private count = 0
  /** No expectation is given up before this jiffy. */
  private due = 0

  /** @param maximum nf_conntrack_expect_max */
  constructor(maximum: number) {
    this.maximum = maximum
  }

  /**
   * Expects a flow. The same one of the same master is replaced, the oldest of a master that has `most` is given up.
   * @param ofAny whether the same one of another master is as good. kernel: NF_CT_EXP_F_SKIP_MASTER
   */
  add(wanted: Expectation, most: number, jiffies: number, ofAny = false): Added {
    this.expire(jiffies)
    for (const known of this.atPort(wanted.port).toReversed()) {
      if ((ofAny || known.master === wanted.master) && isSame(known, wanted)) {
        if (known.class !== wanted.class || known.master !== wanted.master) return 'exists'
        this.remove(known)
        break
      }
      if (overlaps(known, wanted)) return 'clashes'
    }
    const own = this.of(wanted.master).filter(each => each.class === wanted.class)
    if (own.length >= most) this.remove(own[0])
    if (this.count >= this.maximum) return 'full'
    push(this.byMaster, wanted.master, wanted)
    push(this.byPort, wanted.port, wanted)
    if (this.count++ === 0 || ((wanted.deadline - this.due) | 0) < 0) this.due = wanted.deadline
    this.observer?.expectation('NEW', wanted)
    return 'added'
  }

  /** The expectation that a new flow meets, or null; unless it is permanent it is none any more. */
  take(tuple: Tuple, jiffies: number): Expectation | null {
    if (this.count === 0) return null
    this.expire(jiffies)
    const found = this.atPort(tuple.ports & 0xffff).findLast(
      each => (each.flags & EXPECT_INACTIVE) === 0 && fits(each, tuple),
    )
    if (found === undefined) return null
    if ((found.flags & EXPECT_PERMANENT) === 0) this.remove(found)
    return found
  }

  /** The expectation that a flow would meet, active or not, or null. kernel: __nf_ct_expect_find() */
  find(tuple: Tuple): Expectation | null {
    return this.atPort(tuple.ports & 0xffff).findLast(each => fits(each, tuple)) ?? null
  }

  /** Those of a master, newest first. */
  ofMaster(master: number): Expectation[] {
    return this.of(master).toReversed()
  }

  /** The deadline of an expectation moves. */
  postpone(expectation: Expectation, deadline: number): void {
    expectation.deadline = deadline
    if (((deadline - this.due) | 0) < 0) this.due = deadline
  }

  /** The entry of a master leaves the table. kernel: nf_ct_remove_expectations() */
  forget(master: number): void {
    for (const each of this.ofMaster(master)) this.remove(each)
  }

  /** Gives up those whose time is over. */
  expire(jiffies: number): void {
    if (this.count === 0 || ((this.due - jiffies) | 0) > 0) return
    const all = [...this.byMaster.values()].flat()
    for (const each of all) if (((each.deadline - jiffies) | 0) <= 0) this.remove(each)
    const left = [...this.byMaster.values()].flat()
    if (left.length > 0)
      this.due = left.map(each => each.deadline).reduce((a, b) => (((b - a) | 0) < 0 ? b : a))
  }

  /** kernel: nf_ct_unlink_expect() */
  remove(expectation: Expectation): void {
    drop(this.byMaster, expectation.master, expectation)
    drop(this.byPort, expectation.port, expectation)
    this.count--
    this.observer?.expectation('DESTROY', expectation)
  }

  private atPort(port: number): readonly Expectation[] {
    return this.byPort.get(port) ?? NONE
  }

  private of(master: number): readonly Expectation[] {
    return this.byMaster.get(master) ?? NONE
  }
}

const NONE: readonly Expectation[] = []

/** kernel: expect_matches() */
function isSame(a: Expectation, b: Expectation): boolean {
  return (
    a.kind === b.kind &&
    a.port === b.port &&
    a.sourcePort === b.sourcePort &&
    (a.source === null || b.source === null ? a.source === b.source : sameWords(a.source, b.source)) &&
    (a.mask === null || b.mask === null ? a.mask === b.mask : sameWords(a.mask, b.mask)) &&
    sameWords(a.destination, b.destination)
  )
}

/** Whether one flow could be either. kernel: expect_clash() */
function overlaps(a: Expectation, b: Expectation): boolean {
  return (
    a.kind === b.kind &&
    a.port === b.port &&
    (a.sourcePort === null || b.sourcePort === null || a.sourcePort === b.sourcePort) &&
    (a.source === null || b.source === null || sameWithin(a.source, b.source, a.mask, b.mask)) &&
    sameWords(a.destination, b.destination)
  )
}

/** kernel: nf_ct_tuple_mask_cmp() */
function fits({ kind, port, sourcePort, source, mask, destination }: Expectation, tuple: Tuple): boolean {
  if (kind !== tuple.kind || port !== (tuple.ports & 0xffff)) return false
  if (sourcePort !== null && sourcePort !== tuple.ports >>> 16) return false
  if (kind < KIND_IPV6) {
    const isSource = source === null || ((source[0] ^ tuple.source) & (mask === null ? -1 : mask[0])) === 0
    return isSource && destination[0] === tuple.destination
  }
  const { source0, source1, source2, source3 } = tuple
  const { destination0, destination1, destination2, destination3 } = tuple
  return (
    (source === null || sameWords(source, [source0, source1, source2, source3])) &&
    sameWords(destination, [destination0, destination1, destination2, destination3])
  )
}

function sameWithin(
  a: readonly number[],
  b: readonly number[],
  ofA: readonly number[] | null,
  ofB: readonly number[] | null,
): boolean {
  return a.every((word, i) => ((word ^ b[i]) & (ofA?.[i] ?? -1) & (ofB?.[i] ?? -1)) === 0)
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
