// The clock of a pcapng interface: 64-bit stamps in units of its own, made nanoseconds since the first frame (pcapng, if_tsresol).

const BASE = 2 ** 32
/** Nanoseconds since 1970 that a signed 64-bit number holds, as the kernel's clock: the years 1677 to 2262. */
const EARLIEST = -(2n ** 63n)
const LATEST = 2n ** 63n - 1n
/** Largest power of ten that a 53-bit quotient step can divide by. */
const STEP_EXPONENT = 6

/**
 * Stamps come as two unsigned 32-bit halves. Where a unit lasts a nanosecond or more, a stamp with its top bit set
 * would lie after the year 2262: it is taken for what it is in practice, a negative number. Stamps outside the years 1677
 * to 2262 are held at their ends, so that no replay has to walk through millions of years.
 */
export class PcapngClock {
  private readonly offset: bigint
  /** Nanoseconds a unit lasts. */
  readonly resolution: number

  private readonly binary: boolean
  /** Units per second: 10 or 2 to the power of this. */
  private readonly exponent: number
  private readonly signed: boolean

  /** For binary units: the epoch in seconds and nanoseconds. */
  private epochSeconds = 0
  private epochNanoseconds = 0
  /** For decimal units: the epoch in units, or in nanoseconds where the units are finer, and what is left of it. */
  private readonly unit: number
  private epochHigh = 0
  private epochLow = 0
  private epochRest = 0
  /** The ends of time, in nanoseconds since the epoch. */
  private earliest = 0
  private latest = 0

  /**
   * @param resolution byte of if_tsresol: the exponent, negated; of 2 if the top bit is set, else of 10
   * @param offset seconds to be added to every stamp (if_tsoffset)
   */
  constructor(resolution: number, offset: bigint) {
    this.offset = offset
    this.binary = resolution > 127
    this.exponent = resolution & 127
    this.signed = this.exponent <= (this.binary ? 30 : 9)
    this.resolution = 1e9 / (this.binary ? 2 : 10) ** this.exponent
    this.unit = this.exponent < 9 ? 10 ** (9 - this.exponent) : 1
  }

  /** A stamp as nanoseconds since 1970. */
  absolute(high: number, low: number): bigint {
    const exact = this.exactly(high, low)
    return exact < EARLIEST ? EARLIEST : exact > LATEST ? LATEST : exact
  }

  private exactly(high: number, low: number): bigint {
    const top = this.signed ? high | 0 : high
    if (this.binary) {
      const seconds = this.wholeSeconds(top, low)
      return (BigInt(seconds) + this.offset) * 1_000_000_000n + BigInt(this.nanoseconds(top, low))
    }
    let units = (BigInt(top) << 32n) | BigInt(low)
    if (this.exponent > 9) units /= 10n ** BigInt(this.exponent - 9)
    return units * BigInt(this.unit) + this.offset * 1_000_000_000n
  }

  /** Sets the time, in nanoseconds since 1970, that `since` counts from. */
  align(epoch: bigint): void {
    const local = epoch - this.offset * 1_000_000_000n
    const seconds = floorDivide(local, 1_000_000_000n)
    this.epochSeconds = Number(seconds)
    this.epochNanoseconds = Number(local - seconds * 1_000_000_000n)
    const unit = BigInt(this.unit)
    const units = floorDivide(local, unit)
    this.epochHigh = Number(units >> 32n)
    this.epochLow = Number(units & 0xffffffffn)
    this.epochRest = Number(local - units * unit)
    this.earliest = Number(EARLIEST - epoch)
    this.latest = Number(LATEST - epoch)
  }

  /** Nanoseconds from the aligned epoch to a stamp: exact within 104 days, and as near as a double gets beyond. */
  since(high: number, low: number): number {
    const time = this.nanosecondsSince(high, low)
    return time < this.earliest ? this.earliest : time > this.latest ? this.latest : time
  }

  private nanosecondsSince(high: number, low: number): number {
    if (this.binary) return this.sinceBinary(this.signed ? high | 0 : high, low)
    if (this.exponent > 9) return this.sinceFine(high, low)
    return (((high | 0) - this.epochHigh) * BASE + (low - this.epochLow)) * this.unit - this.epochRest
  }

  private sinceBinary(top: number, low: number): number {
    const seconds = this.wholeSeconds(top, low) - this.epochSeconds
    return seconds * 1e9 + (this.nanoseconds(top, low) - this.epochNanoseconds)
  }

  /** Units finer than a nanosecond: long division of the two halves, in steps that stay below 2^53. */
  private sinceFine(high: number, low: number): number {
    let quotientHigh = high
    let quotientLow = low
    for (let left = this.exponent - 9; left > 0; left -= STEP_EXPONENT) {
      const divisor = 10 ** Math.min(left, STEP_EXPONENT)
      const rest = quotientHigh % divisor
      quotientHigh = (quotientHigh - rest) / divisor
      quotientLow = Math.floor((rest * BASE + quotientLow) / divisor)
    }
    return (quotientHigh - this.epochHigh) * BASE + (quotientLow - this.epochLow)
  }

  private wholeSeconds(top: number, low: number): number {
    const bits = this.exponent
    if (bits < 32) return top * 2 ** (32 - bits) + Math.floor(low / 2 ** bits)
    return Math.floor(top / 2 ** (bits - 32))
  }

  /** The part of a second of a stamp, rounded down; units finer than 2^-32 s may come out a nanosecond off. */
  private nanoseconds(top: number, low: number): number {
    const bits = this.exponent
    if (bits < 32) return Math.floor(((low % 2 ** bits) / 2 ** bits) * 1e9)
    const rest = top - Math.floor(top / 2 ** (bits - 32)) * 2 ** (bits - 32)
    return Math.floor(((rest * BASE + low) / 2 ** bits) * 1e9)
  }
}

function floorDivide(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor
  return dividend % divisor < 0n ? quotient - 1n : quotient
}
