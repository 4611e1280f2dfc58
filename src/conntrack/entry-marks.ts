// Some bits on each entry of a table, by its number: what has been counted of a connection once is not counted again.

export class EntryMarks {
  private readonly words: number
  private bits = new Int32Array(0)

  /** @param size how many bits an entry has */
  constructor(size: number) {
    this.words = Math.ceil(size / 32)
  }

  /** Sets a bit; false where it was set before. */
  set(ct: number, bit: number): boolean {
    const at = ct * this.words + (bit >> 5)
    if (at >= this.bits.length) this.grow(at)
    const before = this.bits[at]
    this.bits[at] = before | (1 << (bit & 31))
    return before !== this.bits[at]
  }

  has(ct: number, bit: number): boolean {
    const at = ct * this.words + (bit >> 5)
    return at < this.bits.length && (this.bits[at] & (1 << (bit & 31))) !== 0
  }

  clear(ct: number, bit: number): void {
    const at = ct * this.words + (bit >> 5)
    if (at < this.bits.length) this.bits[at] &= ~(1 << (bit & 31))
  }

  private grow(at: number): void {
    const bits = new Int32Array(Math.max(at + 1, this.bits.length * 2, 1024))
    bits.set(this.bits)
    this.bits = bits
  }
}
