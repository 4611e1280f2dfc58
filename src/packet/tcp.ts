// The TCP header, and its options: those that conntrack reads (window scale, SACK permitted, SACK blocks), timestamps (RFC 9293, 7323, 2018).

import { after } from '../net/sequence.ts'
import { type Packet, PROXY_NONE } from './packet.ts'
import { decodePorts } from './ports.ts'

const SEQUENCE = 4
const ACKNOWLEDGMENT = 8
const OFFSET_FLAGS_WINDOW = 12
export const TCP_MIN_LENGTH = 20

const OPTION_END = 0
const OPTION_NOP = 1
const OPTION_WINDOW_SCALE = 3
const OPTION_SACK_PERMITTED = 4
const OPTION_SACK = 5
const OPTION_TIMESTAMP = 8
const TIMESTAMP_LENGTH = 10
const WINDOW_SCALE_LENGTH = 3
const SACK_PERMITTED_LENGTH = 2
const SACK_BASE_LENGTH = 2
const SACK_BLOCK_LENGTH = 8
const MAX_WINDOW_SCALE = 14

/** Options that are nothing but an aligned timestamp: by far the most frequent ones. */
const ALIGNED_TIMESTAMP = 0x0101080a
const ALIGNED_TIMESTAMP_LENGTH = 12

/** Decodes the TCP header at `at`; returns the bytes conntrack reads. A header shorter than 20 bytes gets only its ports. */
export function decodeTcp(view: DataView, at: number, packet: Packet): number {
  decodePorts(view, at, packet)
  packet.acknowledgmentShift = 0
  packet.synproxy = PROXY_NONE
  if (packet.transportCaptured < TCP_MIN_LENGTH) return TCP_MIN_LENGTH
  const word = view.getInt32(at + OFFSET_FLAGS_WINDOW)
  packet.tcpFlags = (word >>> 16) & 0xff
  packet.tcpHeaderLength = (word >>> 28) << 2
  packet.window = word & 0xffff
  packet.sequence = view.getInt32(at + SEQUENCE)
  packet.acknowledgment = view.getInt32(at + ACKNOWLEDGMENT)
  return TCP_MIN_LENGTH
}

/** What a SYN offers; a record that `readSynOptions` overwrites. */
export interface SynOptions {
  /** Whether the segment has options at all; without, nothing below is meant. */
  present: boolean
  /** Window scale, at most 14; 0 without the option. */
  windowScale: number
  /** Whether the window scale option is there. */
  windowScaling: boolean
  sackPermitted: boolean
}

/**
 * Reads the options of a SYN or SYN/ACK into `options`, as the kernel's tcp_options() does: up to the first
 * malformed one, and only if the whole header is in the packet. Options cut off by the snap length are missing.
 */
export function readSynOptions(packet: Packet, options: SynOptions): void {
  options.present = false
  options.windowScale = 0
  options.windowScaling = false
  options.sackPermitted = false
  if (packet.tcpHeaderLength <= TCP_MIN_LENGTH || packet.tcpHeaderLength > packet.transportLength) return
  options.present = true
  const view = packet.view
  const headerEnd = packet.transportOffset + packet.tcpHeaderLength
  const end = Math.min(headerEnd, packet.capturedEnd)
  let at = packet.transportOffset + TCP_MIN_LENGTH
  while (at < end) {
    const kind = view.getUint8(at)
    if (kind === OPTION_END) return
    if (kind === OPTION_NOP) {
      at++
      continue
    }
    if (end - at < 2) return
    const length = view.getUint8(at + 1)
    if (length < 2 || length > end - at) return
    if (kind === OPTION_SACK_PERMITTED && length === SACK_PERMITTED_LENGTH) {
      options.sackPermitted = true
    } else if (kind === OPTION_WINDOW_SCALE && length === WINDOW_SCALE_LENGTH) {
      options.windowScaling = true
      options.windowScale = Math.min(view.getUint8(at + 2), MAX_WINDOW_SCALE)
    }
    at += length
  }
}

