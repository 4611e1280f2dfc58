// Builds frames byte by byte for tests: headers with right lengths and checksums unless a test asks for wrong ones.

import { Frame } from '../../src/capture/frame.ts'
import { LINKTYPE_ETHERNET } from '../../src/net/numbers.ts'

export type Bytes = Uint8Array

/** Joins bytes: arrays of them, single ones, and hexadecimal strings with or without spaces. */
export function join(...parts: (Bytes | number[] | number | string)[]): Bytes {
  const pieces = parts.map(part => {
    if (typeof part === 'number') return [part]
    if (typeof part !== 'string') return part
    return (part.replaceAll(' ', '').match(/../g) ?? []).map(digits => Number.parseInt(digits, 16))
  })
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let end = 0
  for (const piece of pieces) {
    bytes.set(piece, end)
    end += piece.length
  }
  return bytes
}

export function be16(value: number): number[] {
  return [(value >>> 8) & 0xff, value & 0xff]
}

export function be32(value: number): number[] {
  return [...be16(value >>> 16), ...be16(value)]
}

/** `count` bytes 0, 1, 2 …, so that a byte out of place is seen. */
export function filler(count: number): Bytes {
  return Uint8Array.from({ length: count }, (_, index) => index)
}

/** An IPv4 (`10.0.0.1`) or IPv6 (`2001:db8::1`, one `::`) address. */
export function address(text: string): number[] {
  if (text.includes('.')) return text.split('.').map(Number)
  const [left, right] = text.split('::')
  const groups = (side: string) => (side ? side.split(':').map(group => Number.parseInt(group, 16)) : [])
  const head = groups(left)
  const tail = right === undefined ? [] : groups(right)
  const middle = new Array(8 - head.length - tail.length).fill(0)
  return [...head, ...middle, ...tail].flatMap(be16)
}

