// XXH32, the checksum of LZ4 frames (xxHash fast digest algorithm, version 0.1.1), over bytes that come piece by piece.

const PRIME1 = 0x9e3779b1 | 0
const PRIME2 = 0x85ebca77 | 0
const PRIME3 = 0xc2b2ae3d | 0
const PRIME4 = 0x27d4eb2f | 0
const PRIME5 = 0x165667b1 | 0
const STRIPE = 16

export class XxHash32 {
  private a = (PRIME1 + PRIME2) | 0
  private b = PRIME2
  private c = 0
  private d = -PRIME1 | 0
  private total = 0
  /** Bytes that do not make up a stripe yet. */
  private readonly rest = new Uint8Array(STRIPE)
  private restLength = 0

  /** Takes in `bytes[start, end)`. */
  update(bytes: Uint8Array, start: number, end: number): void {
    this.total += end - start
    let at = start
    if (this.restLength > 0) {
      while (this.restLength < STRIPE && at < end) this.rest[this.restLength++] = bytes[at++]
      if (this.restLength < STRIPE) return
      this.stripes(this.rest, 0, STRIPE)
      this.restLength = 0
    }
    const whole = at + Math.floor((end - at) / STRIPE) * STRIPE
    this.stripes(bytes, at, whole)
    for (at = whole; at < end; at++) this.rest[this.restLength++] = bytes[at]
  }

  /** The checksum of all bytes so far, as a signed 32-bit integer. */
  digest(): number {
    let hash =
      this.total < STRIPE
        ? PRIME5
        : (rotate(this.a, 1) + rotate(this.b, 7) + rotate(this.c, 12) + rotate(this.d, 18)) | 0
    hash = (hash + this.total) | 0
    let at = 0
    for (; at + 4 <= this.restLength; at += 4)
      hash = Math.imul(rotate((hash + Math.imul(word(this.rest, at), PRIME3)) | 0, 17), PRIME4)
    for (; at < this.restLength; at++)
      hash = Math.imul(rotate((hash + Math.imul(this.rest[at], PRIME5)) | 0, 11), PRIME1)
    hash = Math.imul(hash ^ (hash >>> 15), PRIME2)
    hash = Math.imul(hash ^ (hash >>> 13), PRIME3)
    return hash ^ (hash >>> 16)
  }

  private stripes(bytes: Uint8Array, start: number, end: number): void {
    let { a, b, c, d } = this
    for (let at = start; at < end; at += STRIPE) {
      a = round(a, word(bytes, at))
      b = round(b, word(bytes, at + 4))
      c = round(c, word(bytes, at + 8))
      d = round(d, word(bytes, at + 12))
    }
    this.a = a
    this.b = b
    this.c = c
    this.d = d
  }
}

/** The XXH32 of `bytes[start, end)`. */
export function xxHash32(bytes: Uint8Array, start: number, end: number): number {
  const hash = new XxHash32()
  hash.update(bytes, start, end)
  return hash.digest()
}

function round(lane: number, input: number): number {
  return Math.imul(rotate((lane + Math.imul(input, PRIME2)) | 0, 13), PRIME1)
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
}
