// Addresses, networks and port ranges as a filter writes them: `10.0.0.1`, `10.1`, `10.0.0.0/8`, `2001:db8::/32`, `21-23`.
import { parseIpv6 } from '../net/parse-address.ts'
import type { Token } from './lexer.ts'
import { FilterError } from './syntax.ts'

export interface Ipv4Network {
  address: number
  mask: number
}

/** Address and mask in four 32-bit words each. */
export interface Ipv6Network {
  address: number[]
  mask: number[]
}

const MOST_PORT = 65_535

/** A decimal number, a hexadecimal or, with a zero in front, an octal one, as strtoul(3) reads it. @throws FilterError */
export function readNumber(token: Token): number {
  const { text, column } = token
  const isOctal = /^0[0-7]+$/.test(text)
  const value = isOctal ? Number.parseInt(text, 8) : Number(text)
  if (Number.isNaN(value) || value > 0xffffffff || (/^0\d/.test(text) && !isOctal))
    throw new FilterError(column, `${text} is no number of 32 bits`)
  return value
}

/** One to four parts, each a byte: `10.1` is the network 10.1.0.0/16, as in libpcap. @throws FilterError */
export function readIpv4(token: Token): Ipv4Network {
  const parts = token.text.split('.').map(Number)
  let address = 0
  for (const part of parts) {
    if (part > 255) throw new FilterError(token.column, `${token.text} is no IPv4 address`)
    address = (address << 8) | part
  }
  const missing = 32 - 8 * parts.length
  return { address: address << missing, mask: prefixMask(32 - missing) }
}

/** A plain number as a host, or as a network whose missing bytes are at its end: `net 10`. */
export function numberedIpv4(value: number, isNetwork: boolean): Ipv4Network {
  let [address, bits] = [value | 0, 32]
  while (isNetwork && address !== 0 && address >>> 24 === 0) {
    address <<= 8
    bits -= 8
  }
  return { address, mask: prefixMask(bits) }
}

/** @throws FilterError for bits of the address that the prefix does not cover */
export function withPrefix(network: Ipv4Network, bits: Token): Ipv4Network {
  const length = readNumber(bits)
  if (length > 32) throw new FilterError(bits.column, `${bits.text} is no prefix length from 0 to 32`)
  return withMask(network, prefixMask(length), bits)
}

/** @throws FilterError for bits of the address that the mask does not cover */
export function withMask({ address }: Ipv4Network, mask: number, where: Token): Ipv4Network {
  if ((address & ~mask) !== 0)
    throw new FilterError(where.column, 'the address has bits set outside of this mask')
  return { address, mask }
}

/** @throws FilterError for what is no address, or has bits outside of the prefix */
export function readIpv6(token: Token, prefix: Token | null): Ipv6Network {
  const address = parseIpv6(token.text)
  if (address === null) throw new FilterError(token.column, `${token.text} is no IPv6 address`)
  const length = prefix === null ? 128 : readNumber(prefix)
  const where = prefix ?? token
  if (length > 128) throw new FilterError(where.column, `${where.text} is no prefix length from 0 to 128`)
  const mask = [0, 1, 2, 3].map(word => prefixMask(Math.min(Math.max(length - 32 * word, 0), 32)))
  if (address.some((word, index) => (word & ~mask[index]) !== 0))
    throw new FilterError(where.column, 'the address has bits set outside of this prefix')
  return { address, mask }
}

/** `80`, or `21-23` where a range is asked for. @throws FilterError */
export function readPorts(token: Token, isRange: boolean): { low: number; high: number } {
  if (token.kind === 'number') {
    const port = readNumber(token)
    if (port > MOST_PORT) throw new FilterError(token.column, `ports end at ${MOST_PORT}`)
    return { low: port, high: port }
  }
  const match = (isRange ? /^(\d+)-(\d+)$/ : /^(\d+)$/).exec(token.text) ?? /^(\d+)$/.exec(token.text)
  const what = isRange
    ? 'a range of ports such as 8000-8080'
    : 'a port number; names of services are not looked up'
  if (match === null) throw new FilterError(token.column, `expected ${what}`)
  const [one, other] = [Number(match[1]), Number(match[2] ?? match[1])]
  if (Math.max(one, other) > MOST_PORT) throw new FilterError(token.column, `ports end at ${MOST_PORT}`)
  return { low: Math.min(one, other), high: Math.max(one, other) }
}

function prefixMask(bits: number): number {
  return bits === 0 ? 0 : -1 << (32 - bits)
}
