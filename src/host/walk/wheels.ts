// Wheels of rules that count by turns: `-m statistic --mode nth`, `numgen inc`; xt_statistic.c, nft_numgen.c.
import type { Turns } from '../rules/packet-facts.ts'

export class Wheels implements Turns {
  private readonly at = new Map<number, number>()
  private readonly last = new Map<number, number>()

  turn(id: number, size: number, first: number, isSure: boolean): number {
    const at = this.at.get(id) ?? first
    // if the packet may not get here at all, nobody knows any more how the wheel stands
    const stands = isSure ? at : -1
    this.at.set(id, stands < 0 ? -1 : (stands + 1) % size)
    this.last.set(id, stands)
    return stands
  }

  shown(id: number): number {
    return this.last.get(id) ?? -1
  }
}
