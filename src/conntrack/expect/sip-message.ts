// SIP messages and session descriptions as the SIP helper reads them: headers, URIs, parameters, media (nf_conntrack_sip.c; RFC 3261, 4566).
import {
  CARRIAGE_RETURN,
  hasText,
  hasWord,
  isDigit,
  isLetter,
  NEWLINE,
  readAddress,
  SPACE,
  type Span,
  TAB,
} from './payload.ts'

const SIP_PORT = 5060
const COLON = 0x3a
const OPENING = 0x5b
const CLOSING = 0x5d
const AT = 0x40
/** The digits of 4294967295. */
const MOST_DIGITS = 10
const LARGEST = 0xffffffff

/** A header's long name and its short one, and what its value is searched for. */
interface Header {
  name: string
  short?: string
  search?: string
}

export const CSEQ: Header = { name: 'CSeq' }
export const EXPIRES: Header = { name: 'Expires' }
export const CONTENT_LENGTH: Header = { name: 'Content-Length', short: 'l' }
export const CONTACT: Header = { name: 'Contact', short: 'm', search: 'sip:' }

/** Where a value begins and ends; `after` is where the search goes on. */
export interface Place {
  start: number
  end: number
}

/** An address with its port, and where it stands. */
export interface Uri extends Place {
  address: number[]
  port: number
}

/** What a search comes to: nothing there, something that cannot be read. */
export type Missing = 'none' | 'bad'

/** A number in a text; null where there is none, or more than 32 bits. kernel: sip_strtouint() */
export function readNumber({ bytes, end }: Span, from: number): { value: number; at: number } | null {
  let value = 0
  let at = from
  for (; at < end && isDigit(bytes[at]); at++) {
    if (at - from > MOST_DIGITS) return null
    value = value * 10 + bytes[at] - 0x30
    if (value > LARGEST) return null
  }
  return at === from ? null : { value, at }
}

function isLineEnd(byte: number): boolean {
  return byte === CARRIAGE_RETURN || byte === NEWLINE
}

/** Where the line behind the end of a line at `at` begins, -1 at the end of all. */
function nextLine({ bytes, end }: Span, at: number): number {
  if (at + 1 >= end) return -1
  if (bytes[at] !== CARRIAGE_RETURN || bytes[at + 1] !== NEWLINE) return at + 1
  return at + 2 >= end ? -1 : at + 2
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB
}

/** Behind a line's end, where the next one continues it; -1 where not. kernel: sip_follow_continuation() */
function continuation(data: Span, at: number): number {
  let next = nextLine(data, at)
  if (next < 0 || !isBlank(data.bytes[next])) return -1
  while (next < data.end && isBlank(data.bytes[next])) next++
  return next
}

/** kernel: sip_skip_whitespace() */
function skipBlanks(data: Span, from: number): number {
  let at = from
  while (at < data.end && isBlank(data.bytes[at])) at++
  if (at < data.end && isLineEnd(data.bytes[at])) at = continuation(data, at)
  return at >= 0 && at < data.end ? at : -1
}

/** Where a word stands in a header's value, or -1. kernel: ct_sip_header_search() */
function searchValue(data: Span, from: number, word: string, end = data.end): number {
  for (let at = from; at < end - word.length; at++) {
    if (isLineEnd(data.bytes[at])) {
      at = continuation({ ...data, end }, at)
      if (at < 0) return -1
      continue
    }
    if (hasWord(data, at, word)) return at
  }
  return -1
}

/** One message, and what its family makes of addresses. */
export class SipMessage {
  readonly data: Span
  private readonly isIpv6: boolean
  /** Whether ports are checked as addresses are: a header whose port is none is not found. */
  private readonly isStrict: boolean

  constructor(data: Span, isIpv6: boolean, isStrict: boolean) {
    this.data = data
    this.isIpv6 = isIpv6
    this.isStrict = isStrict
  }

