// IP packets around a transport: IPv4 with options (RFC 791), IPv6 with extension headers (RFC 8200).
import { finish, sumWords } from './checksum.ts'

export interface IpFields {
  source: Uint8Array
  destination: Uint8Array
  protocol: number
  ttl?: number
  /** Type of service, traffic class; the low two bits are ECN. */
  tos?: number
  identification?: number
  /** IPv4: flags and fragment offset as on the wire. */
  fragment?: number
  /** IPv4: option bytes, a multiple of four. IPv6: extension headers whose last next-header byte is `protocol`. */
  extra?: Uint8Array
  /** IPv6: the first next-header value when `extra` is there. */
  extraProtocol?: number
}

/** A packet of the family that the length of the addresses tells. */
export function ipPacket(fields: IpFields, payload: Uint8Array): Uint8Array {
  return fields.source.length === 4 ? ipv4Packet(fields, payload) : ipv6Packet(fields, payload)
}

function ipv4Packet(fields: IpFields, payload: Uint8Array): Uint8Array {
  const options = fields.extra ?? NOTHING
  const header = 20 + options.length
  const packet = new Uint8Array(header + payload.length)
  packet[0] = 0x40 | (header / 4)
  packet[1] = fields.tos ?? 0
  put16(packet, 2, packet.length)
  put16(packet, 4, fields.identification ?? 0)
  put16(packet, 6, fields.fragment ?? 0)
  packet[8] = fields.ttl ?? 64
  packet[9] = fields.protocol
  packet.set(fields.source, 12)
  packet.set(fields.destination, 16)
  packet.set(options, 20)
  put16(packet, 10, finish(sumWords(packet.subarray(0, header))))
  packet.set(payload, header)
  return packet
}

function ipv6Packet(fields: IpFields, payload: Uint8Array): Uint8Array {
  const extensions = fields.extra ?? NOTHING
  const packet = new Uint8Array(40 + extensions.length + payload.length)
  put16(packet, 0, 0x6000 | ((fields.tos ?? 0) << 4))
  put16(packet, 4, extensions.length + payload.length)
  packet[6] = extensions.length > 0 ? (fields.extraProtocol ?? 60) : fields.protocol
  packet[7] = fields.ttl ?? 64
  packet.set(fields.source, 8)
  packet.set(fields.destination, 24)
  packet.set(extensions, 40)
  packet.set(payload, 40 + extensions.length)
  return packet
}

const NOTHING = new Uint8Array(0)

export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

export function put32(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at, value >>> 16)
  put16(bytes, at + 2, value)
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
