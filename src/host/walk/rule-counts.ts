// What each rule and policy met: packets and bytes as the kernel counts them, first and last time, and what nobody can tell.
export class RuleCounts {
  readonly packets: Float64Array
  readonly bytes: Float64Array
  /** Packets of which it cannot be told whether they met the rule. */
  readonly untold: Float64Array
  /** Nanoseconds since the first frame; NaN where it met nothing. */
  readonly first: Float64Array
  readonly last: Float64Array

  /** @param size how many rules and policies there are */
  constructor(size: number) {
    this.packets = new Float64Array(size)
    this.bytes = new Float64Array(size)
    this.untold = new Float64Array(size)
    this.first = new Float64Array(size).fill(Number.NaN)
    this.last = new Float64Array(size).fill(Number.NaN)
  }

  /** A packet met a rule for certain. */
  add(number: number, bytes: number, time: number): void {
    this.packets[number]++
    this.bytes[number] += bytes
    if (Number.isNaN(this.first[number])) this.first[number] = time
    this.last[number] = time
  }

  perhaps(number: number): void {
    this.untold[number]++
  }
}