  /**
   * The value of the first header of its name behind `from`.
   * @returns `'bad'` for one without what is searched for; then `at` tells where to go on. kernel: ct_sip_get_header()
   */
  private header(header: Header, from: number): { place: Place | Missing; at: number } {
    const { data } = this
    const { bytes, end } = data
    for (let at = from; at < end; at++) {
      if (!isLineEnd(bytes[at])) continue
      at = nextLine(data, at)
      if (at < 0) break
      if (isBlank(bytes[at])) continue
      if (hasWord(data, at, header.name)) at += header.name.length
      else if (isShort(data, at, header)) at += header.short?.length ?? 0
      else continue
      at = skipBlanks(data, at)
      if (at < 0 || bytes[at] !== COLON || at + 1 >= end) break
      at = skipBlanks(data, at + 1)
      if (at < 0) break
      const found = this.value(header, at)
      return { place: found, at: typeof found === 'string' ? at : found.start }
    }
    return { place: 'none', at: end }
  }

  /** What is looked for in a value: digits, or the address of a URI. */
  private value({ search }: Header, from: number): Place | Missing {
    if (search === undefined) {
      const number = digits(this.data, from)
      return number === from ? 'bad' : { start: from, end: number }
    }
    const at = searchValue(this.data, from, search)
    return at < 0 ? 'bad' : this.address(at + search.length)
  }

  /** An address behind user and `@`, with its port. kernel: skp_epaddr_len() */
  private address(from: number): Place | Missing {
    const { bytes, end } = this.data
    let at = from
    while (at < end && bytes[at] !== AT && !isLineEnd(bytes[at])) at++
    const start = at < end && bytes[at] === AT ? at + 1 : from
    const stop = this.skipAddress(start)
    return stop < 0 ? 'bad' : { start, end: stop }
  }

  /** kernel: epaddr_len() */
  private skipAddress(from: number): number {
    const found = this.hostAddress(from)
    if (found === null) return -1
    if (this.isStrict) return this.port(found.at)?.at ?? -1
    const { bytes, end } = this.data
    if (found.at >= end || bytes[found.at] !== COLON) return found.at
    return digits(this.data, found.at + 1)
  }

  /** kernel: sip_parse_addr() */
  private hostAddress(from: number): { words: number[]; at: number } | null {
    const { bytes, end } = this.data
    if (!this.isIpv6) return readAddress(this.data, from, false)
    if (from >= end || bytes[from] !== OPENING) return null
    const found = readAddress(this.data, from + 1, true)
    return found !== null && found.at < end && bytes[found.at] === CLOSING
      ? { words: found.words, at: found.at + 1 }
      : null
  }

  /** A port behind an address, or that of SIP; null for one that is none. kernel: sip_parse_port() */
  private port(from: number): { value: number; at: number } | null {
    const { bytes, end } = this.data
    if (from >= end && this.isStrict) return null
    if (from >= end || bytes[from] !== COLON) return { value: SIP_PORT, at: from }
    const found = readNumber(this.data, from + 1)
    if (found === null || found.value < 1024 || found.value > 0xffff) return null
    if (this.isStrict && (found.at >= end || found.at - from > 6)) return null
    return found
  }

  /** The number in a header; `'bad'` where it has none. */
  number(header: Header): { value: number; start: number; end: number } | Missing {
    const { place } = this.header(header, this.data.start)
    if (typeof place === 'string') return place
    const found = readNumber(this.data, place.start)
    return found === null ? 'bad' : { value: found.value, ...place }
  }

  /**
   * The next address of a header, from `from` on or, `within` one, behind the comma of a list.
   * kernel: ct_sip_parse_header_uri(), ct_sip_walk_headers()
   */
  uri(header: Header, from = this.data.start, within = false): Uri | Missing {
    let place: Place | Missing = within ? this.nextInList(header, from) : 'none'
    let at = from
    while (typeof place === 'string') {
      const found = this.header(header, at)
      if (found.place === 'none') return 'none'
      place = found.place
      at = found.at
    }
    const address = this.hostAddress(place.start)
    const port = address === null ? null : this.port(address.at)
    if (address === null || port === null) return 'bad'
    return { address: address.words, port: port.value, start: place.start, end: port.at }
  }

