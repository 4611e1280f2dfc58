// Heads of hash chains whose number follows the records they lead to: they double, and whoever links relinks.

const INITIAL_HEADS = 1 << 10

/** Each head is a record or -1. Hashes are 32 bits, well mixed. */
export class ChainedHeads {
  private heads = new Int32Array(INITIAL_HEADS).fill(-1)

  get(hash: number): number {
    return this.heads[hash & (this.heads.length - 1)]
  }

  set(hash: number, record: number): void {
    this.heads[hash & (this.heads.length - 1)] = record
  }

  /** Doubles the heads until there are as many as `records`; true: all chains are empty now, link everything again. */
  grow(records: number): boolean {
    if (records <= this.heads.length) return false
    let { length } = this.heads
    while (length < records) length *= 2
    this.heads = new Int32Array(length).fill(-1)
    return true
  }

  /** Calls `visit` with the first record of each chain that has one. */
  forEach(visit: (first: number) => void): void {
    for (let i = 0; i < this.heads.length; i++) if (this.heads[i] >= 0) visit(this.heads[i])
  }
}
