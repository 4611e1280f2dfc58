// A bit for each of some scenarios on each entry of a table: what has been counted of a flow once is not counted again.

export class FlowMarks {
  private readonly words: number
  private bits = new Int32Array(0)

  /** @param scenarios how many bits an entry has */
  constructor(scenarios: number) {
    this.words = Math.ceil(scenarios / 32)
  }

  /** Sets a bit; false where it was set before. */
  set(ct: number, scenario: number): boolean {
    const at = ct * this.words + (scenario >> 5)
    if (at >= this.bits.length) this.grow(at)
    const before = this.bits[at]
    this.bits[at] = before | (1 << (scenario & 31))
    return before !== this.bits[at]
  }

  clear(ct: number, scenario: number): void {
    const at = ct * this.words + (scenario >> 5)
    if (at < this.bits.length) this.bits[at] &= ~(1 << (scenario & 31))
  }

  private grow(at: number): void {
    const bits = new Int32Array(Math.max(at + 1, this.bits.length * 2, 1024))
    bits.set(this.bits)
    this.bits = bits
  }
}
