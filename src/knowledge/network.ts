// Addresses, networks and ranges as rules and topologies write them; an address is four words as in Packet, IPv4 in the first.
import { formatIpv4, formatIpv6 } from '../net/address.ts'

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
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text)
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
  const first = new Int32Array(4)
  const last = new Int32Array(4)
  for (let i = 0; i < bitsOf(family) / 32; i++) {
    const bits = Math.min(Math.max(length - i * 32, 0), 32)
    const mask = bits === 0 ? 0 : -1 << (32 - bits)
    first[i] = words[i] & mask
    last[i] = words[i] | ~mask
  }
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
  return family === 4 ? formatIpv4(words[0]) : formatIpv6(words[0], words[1], words[2], words[3])
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

/** The reverse of formatEndpoint(), or null. */
export function parseEndpoint(text: string): (Address & { port: number }) | null {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text)
  if (match === null) return null
  const address = parseAddress(match[1] ?? match[2])
  return address === null ? null : { ...address, port: Number(match[3]) }
}

function bitsOf(family: Family): number {
  return family === 4 ? 32 : 128
}

/** Which of two addresses of a family comes first: negative, 0 or positive. */
export function compareAddresses(a: Int32Array, b: Int32Array): number {
  for (let i = 0; i < 4; i++) if (a[i] !== b[i]) return (a[i] >>> 0) - (b[i] >>> 0)
  return 0
}

function parseLength(text: string, family: Family): number | null {
  if (/^\d{1,3}$/.test(text)) return Number(text) <= bitsOf(family) ? Number(text) : null
  const mask = parseAddress(text)
  if (mask === null || mask.family !== family) return null
  let length = 0
  while (length < bitsOf(family) && (mask.words[length >> 5] & (1 << (31 - (length & 31)))) !== 0) length++
  // a mask with holes is none that a network has
  return sameAddress(networkOf({ family, words: new Int32Array(4).fill(-1) }, length).first, mask.words)
    ? length
    : null
}

function parseIpv4(text: string): Address | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)
  if (match === null) return null
  let word = 0
  for (let i = 1; i <= 4; i++) {
    const byte = Number(match[i])
    if (byte > 255) return null
    word = (word << 8) | byte
  }
  return { family: 4, words: Int32Array.of(word, 0, 0, 0) }
}

function parseIpv6(text: string): Address | null {
  if (!/^[0-9a-f:.]{2,45}$/i.test(text)) return null
  const halves = text.split('::')
  if (halves.length > 2) return null
  const head = groupsOf(halves[0])
  const tail = halves.length === 2 ? groupsOf(halves[1]) : []
  if (head === null || tail === null) return null
  const missing = 8 - head.length - tail.length
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail]
  const words = new Int32Array(4)
  for (let i = 0; i < 4; i++) words[i] = (groups[i * 2] << 16) | groups[i * 2 + 1]
  return { family: 6, words }
}

function groupsOf(text: string): number[] | null {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (const [i, part] of parts.entries()) {
    const dotted = i === parts.length - 1 && part.includes('.') ? parseIpv4(part) : null
    if (dotted !== null) groups.push(dotted.words[0] >>> 16, dotted.words[0] & 0xffff)
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16))
    else return null
  }
  return groups
}