/** Whether a segment surely has no SACK blocks: no options at all, or nothing but an aligned timestamp. */
export function hasPlainOptions(packet: Packet): boolean {
  const length = packet.tcpHeaderLength - TCP_MIN_LENGTH
  if (length <= 0) return true
  if (length !== ALIGNED_TIMESTAMP_LENGTH || packet.transportCaptured < packet.tcpHeaderLength) return false
  return packet.view.getInt32(packet.transportOffset + TCP_MIN_LENGTH) === ALIGNED_TIMESTAMP
}

/**
 * The highest right edge among `sack` (usually the acknowledgment) and the segment's SACK blocks, as the kernel's
 * tcp_sack() does. Blocks cut off by the snap length are missing.
 */
export function highestSackEdge(packet: Packet, sack: number): number {
  if (packet.tcpHeaderLength <= TCP_MIN_LENGTH || packet.tcpHeaderLength > packet.transportLength) return sack
  const view = packet.view
  const headerEnd = packet.transportOffset + packet.tcpHeaderLength
  const end = Math.min(headerEnd, packet.capturedEnd)
  let at = packet.transportOffset + TCP_MIN_LENGTH
  if (end - at === ALIGNED_TIMESTAMP_LENGTH && view.getInt32(at) === ALIGNED_TIMESTAMP) return sack
  while (at < end) {
    const kind = view.getUint8(at)
    if (kind === OPTION_END) return sack
    if (kind === OPTION_NOP) {
      at++
      continue
    }
    if (end - at < 2) return sack
    const length = view.getUint8(at + 1)
    if (length < 2 || length > headerEnd - at) return sack
    const blocks = length - SACK_BASE_LENGTH
    if (kind === OPTION_SACK && blocks >= SACK_BLOCK_LENGTH && blocks % SACK_BLOCK_LENGTH === 0) {
      const blocksEnd = Math.min(at + length, end)
      for (let edge = at + SACK_BASE_LENGTH + 4; edge + 4 <= blocksEnd; edge += SACK_BLOCK_LENGTH) {
        const right = view.getInt32(edge)
        if (after(right, sack)) sack = right
      }
      return sack
    }
    at += length
  }
  return sack
}

/** The sender's clock by its timestamp option (TSval); 0 without the option, or where the snap length cut it off. */
export function timestampValue(packet: Packet): number {
  const at = optionAt(packet, OPTION_TIMESTAMP)
  return at >= 0 && packet.view.getUint8(at + 1) === TIMESTAMP_LENGTH ? packet.view.getInt32(at + 2) : 0
}

/** Where the left edge of a segment's first SACK block stands in `packet.view`, its right edge behind it; -1: it has none. */
export function firstSackBlockAt(packet: Packet): number {
  const at = optionAt(packet, OPTION_SACK)
  if (at < 0) return -1
  return packet.view.getUint8(at + 1) >= SACK_BASE_LENGTH + SACK_BLOCK_LENGTH ? at + SACK_BASE_LENGTH : -1
}

/** Where an option begins in `packet.view`; -1: it is not there, not whole, or behind a malformed one. */
function optionAt(packet: Packet, wanted: number): number {
  if (packet.tcpHeaderLength <= TCP_MIN_LENGTH || packet.tcpHeaderLength > packet.transportLength) return -1
  const { view } = packet
  const end = Math.min(packet.transportOffset + packet.tcpHeaderLength, packet.capturedEnd)
  let at = packet.transportOffset + TCP_MIN_LENGTH
  while (end - at >= 2) {
    const kind = view.getUint8(at)
    if (kind === OPTION_END) return -1
    if (kind === OPTION_NOP) {
      at++
      continue
    }
    const length = view.getUint8(at + 1)
    if (length < 2 || length > end - at) return -1
    if (kind === wanted) return at
    at += length
  }
  return -1
}
