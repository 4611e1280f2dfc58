// Addresses, networks and ranges as rules and topologies write them; an address is four words as in Packet, IPv4 in the first.
import { formatIpv4, formatIpv6 } from '../../net/address.ts'
import { parseIpv4, parseIpv6 } from '../../net/parse-address.ts'

export type Family = 4 | 6

export interface Address {
  family: Family
  words: Int32Array
}

/** Addresses from `first` to `last`, both included: a host, a network or a range. */
export interface Network {
  family: Family
  first: Int32Array
  last: Int32Array
}

/** An IPv4 or IPv6 address (RFC 4291, without a zone), or null. */
export function parseAddress(text: string): Address | null {
  if (text.includes(':')) {
    const words = parseIpv6(text)
    return words === null ? null : { family: 6, words: Int32Array.from(words) }
  }
  const word = parseIpv4(text)
  return word === null ? null : { family: 4, words: Int32Array.of(word, 0, 0, 0) }
}

/** `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `10.0.0.1`, `10.0.0.1-10.0.0.9`, the same of IPv6; null for anything else. */
export function parseNetwork(text: string): Network | null {
  const dash = text.indexOf('-')
  if (dash > 0) {
    const first = parseAddress(text.slice(0, dash))
    const last = parseAddress(text.slice(dash + 1))
    if (first === null || last === null || first.family !== last.family) return null
    return { family: first.family, first: first.words, last: last.words }
  }
  const slash = text.indexOf('/')
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash))
  if (address === null) return null
  const length = slash < 0 ? bitsOf(address.family) : parseLength(text.slice(slash + 1), address.family)
  return length === null ? null : networkOf(address, length)
}

/** The network of the first `length` bits of an address. */
export function networkOf({ family, words }: Address, length: number): Network {
  const used = bitsOf(family) / 32
  const first = words.map((word, i) => (i < used ? word & maskOf(i, length) : 0))
  const last = words.map((word, i) => (i < used ? word | ~maskOf(i, length) : 0))
  return { family, first, last }
}

/** Whether an address of the network's family lies in it. */
export function contains({ first, last }: Network, address: Int32Array): boolean {
  return compareAddresses(first, address) <= 0 && compareAddresses(address, last) <= 0
}

/** Whether it is one address alone. */
export function isSingle({ first, last }: Network): boolean {
  return sameAddress(first, last)
}

export function sameAddress(a: Int32Array, b: Int32Array): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3]
}

export function formatAddress(family: Family, words: Int32Array): string {
  const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = words
  return family === 4 ? formatIpv4(w0) : formatIpv6(w0, w1, w2, w3)
}

/** `10.0.0.1:80`, `[fd00::1]:80`; without a port (-1) the address alone. */
export function formatEndpoint(family: Family, words: Int32Array, port: number): string {
  const address = formatAddress(family, words)
  if (port < 0) return address
  return family === 4 ? `${address}:${port}` : `[${address}]:${port}`
}

/** `10.0.0.0/24`; a range that is no network as `10.0.0.1-10.0.0.9`. */
export function formatNetwork({ family, first, last }: Network): string {
  for (let length = bitsOf(family); length >= 0; length--) {
    const network = networkOf({ family, words: first }, length)
    if (sameAddress(network.first, first) && sameAddress(network.last, last)) {
      return `${formatAddress(family, first)}/${length}`
    }
  }
  return `${formatAddress(family, first)}-${formatAddress(family, last)}`
}

function bitsOf(family: Family): number {
  return family === 4 ? 32 : 128
}

/** Mask of a network of `length` bits in the i-th word. */
function maskOf(i: number, length: number): number {
  const bits = Math.min(Math.max(length - i * 32, 0), 32)
  return bits === 0 ? 0 : -1 << (32 - bits)
}

/** Below 0 where `a` comes first, above 0 where `b` does. */
export function compareAddresses(a: Int32Array, b: Int32Array): number {
  for (let i = 0; i < 4; i++) {
    const difference = unsignedWord(a, i) - unsignedWord(b, i)
    if (difference !== 0) return difference
  }
  return 0
}

function unsignedWord(address: Int32Array, i: number): number {
  return (address[i] ?? 0) >>> 0
}

function parseLength(text: string, family: Family): number | null {
  if (/^\d{1,3}$/.test(text)) return Number(text) <= bitsOf(family) ? Number(text) : null
  const mask = parseAddress(text)
  if (mask === null || mask.family !== family) return null
  // up to the first word that is not all ones; a mask with holes is none that a network has
  let length = 0
  for (const word of mask.words) {
    length += Math.clz32(~word)
    if (word !== -1) break
  }
  return sameAddress(networkOf({ family, words: new Int32Array(4).fill(-1) }, length).first, mask.words)
    ? length
    : null
}
