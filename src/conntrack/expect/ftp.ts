// What the FTP helper reads of a control connection: PORT, EPRT, 227 and 229 (nf_conntrack_ftp.c; RFC 959, 1123, 2428).

import { parseIpv6 } from '../../net/parse-address.ts'
import { after, before } from '../../net/sequence.ts'
import { CARRIAGE_RETURN, hasBeginning, isDigit, LONGEST_ADDRESS, SPACE, type Span } from './payload.ts'

/** What a line announced. */
export interface Announced {
  /** Words of the address that it names; null where it names none. */
  address: readonly number[] | null
  port: number
}

/** No line of those; one that must be dropped because it may be one of them, cut in two; one that was read. */
export type Reading = 'none' | 'partial' | Announced

/**
 * Where lines ended, of both directions: the helper looks at segments that begin there alone, and remembers two such
 * places a direction. kernel: struct nf_ct_ftp_master
 */
export class LineEnds {
  private readonly ends: [number[], number[]] = [[], []]

  /** Whether a segment that begins at `sequence` begins a line. */
  begins(direction: number, sequence: number): boolean {
    return this.ends[direction].includes(sequence)
  }

  /** Remembers that a line ended there. kernel: update_nl_seq() */
  note(direction: number, sequence: number): void {
    const ends = this.ends[direction]
    if (ends.includes(sequence)) return
    if (ends.length < REMEMBERED) {
      ends.push(sequence)
      return
    }
    const oldest = before(ends[0], ends[1]) ? 0 : 1
    if (after(sequence, ends[oldest])) ends[oldest] = sequence
  }
}

/** kernel: NUM_SEQ_TO_REMEMBER */
const REMEMBERED = 2

const COMMA = 0x2c
const DOT = 0x2e
const OPENING = 0x28

interface Pattern {
  word: string
  /** The byte that the numbers follow; 0 for right behind the word. */
  skip: number
  read: (data: Span, isIpv6: boolean, bounded: boolean) => Announced | null
}

/** By direction, in the order in which they are tried. kernel: search[] */
const PATTERNS: readonly (readonly Pattern[])[] = [
  [
    { word: 'PORT', skip: SPACE, read: (data, _, bounded) => readHostPort(data, CARRIAGE_RETURN, bounded) },
    { word: 'EPRT', skip: SPACE, read: readExtendedPort },
  ],
  [
    { word: '227 ', skip: 0, read: readPassive },
    { word: '229 ', skip: OPENING, read: (data, _, bounded) => readExtendedPassive(data, bounded) },
  ],
]

/**
 * Reads the payload of a segment at the beginning of a line.
 * @param bounded whether numbers too large for what they are make a line a partial one, as in 7.2; else they wrap
 */
export function readFtp(data: Span, direction: number, isIpv6: boolean, bounded: boolean): Reading {
  for (const pattern of PATTERNS[direction]) {
    const reading = match(data, pattern, isIpv6, bounded)
    if (reading !== 'none') return reading
  }
  return 'none'
}

/** kernel: find_pattern() */
function match(data: Span, { word, skip, read }: Pattern, isIpv6: boolean, bounded: boolean): Reading {
  const { bytes, end } = data
  if (!hasBeginning(data, data.start, word)) return 'none'
  let start = data.start + word.length
  if (start >= end) return 'partial'
  if (skip !== 0) start = placeOf(data, start, skip) + 1
  return read({ bytes, start, end }, isIpv6, bounded) ?? 'partial'
}

/** Where a byte stands from `start` on; the end where it does not. */
function placeOf({ bytes, end }: Span, start: number, byte: number): number {
  let at = start
  while (at < end && bytes[at] !== byte) at++
  return at
}

/** What was read, and where the byte stands that ended it. */
interface Numbers {
  numbers: number[]
  at: number
}

