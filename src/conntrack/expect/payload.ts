// Text in a payload, looked at where it lies: what helpers search for and the numbers and addresses that they read.
import { parseIpv6 } from '../../net/parse-address.ts'

/** Bytes from `start` to before `end`. */
export interface Span {
  bytes: Uint8Array
  start: number
  end: number
}

export const SPACE = 0x20
export const TAB = 0x09
export const CARRIAGE_RETURN = 0x0d
export const NEWLINE = 0x0a

export function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}

export function isLetter(byte: number): boolean {
  return (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a
}

function upper(byte: number): number {
  return byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte
}

/** Whether `text` stands at `at`, letter by letter. */
export function hasText({ bytes, end }: Span, at: number, text: string): boolean {
  if (at + text.length > end) return false
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false
  return true
}

/** Whether `text` stands at `at`, in small letters or large ones. kernel: strncasecmp() */
export function hasWord(data: Span, at: number, text: string): boolean {
  return at + text.length <= data.end && hasBeginning(data, at, text)
}

/** Whether `text` stands at `at` as far as there are bytes. */
export function hasBeginning({ bytes, end }: Span, at: number, text: string): boolean {
  const length = Math.min(end - at, text.length)
  for (let i = 0; i < length; i++) {
    if (upper(bytes[at + i]) !== upper(text.charCodeAt(i))) return false
  }
  return true
}

/** Where `text` stands first from `from` on, or -1. */
export function findText(data: Span, from: number, text: string): number {
  for (let at = from; at + text.length <= data.end; at++) if (hasText(data, at, text)) return at
  return -1
}

/** A number and where it ends. */
export interface ReadNumber {
  value: number
  at: number
}

/** Decimal digits, as many as there are; 0 for none. Values wrap at 32 bits. kernel: simple_strtoul() */
export function readDigits({ bytes, end }: Span, from: number): ReadNumber {
  let value = 0
  let at = from
  for (; at < end && isDigit(bytes[at]); at++) value = (Math.imul(value, 10) + bytes[at] - 0x30) >>> 0
  return { value, at }
}

/** An address of `isIpv6`'s family and where it ends; null for none. kernel: in4_pton(), in6_pton() */
export function readAddress(
  data: Span,
  from: number,
  isIpv6: boolean,
): { words: number[]; at: number } | null {
  return isIpv6 ? readIpv6(data, from) : readIpv4(data, from)
}

function readIpv4({ bytes, end }: Span, from: number): { words: number[]; at: number } | null {
  let word = 0
  let at = from
  for (let part = 0; part < 4; part++) {
    if (part > 0 && (at >= end || bytes[at++] !== DOT)) return null
    let number = 0
    const start = at
    for (; at < end && isDigit(bytes[at]); at++) {
      number = number * 10 + bytes[at] - 0x30
      if (number > 255) return null
    }
    if (at === start) return null
    word = (word << 8) | number
  }
  return at < end && (bytes[at] === DOT || isHexLetter(bytes[at])) ? null : { words: [word], at }
}

function readIpv6({ bytes, end }: Span, from: number): { words: number[]; at: number } | null {
  let at = from
  let text = ''
  while (at < end && at - from <= LONGEST_ADDRESS && isOfIpv6(bytes[at]))
    text += String.fromCharCode(bytes[at++])
  const words = parseIpv6(text)
  return words === null ? null : { words, at }
}

/** Longest text of an IPv6 address. */
export const LONGEST_ADDRESS = 45
const DOT = 0x2e
const COLON = 0x3a

function isHexLetter(byte: number): boolean {
  return (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66
}

function isOfIpv6(byte: number): boolean {
  return isDigit(byte) || isHexLetter(byte) || byte === COLON || byte === DOT
}
