// Wheels of rules that count by turns: `-m statistic --mode nth`, `numgen inc`; xt_statistic.c, nft_numgen.c.
import type { Turns } from '../rules/packet-facts.ts'

export class Wheels implements Turns {
  private readonly at = new Map<number, number>()

  turn(id: number, size: number, first: number, isSure: boolean): number {
    const stands = this.at.get(id) ?? first
    // if the packet may not get here at all, nobody knows any more how the wheel stands
    if (stands < 0 || !isSure) {
      this.at.set(id, -1)
      return -1
    }
    this.at.set(id, (stands + 1) % size)
    return stands
  }
}