/** Numbers with a byte between them, and behind them one that ends them, or any with `term` 0. kernel: try_number() */
function readNumbers(
  { bytes, start, end }: Span,
  count: number,
  separator: number,
  term: number,
  bounded: boolean,
): Numbers | null {
  const numbers = new Array<number>(count).fill(0)
  let i = 0
  for (let at = start; at < end && i < count; at++) {
    const byte = bytes[at]
    if (isDigit(byte)) {
      numbers[i] = (Math.imul(numbers[i], 10) + byte - 0x30) >>> 0
      if (bounded && numbers[i] > 255) return null
    } else if (byte === separator) i++
    // an empty text is no match
    else return (byte === term || term === 0) && i === count - 1 && at > start ? { numbers, at } : null
  }
  return null
}

function addressOf([a, b, c, d]: readonly number[]): number[] {
  return [(a << 24) | (b << 16) | (c << 8) | d]
}

/** `192,168,1,1,5,6`. kernel: try_rfc959() */
function readHostPort(data: Span, term: number, bounded: boolean): Announced | null {
  const found = readNumbers(data, 6, COMMA, term, bounded)
  if (found === null) return null
  const [, , , , high, low] = found.numbers
  return { address: addressOf(found.numbers), port: ((high << 8) | low) & 0xffff }
}

/** The first digit begins the numbers, with parentheses before it or without. kernel: try_rfc1123() */
function readPassive({ bytes, start, end }: Span, _isIpv6: boolean, bounded: boolean): Announced | null {
  let at = start
  while (at < end && !isDigit(bytes[at])) at++
  return readHostPort({ bytes, start: at, end }, 0, bounded)
}

/** A number up to a delimiter. kernel: get_port() */
function readPort({ bytes, end }: Span, start: number, delimiter: number, bounded: boolean): number | null {
  let port = 0
  for (let at = start; at < end; at++) {
    const byte = bytes[at]
    if (byte === delimiter) return port === 0 ? null : port
    if (!isDigit(byte)) return null
    port = port * 10 + byte - 0x30
    if (bounded && port > 0xffff) return null
    port &= 0xffff
  }
  return null
}

function isDelimiter(byte: number): boolean {
  return !isDigit(byte) && byte >= 33 && byte <= 126
}

/** `|1|132.235.1.2|6275|` or `|2|3ffe::1|6275|`. kernel: try_eprt() */
function readExtendedPort(data: Span, isIpv6: boolean, bounded: boolean): Announced | null {
  const { bytes, start, end } = data
  const delimiter = bytes[start]
  if (end - start <= 3 || !isDelimiter(delimiter) || bytes[start + 2] !== delimiter) return null
  if (bytes[start + 1] !== (isIpv6 ? 0x32 : 0x31)) return null
  const text = { bytes, start: start + 3, end }
  const found = isIpv6 ? readIpv6(text, delimiter) : readNumbers(text, 4, DOT, delimiter, bounded)
  if (found === null) return null
  const port = readPort(data, found.at + 1, delimiter, bounded)
  const address = isIpv6 ? found.numbers : addressOf(found.numbers)
  return port === null ? null : { address, port }
}

/** The words of an address up to a delimiter. kernel: get_ipv6_addr() */
function readIpv6({ bytes, start, end }: Span, delimiter: number): Numbers | null {
  const last = Math.min(end, start + LONGEST_ADDRESS + 1)
  let text = ''
  for (let at = start; at < last; at++) {
    if (bytes[at] === delimiter) {
      const numbers = parseIpv6(text)
      return numbers === null ? null : { numbers, at }
    }
    text += String.fromCharCode(bytes[at])
  }
  return null
}

/** `|||6446|`, which names no address. kernel: try_epsv_response() */
function readExtendedPassive(data: Span, bounded: boolean): Announced | null {
  const { bytes, start, end } = data
  const delimiter = bytes[start]
  if (end - start <= 3 || !isDelimiter(delimiter)) return null
  if (bytes[start + 1] !== delimiter || bytes[start + 2] !== delimiter) return null
  const port = readPort(data, start + 3, delimiter, bounded)
  return port === null ? null : { address: null, port }
}