  /** kernel: ct_sip_next_header() */
  private nextInList({ search = '' }: Header, from: number): Place | Missing {
    let at = from
    for (;;) {
      at = searchValue(this.data, at, ',')
      if (at < 0) return 'none'
      at = searchValue(this.data, at, search)
      if (at < 0) return 'none'
      at += search.length
      const place = this.address(at)
      if (typeof place !== 'string') return place
    }
  }

  /** Where the values of a header end that begin at `from`: at a comma. */
  private endOfValue(from: number): number {
    const comma = searchValue(this.data, from, ',')
    return comma < 0 ? this.data.end : comma
  }

  /** Whether the transport that a URI names is `protocol`'s, or none is named. kernel: ct_sip_parse_transport() */
  isBy(protocol: 'TCP' | 'UDP', from: number): boolean {
    const at = searchValue(this.data, from, 'transport=', this.endOfValue(from))
    return at < 0 || hasWord(this.data, at + 'transport='.length, protocol)
  }

  /** The number of a parameter behind `from`. kernel: ct_sip_parse_numerical_param() */
  parameter(name: string, from: number): number | Missing {
    const end = this.endOfValue(from)
    const at = searchValue(this.data, from, name, end)
    if (at < 0) return 'none'
    const start = at + name.length
    const found = readNumber({ ...this.data, end }, start)
    if (found !== null) return found.value
    return this.isStrict ? 'bad' : 0
  }

  /** The media of its session description, as far as they are looked at. kernel: process_sdp() */
  media(): Media[] {
    const { data } = this
    const session = this.line('v=', data.start)
    if (session < 0 || !isDigit(data.bytes[session + 2])) return []
    const common = this.connection(session + 2)
    const found: Media[] = []
    for (let from = session + 2; found.length < MEDIA.length; ) {
      const line = this.line('m=', from)
      if (line < 0) break
      const start = line + 2
      const kind = MEDIA.findIndex(name => hasText(data, start, name))
      const length = lengthOfMedia(data, start)
      if (length === 0) break
      if (kind < 0) {
        from = start + length
        continue
      }
      from = start + MEDIA[kind].length
      const port = readNumber(data, from)
      if (port === null || port.value === 0) continue
      found.push({ class: kind + 1, port: port.value, address: this.connection(from) ?? common })
      if (port.value < 1024 || port.value > 0xffff) break
    }
    return found
  }

  /** The address of the `c=` line behind `from`, in front of the next medium; null for none that can be read. */
  private connection(from: number): number[] | null {
    const { data } = this
    const at = this.line('c=', from, 'm=')
    if (at < 0) return null
    const word = this.isIpv6 ? 'IN IP6 ' : 'IN IP4 '
    for (let found = at + 2; found < data.end - word.length; found++) {
      if (isLineEnd(data.bytes[found])) return null
      if (hasText(data, found, word)) {
        return readAddress(data, found + word.length, this.isIpv6)?.words ?? null
      }
    }
    return null
  }

  /** Where the next line begins with `name`, in front of one with `stop`; -1. kernel: ct_sip_get_sdp_header() */
  private line(name: string, from: number, stop = ''): number {
    const { data } = this
    for (let at = from; at < data.end; at++) {
      if (!isLineEnd(data.bytes[at])) continue
      at = nextLine(data, at)
      if (at < 0 || (stop !== '' && hasWord(data, at, stop))) return -1
      if (hasWord(data, at, name)) return at
    }
    return -1
  }
}

const MEDIA = ['audio ', 'video ', 'image ']

/** A medium: its class of expectations, and where it is to be sent; no address that can be read: null. */
export interface Media {
  class: number
  port: number
  address: number[] | null
}

function digits({ bytes, end }: Span, from: number): number {
  let at = from
  while (at < end && isDigit(bytes[at])) at++
  return at
}

function isShort(data: Span, at: number, { short }: Header): boolean {
  if (short === undefined || at + short.length >= data.end) return false
  return hasWord(data, at, short) && !isLetter(data.bytes[at + short.length])
}

/** Type and port of a medium, 0 where there is no port. kernel: media_len() */
function lengthOfMedia(data: Span, from: number): number {
  let at = from
  while (at < data.end && isLetter(data.bytes[at])) at++
  if (at >= data.end || data.bytes[at] !== SPACE) return 0
  return digits(data, at + 1) - from
}
