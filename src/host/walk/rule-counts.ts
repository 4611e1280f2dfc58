// What each rule and policy met: packets and bytes as the kernel counts them, first and last time, and what nobody can tell.

/** Rules and policies that a walk met, by their numbers. */
export interface MetRules {
  readonly met: Int32Array
  readonly perhaps: Int32Array
}

/** Packets, their bytes, and the times of the first and the last. */
export interface Load {
  packets: number
  bytes: number
  first: number
  last: number
}

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

  /** Takes what went a way: packets that met some rules for certain, and others perhaps. */
  add({ met, perhaps }: MetRules, { packets, bytes, first, last }: Load): void {
    for (const number of met) {
      this.packets[number] += packets
      this.bytes[number] += bytes
      if (!(this.first[number] <= first)) this.first[number] = first
      if (!(this.last[number] >= last)) this.last[number] = last
    }
    for (const number of perhaps) this.untold[number] += packets
  }
}
