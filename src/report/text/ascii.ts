// Text as bytes, appended to one buffer: what lines by the million are made with (strings cost five times as much).

const INITIAL_CAPACITY = 96 << 10
/** Free bytes that numbers and addresses count on; longer texts make room for themselves. */
const SLACK = 4096

/** From here on a call into Buffer costs less than a loop. */
const LONG = 32

const DIGIT_ZERO = 0x30
const LETTER_A = 0x61
const DOT = 0x2e
const SPACE = 0x20

/** A growing buffer of ASCII characters. */
export class Ascii {
  length = 0
  private bytes = Buffer.allocUnsafeSlow(INITIAL_CAPACITY)

  /** Everything appended since the last call; the bytes are the caller's. */
  take(): Buffer {
    const taken = this.bytes.subarray(0, this.length)
    this.bytes = Buffer.allocUnsafeSlow(INITIAL_CAPACITY)
    this.length = 0
    return taken
  }

  /** Appends a text, which must be ASCII. */
  text(text: string): void {
    const { length } = text
    if (this.length + length + SLACK > this.bytes.length) this.grow(length)
    const bytes = this.bytes
    const at = this.length
    if (length >= LONG) bytes.write(text, at, 'latin1')
    else for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i)
    this.length = at + length
  }

  /** Appends one character by its code. */
  byte(code: number): void {
    this.bytes[this.length++] = code
  }

  /** Appends a whole number. */
  decimal(value: number): void {
    if (!(value >= 0 && value <= 0xffffffff)) {
      this.text(String(value))
      return
    }
    // sequence numbers do not fit in a small integer: in two halves they do
    const high = value < 1e5 ? 0 : Math.floor(value / 1e5)
    if (high > 0) {
      this.digits(high, digitsOf(high))
      this.digits(value - high * 1e5, 5)
    } else this.digits(value, digitsOf(value))
  }

  /** Appends a whole number below 2^31 with leading zeros. */
  digits(value: number, digits: number): void {
    const bytes = this.bytes
    let rest = value | 0
    const end = this.length + digits
    for (let at = end - 1; at >= this.length; at--) {
      const tenth = (rest / 10) | 0
      bytes[at] = DIGIT_ZERO + rest - tenth * 10
      rest = tenth
    }
    this.length = end
  }

  /** Appends a 16-bit number in hexadecimal digits, without leading zeros. */
  hex16(value: number): void {
    let shift = 12
    while (shift > 0 && value >>> shift === 0) shift -= 4
    for (; shift >= 0; shift -= 4) this.hexDigit((value >>> shift) & 15)
  }

  /** Appends a 32-bit word as two groups of four hexadecimal digits with a colon between. */
  groups(word: number): void {
    for (let shift = 28; shift >= 0; shift -= 4) {
      this.hexDigit((word >>> shift) & 15)
      if (shift === 16) this.text(':')
    }
  }

  /** Appends `10.0.0.1` for an IPv4 word. */
  ipv4(word: number): void {
    this.octet(word >>> 24)
    this.byte(DOT)
    this.octet((word >>> 16) & 0xff)
    this.byte(DOT)
    this.octet((word >>> 8) & 0xff)
    this.byte(DOT)
    this.octet(word & 0xff)
  }

  /** Appends blanks until there are `width` characters since `start`. */
  padFrom(start: number, width: number): void {
    const bytes = this.bytes
    while (this.length < start + width) bytes[this.length++] = SPACE
  }

  /** There are so many of them that they go twice as fast as other numbers. */
  private octet(value: number): void {
    const bytes = this.bytes
    let at = this.length
    const hundreds = value >= 200 ? 2 : value >= 100 ? 1 : 0
    const rest = value - hundreds * 100
    const tens = (rest * 205) >> 11
    if (hundreds > 0) bytes[at++] = DIGIT_ZERO + hundreds
    if (value >= 10) bytes[at++] = DIGIT_ZERO + tens
    bytes[at++] = DIGIT_ZERO + rest - tens * 10
    this.length = at
  }

  private hexDigit(digit: number): void {
    this.bytes[this.length++] = digit < 10 ? DIGIT_ZERO + digit : LETTER_A + digit - 10
  }

  private grow(length: number): void {
    const larger = Buffer.allocUnsafeSlow((this.length + length + SLACK) * 2)
    larger.set(this.bytes.subarray(0, this.length))
    this.bytes = larger
  }
}

/** Digits of a whole number below 100,000. */
function digitsOf(value: number): number {
  if (value < 100) return value < 10 ? 1 : 2
  if (value < 10_000) return value < 1000 ? 3 : 4
  return 5
}

/** The bytes of a text in UTF-8, a character each, as `Ascii.text()` takes them. */
export function utf8(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** The text in one piece: a joined one (`a${b}`) V8 keeps in parts, and reads more slowly character by character. */
export function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}
