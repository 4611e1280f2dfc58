// How long legs are known: with their entry, a stated time without one; each is judged when it goes, none is dropped unseen.

import { IPPROTO_TCP, IPPROTO_UDP } from '../net/numbers.ts'
import { Budget } from './evidence/budget.ts'
import { LEG_DNS, LEG_FIN, LEG_FIN_BACK, LEG_RST, REUSE, SIDE_PACKETS } from './evidence/leg-layout.ts'
import type { Legs } from './evidence/legs.ts'

/** Nanoseconds for which packets without an entry are remembered: as long as the kernel keeps an unanswered SYN. */
const STRAY_HOLD = 120e9
/** … connections that were open when they were last seen: as long as RFC 5382 wants NAT to keep idle ones. */
const OPEN_HOLD = 7440e9
/** … those that one side alone had closed: the other side may close late, when its entry is long gone. */
const HALF_CLOSED_HOLD = 600e9
/** … conversations of datagrams: what comes in for them later finds no entry. */
const DATAGRAM_HOLD = 600e9
/** Datagrams of either side that make one: a query and its answer are over. */
const LEAST_DATAGRAMS = 2
/** … and what was reset, as long as the kernel keeps a closed connection: its SYN may come once more. */
const RESET_HOLD = 10e9
/** How often what is remembered without an entry is gone over. */
const SWEEP = 30e9
/** Legs without an entry that memory is held for, 200 B each; where there are more, the oldest are judged earlier. */
const MOST_STRAYS = 1 << 20

/** What a leg comes to is asked when it goes. */
export type Judge = (leg: number) => void

export class Lifetimes {
  readonly budget = new Budget('packets without an entry that are remembered', MOST_STRAYS)
  private readonly legs: Legs
  private readonly judge: Judge
  private nextSweep = SWEEP
  /** First leg of an entry that a SYN opened anew, for its successor; -1 for none. */
  private reopened = -1

  constructor(legs: Legs, judge: Judge) {
    this.legs = legs
    this.judge = judge
  }

  /**
   * An entry has left the table: judges its legs and forgets them, but for those whose story may go on.
   * @param isReset whether the kernel dropped it at once, for a RST before any answer
   */
  ended(ct: number, isReset: boolean): void {
    this.release(this.legs.detach(ct), isReset)
  }

  /** A SYN opens a closed connection again: the entry it makes goes on with what is known of the last one. */
  reopens(ct: number): void {
    const first = this.legs.detach(ct)
    this.release(this.reopened, false)
    this.reopened = first
  }

  /** What a reopened entry left belongs to entry `ct`, which the same packet made; -1: it made none. */
  takeOver(ct: number): void {
    if (this.reopened < 0) return
    const { legs } = this
    for (let leg = this.reopened, next = -1; leg >= 0; leg = next) {
      next = legs.next(leg)
      if (ct >= 0) legs.attach(leg, ct)
      else legs.linkStray(leg)
    }
    this.reopened = -1
  }

  /** Judges and forgets what has had no entry for long. @param now time of the last packet; true: it was done */
  sweep(now: number): boolean {
    if (now < this.nextSweep) return false
    this.nextSweep = now + SWEEP
    this.forgetStrays(now, 1)
    for (let part = 2; this.legs.strayCount > MOST_STRAYS; part *= 2) {
      this.budget.refused++
      this.forgetStrays(now, part)
    }
    return true
  }

  private release(first: number, isReset: boolean): void {
    const { legs } = this
    for (let leg = first; leg >= 0; leg = legs.next(leg)) {
      if (!isReset && !this.isOpenEnded(leg)) this.judge(leg)
    }
    for (let leg = first, next = -1; leg >= 0; leg = next) {
      next = legs.next(leg)
      if (isReset || this.isOpenEnded(leg)) legs.linkStray(leg)
      else legs.free(leg)
    }
  }

  /** @param part what of the usual time is left, where there are too many: one in so much */
  private forgetStrays(now: number, part: number): void {
    const { legs } = this
    const gone: number[] = []
    legs.takeStrays(leg => {
      const isOver = now - legs.time(leg) > this.holdOf(leg) / part
      if (isOver) gone.push(leg)
      return isOver
    })
    for (const leg of gone) this.judge(leg)
    for (const leg of gone) legs.free(leg)
  }

  private holdOf(leg: number): number {
    if (this.isConversation(leg)) return DATAGRAM_HOLD
    if (this.mayGoOn(leg)) return this.legs.has(leg, LEG_FIN | LEG_FIN_BACK) ? HALF_CLOSED_HOLD : OPEN_HOLD
    return this.legs.has(leg, LEG_RST) && this.legs.rare(leg, REUSE) === 0 ? RESET_HOLD : STRAY_HOLD
  }

  /** Whether something that may still come decides what a leg was: its own packets, or others of its server. */
  private isOpenEnded(leg: number): boolean {
    return this.mayGoOn(leg) || this.isConversation(leg) || this.legs.rare(leg, REUSE) !== 0
  }

  private isConversation(leg: number): boolean {
    const { legs } = this
    // a resolver's two questions are over with their answers, and there may be very many
    if (legs.protocol(leg) !== IPPROTO_UDP || legs.has(leg, LEG_DNS)) return false
    return (
      legs.side(leg, 0, SIDE_PACKETS) >= LEAST_DATAGRAMS && legs.side(leg, 1, SIDE_PACKETS) >= LEAST_DATAGRAMS
    )
  }

  /** Whether a connection was open when it was last seen, on one side at least. */
  private mayGoOn(leg: number): boolean {
    const { legs } = this
    if (legs.protocol(leg) !== IPPROTO_TCP || legs.has(leg, LEG_RST)) return false
    if (legs.has(leg, LEG_FIN) && legs.has(leg, LEG_FIN_BACK)) return false
    return legs.side(leg, 0, SIDE_PACKETS) > 0 && legs.side(leg, 1, SIDE_PACKETS) > 0
  }
}