/** Ones' complement sum of 16-bit words, complemented: what goes into a checksum field. */
export function internetChecksum(...parts: (Bytes | number[])[]): number {
  const all = join(...parts)
  let sum = 0
  for (let i = 0; i < all.length; i += 2) sum += all[i] * 256 + (all[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000)
  return ~sum & 0xffff
}

export interface Ipv4Options {
  source?: string
  destination?: string
  protocol: number
  ttl?: number
  tos?: number
  identification?: number
  dontFragment?: boolean
  moreFragments?: boolean
  /** In bytes. */
  fragmentOffset?: number
  options?: Bytes
  totalLength?: number
  checksum?: number
}

export function ipv4(options: Ipv4Options, payload: Bytes): Bytes {
  const extra = options.options ?? join()
  const headerLength = 20 + extra.length
  const fragment =
    (options.dontFragment ? 0x4000 : 0) |
    (options.moreFragments ? 0x2000 : 0) |
    ((options.fragmentOffset ?? 0) >> 3)
  const header = (checksum: number) =>
    join(
      0x40 | (headerLength >> 2),
      options.tos ?? 0,
      be16(options.totalLength ?? headerLength + payload.length),
      be16(options.identification ?? 1),
      be16(fragment),
      options.ttl ?? 64,
      options.protocol,
      be16(checksum),
      address(options.source ?? '10.0.0.1'),
      address(options.destination ?? '10.0.0.2'),
      extra,
    )
  return join(header(options.checksum ?? internetChecksum(header(0))), payload)
}

export interface Ipv6Options {
  source?: string
  destination?: string
  nextHeader: number
  hopLimit?: number
  trafficClass?: number
  payloadLength?: number
}

export function ipv6(options: Ipv6Options, payload: Bytes): Bytes {
  return join(
    be32((6 << 28) | ((options.trafficClass ?? 0) << 20)),
    be16(options.payloadLength ?? payload.length),
    options.nextHeader,
    options.hopLimit ?? 64,
    address(options.source ?? '2001:db8::1'),
    address(options.destination ?? '2001:db8::2'),
    payload,
  )
}

/** An IPv6 extension header of options, padded to `length` bytes. */
export function extension(nextHeader: number, length = 8): Bytes {
  const padding = length === 8 ? [1, 4, 0, 0, 0, 0] : new Array(length - 2).fill(0)
  return join(nextHeader, length / 8 - 1, padding)
}

/** An IPv6 fragment header; `offset` in bytes. */
export function fragmentHeader(
  nextHeader: number,
  identification: number,
  offset: number,
  more: boolean,
): Bytes {
  return join(nextHeader, 0, be16(offset | (more ? 1 : 0)), be32(identification))
}

export interface TcpOptions {
  sourcePort?: number
  destinationPort?: number
  sequence?: number
  acknowledgment?: number
  flags?: number
  window?: number
  options?: Bytes
  /** In 32-bit words. */
  dataOffset?: number
  checksum?: number
}

export function tcp(options: TcpOptions = {}, payload: Bytes = join()): Bytes {
  const extra = options.options ?? join()
  return join(
    be16(options.sourcePort ?? 1000),
    be16(options.destinationPort ?? 80),
    be32(options.sequence ?? 0),
    be32(options.acknowledgment ?? 0),
    (options.dataOffset ?? (20 + extra.length) / 4) << 4,
    options.flags ?? 0x10,
    be16(options.window ?? 1024),
    be16(options.checksum ?? 0),
    be16(0),
    extra,
    payload,
  )
}

export interface UdpOptions {
  sourcePort?: number
  destinationPort?: number
  length?: number
  checksum?: number
}

export function udp(options: UdpOptions = {}, payload: Bytes = join()): Bytes {
  return join(
    be16(options.sourcePort ?? 1000),
    be16(options.destinationPort ?? 53),
    be16(options.length ?? 8 + payload.length),
    be16(options.checksum ?? 0),
    payload,
  )
}

/** ICMP and ICMPv6; `rest` is the second word of the header and the body. */
export function icmp(type: number, code: number, rest: Bytes): Bytes {
  const header = (checksum: number) => join(type, code, be16(checksum), rest)
  return header(internetChecksum(header(0)))
}

/** The pseudo header of a transport checksum. */
export function pseudoHeader(source: string, destination: string, protocol: number, length: number): Bytes {
  return join(address(source), address(destination), be32(length), be32(protocol))
}

export interface EthernetOptions {
  type?: number
  /** Tags from the outside in. */
  vlans?: { type?: number; id: number }[]
}

/** An Ethernet frame; its type is that of the IP version in the payload's first nibble, unless told. */
export function ethernet(payload: Bytes, options: EthernetOptions = {}): Bytes {
  const type = options.type ?? (payload[0] >> 4 === 6 ? 0x86dd : 0x0800)
  const tags = (options.vlans ?? []).flatMap(vlan => [...be16(vlan.type ?? 0x8100), ...be16(vlan.id)])
  return join('02 00 00 00 00 02  02 00 00 00 00 01', tags, be16(type), payload)
}

export interface FrameOptions {
  linkType?: number
  /** Bytes captured of it; all by default. */
  captured?: number
  originalLength?: number
  time?: number
  number?: number
  /** Bytes before and after the frame in the buffer, which no decoder may read. */
  surround?: number
  /** How many stand behind it: 0 where the frame ends with the buffer. */
  behind?: number
}

/** A frame as a capture source would hand it out, somewhere in a larger buffer. */
export function frameOf(content: Bytes, options: FrameOptions = {}): Frame {
  const before = 5
  const captured = options.captured ?? content.length
  const frame = new Frame()
  frame.bytes = new Uint8Array(before + captured + (options.behind ?? 64)).fill(options.surround ?? 0xa5)
  frame.bytes.set(content.subarray(0, captured), before)
  frame.view = new DataView(frame.bytes.buffer)
  frame.offset = before
  frame.length = captured
  frame.originalLength = options.originalLength ?? content.length
  frame.time = options.time ?? 0
  frame.number = options.number ?? 1
  frame.linkType = options.linkType ?? LINKTYPE_ETHERNET
  return frame
}
