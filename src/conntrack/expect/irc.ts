// What the IRC helper reads of a client's line: an offer of DCC, with the address and port to come to (nf_conntrack_irc.c).
import { findText, hasText, hasWord, NEWLINE, readDigits, SPACE, type Span } from './payload.ts'

const COMMANDS = ['SEND ', 'CHAT ', 'MOVE ', 'TSEND ', 'SCHAT ']
/** Bytes of a payload that are looked at. kernel: MAX_SEARCH_SIZE */
const MOST_BYTES = 4095
const START_OF_TEXT = ' :'
const DCC = '\x01DCC '
/** What a whole offer has behind `" :"`, and behind `\1DCC `, at least. */
const SHORTEST = 26
const SHORTEST_OLD = 24
/** ` AAAAAAAA P\1\n` */
const SHORTEST_END = 12

export interface Offer {
  address: number
  port: number
}

/**
 * The offers of a payload that come into question, in their order.
 * @param isStrict whether a PRIVMSG alone can bring one, the first of its text; before 5.10.262 any `\1DCC` does
 */
export function readOffers({ bytes, start, end }: Span, isStrict: boolean): Offer[] {
  if (!isStrict) return readAnywhere({ bytes, start, end })
  const data = { bytes, start, end: Math.min(end, start + MOST_BYTES) }
  const limit = data.end
  let at = start
  while (at < limit - 10 && (bytes[at] === SPACE || bytes[at] === 0x0d || bytes[at] === NEWLINE)) at++
  if (at < limit - 10) {
    if (!hasWord(data, at, 'PRIVMSG ')) return []
    at += 8
  }
  while (at < limit - SHORTEST) {
    if (!hasText(data, at, START_OF_TEXT)) {
      at++
      continue
    }
    at += START_OF_TEXT.length
    if (!hasText(data, at, DCC)) return []
    at += DCC.length
    const command = COMMANDS.find(text => hasText(data, at, text))
    if (command === undefined) continue
    const offer = readOffer(data, at + command.length)
    return offer === null ? [] : [offer]
  }
  return []
}

function readAnywhere(data: Span): Offer[] {
  const offers: Offer[] = []
  let at = findText(data, data.start, DCC)
  for (; at >= 0 && at < data.end - SHORTEST_OLD; at = findText(data, at, DCC)) {
    at += DCC.length
    const command = COMMANDS.find(text => hasText(data, at, text))
    if (command === undefined) continue
    at += command.length
    const offer = readOffer(data, at)
    if (offer !== null) offers.push(offer)
  }
  return offers
}

/** What follows the command: a name, the address as a number, the port. kernel: parse_dcc() */
function readOffer(data: Span, from: number): Offer | null {
  const { bytes, end } = data
  let at = from
  while (at < end && bytes[at] !== SPACE) if (++at > end - SHORTEST_END) return null
  if (findText(data, ++at, '\n') < 0) return null
  const address = readDigits(data, at)
  at = address.at
  while (at < end && bytes[at] === SPACE) at++
  return { address: address.value | 0, port: readDigits(data, at).value & 0xffff }
}
