// XXH64, of which a Zstandard frame keeps the lower half as its checksum (RFC 8878, 3.1.1), over bytes that come piece by piece.

const PRIME1 = 0x9e3779b185ebca87n
const PRIME2 = 0xc2b2ae3d27d4eb4fn
const PRIME3 = 0x165667b19e3779f9n
const PRIME4 = 0x85ebca77c2b2ae63n
const PRIME5 = 0x27d4eb2f165667c5n
/** The halves of the first two, for the loop that has no time for big integers. */
const PRIME1_HIGH = 0x9e3779b1 | 0
const PRIME1_LOW = 0x85ebca87 | 0
const PRIME2_HIGH = 0xc2b2ae3d | 0
const PRIME2_LOW = 0x27d4eb4f
const STRIPE = 32

export class XxHash64 {
  /** Four lanes of 64 bits, each as its higher and its lower half. */
  private readonly lanes = new Int32Array(8)
  private total = 0
  /** Bytes that do not make up a stripe yet. */
  private readonly rest = new Uint8Array(STRIPE)
  private restLength = 0

  constructor() {
    const starts = [PRIME1 + PRIME2, PRIME2, 0n, -PRIME1]
    for (const [index, start] of starts.entries()) {
      this.lanes[2 * index] = Number(BigInt.asIntN(32, start >> 32n))
      this.lanes[2 * index + 1] = Number(BigInt.asIntN(32, start))
    }
  }

  /** Takes in `bytes[start, end)`. */
  update(bytes: Uint8Array, start: number, end: number): void {
    this.total += end - start
    let at = start
    if (this.restLength > 0) {
      while (this.restLength < STRIPE && at < end) this.rest[this.restLength++] = bytes[at++]
      if (this.restLength < STRIPE) return
      this.stripe(this.rest, 0)
      this.restLength = 0
    }
    for (; at + STRIPE <= end; at += STRIPE) this.stripe(bytes, at)
    while (at < end) this.rest[this.restLength++] = bytes[at++]
  }

  /** The checksum of all bytes so far. */
  digest(): bigint {
    let hash = this.total < STRIPE ? PRIME5 : this.joinLanes()
    hash = wrap(hash + BigInt(this.total))
    const { rest, restLength } = this
    const view = new DataView(rest.buffer)
    let at = 0
    for (; at + 8 <= restLength; at += 8)
      hash = wrap(rotate(hash ^ mixWord(0n, view.getBigUint64(at, true)), 27n) * PRIME1 + PRIME4)
    for (; at + 4 <= restLength; at += 4)
      hash = wrap(rotate(hash ^ wrap(BigInt(view.getUint32(at, true)) * PRIME1), 23n) * PRIME2 + PRIME3)
    for (; at < restLength; at++) hash = wrap(rotate(hash ^ wrap(BigInt(rest[at]) * PRIME5), 11n) * PRIME1)
    hash = wrap((hash ^ (hash >> 33n)) * PRIME2)
    hash = wrap((hash ^ (hash >> 29n)) * PRIME3)
    return hash ^ (hash >> 32n)
  }

  private joinLanes(): bigint {
    const { lanes } = this
    const values = [0, 2, 4, 6].map(at => (BigInt(lanes[at] >>> 0) << 32n) | BigInt(lanes[at + 1] >>> 0))
    const [a, b, c, d] = values
    let hash = wrap(rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n))
    for (const value of values) hash = wrap((hash ^ mixWord(0n, value)) * PRIME1 + PRIME4)
    return hash
  }

  private stripe(bytes: Uint8Array, at: number): void {
    const { lanes } = this
    mixLane(lanes, 0, word(bytes, at + 4), word(bytes, at))
    mixLane(lanes, 2, word(bytes, at + 12), word(bytes, at + 8))
    mixLane(lanes, 4, word(bytes, at + 20), word(bytes, at + 16))
    mixLane(lanes, 6, word(bytes, at + 28), word(bytes, at + 24))
  }
}

/** lane = rotate(lane + input × PRIME2, 31) × PRIME1, in halves. */
function mixLane(lanes: Int32Array, lane: number, inputHigh: number, inputLow: number): void {
  const productLow = Math.imul(inputLow, PRIME2_LOW)
  const productHigh =
    multiplyHigh(inputLow, PRIME2_LOW) + Math.imul(inputHigh, PRIME2_LOW) + Math.imul(inputLow, PRIME2_HIGH)
  const low = (lanes[lane + 1] + productLow) | 0
  const carry = low >>> 0 < productLow >>> 0 ? 1 : 0
  const high = (lanes[lane] + productHigh + carry) | 0
  const rotatedHigh = (high << 31) | (low >>> 1)
  const rotatedLow = (low << 31) | (high >>> 1)
  lanes[lane] =
    multiplyHigh(rotatedLow, PRIME1_LOW) +
    Math.imul(rotatedHigh, PRIME1_LOW) +
    Math.imul(rotatedLow, PRIME1_HIGH)
  lanes[lane + 1] = Math.imul(rotatedLow, PRIME1_LOW)
}

/** The higher half of the product of two unsigned 32-bit numbers, by their 16-bit quarters. */
function multiplyHigh(a: number, b: number): number {
  const aHigh = a >>> 16
  const aLow = a & 0xffff
  const bHigh = b >>> 16
  const bLow = b & 0xffff
  const crossA = Math.imul(aHigh, bLow)
  const crossB = Math.imul(aLow, bHigh)
  const middle = (Math.imul(aLow, bLow) >>> 16) + (crossA & 0xffff) + (crossB & 0xffff)
  return (Math.imul(aHigh, bHigh) + (crossA >>> 16) + (crossB >>> 16) + (middle >>> 16)) | 0
}

function mixWord(lane: bigint, input: bigint): bigint {
  return wrap(rotate(wrap(lane + input * PRIME2), 31n) * PRIME1)
}

function rotate(value: bigint, bits: bigint): bigint {
  return wrap((value << bits) | (value >> (64n - bits)))
}

function wrap(value: bigint): bigint {
  return BigInt.asUintN(64, value)
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
}
