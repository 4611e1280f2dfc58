// A TCP segment as bytes (RFC 9293, 3.1), with every field free to be wrong.
import { concat, put16, put32 } from './ip.ts'

export const FIN = 0x01
export const SYN = 0x02
export const RST = 0x04
export const PSH = 0x08
export const ACK = 0x10
export const URG = 0x20
export const ECE = 0x40
export const CWR = 0x80

export interface Segment {
  flags: number
  sequence: number
  acknowledgment: number
  window: number
  /** Payload bytes. */
  length: number
  /** Option bytes; padded with end-of-options to a multiple of four. */
  options: Uint8Array
  /** Data offset as on the wire, when it should not be the true one. */
  dataOffset?: number
}

/** Header, options and payload; the checksum is left zero. */
export function encodeSegment(ports: readonly [number, number], segment: Segment): Uint8Array {
  const options = concat(segment.options, new Uint8Array(-segment.options.length & 3))
  const bytes = new Uint8Array(20 + options.length + segment.length)
  put16(bytes, 0, ports[0])
  put16(bytes, 2, ports[1])
  put32(bytes, 4, segment.sequence)
  put32(bytes, 8, segment.acknowledgment)
  bytes[12] = (segment.dataOffset ?? 5 + options.length / 4) << 4
  bytes[13] = segment.flags
  put16(bytes, 14, segment.window)
  bytes.set(options, 20)
  return bytes
}

/** Sequence numbers a segment takes. */
export function segmentLength(segment: Segment): number {
  return segment.length + ((segment.flags & SYN) !== 0 ? 1 : 0) + ((segment.flags & FIN) !== 0 ? 1 : 0)
}
