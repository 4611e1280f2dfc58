// Writes LZ4 frames from chosen sequences, and decodes them by the letter: the model our decoder is held against.

import { xxHash32 } from '../../src/capture/compression/xxhash32.ts'
import { joinBytes } from './pcap-writer.ts'

/** Literals, then a match that copies `length` bytes from `distance` back; no match in a block's last sequence. */
export interface Lz4Sequence {
  literals: Uint8Array
  distance: number
  length: number
}

export interface Lz4FrameOptions {
  independent?: boolean
  blockChecksums?: boolean
  contentChecksum?: boolean
  contentSize?: boolean
}

export interface Lz4Frame {
  encoded: Uint8Array
  decoded: Uint8Array
}

/** A frame of blocks of sequences; matches that reach too far are shortened to what is there. */
export function writeLz4Frame(blocks: readonly Lz4Sequence[][], options: Lz4FrameOptions = {}): Lz4Frame {
  const {
    independent = false,
    blockChecksums = false,
    contentChecksum = false,
    contentSize = false,
  } = options
  const decoded: number[] = []
  const parts: Uint8Array[] = []
  for (const sequences of blocks) {
    const block = encodeBlock(sequences, decoded, independent ? decoded.length : 0)
    parts.push(word(block.length), block)
    if (blockChecksums) parts.push(word(xxHash32(block, 0, block.length)))
  }
  const content = Uint8Array.from(decoded)
  const flags =
    0x40 |
    (independent ? 0x20 : 0) |
    (blockChecksums ? 0x10 : 0) |
    (contentSize ? 0x08 : 0) |
    (contentChecksum ? 0x04 : 0)
  const size = contentSize ? joinBytes([word(content.length), word(0)]) : new Uint8Array(0)
  const descriptor = joinBytes([Uint8Array.of(flags, 0x40), size])
  const headerSum = (xxHash32(descriptor, 0, descriptor.length) >>> 8) & 0xff
  const end = contentChecksum ? [word(0), word(xxHash32(content, 0, content.length))] : [word(0)]
  const encoded = joinBytes([word(0x184d2204), descriptor, Uint8Array.of(headerSum), ...parts, ...end])
  return { encoded, decoded: content }
}

/** Bytes as one frame of blocks stored as they are. */
export function storeLz4(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [writeLz4Frame([]).encoded.subarray(0, 7)]
  for (let at = 0; at < bytes.length; at += 65_536) {
    const block = bytes.subarray(at, at + 65_536)
    parts.push(word(block.length | 0x80000000), block)
  }
  return joinBytes([...parts, word(0)])
}

function encodeBlock(sequences: readonly Lz4Sequence[], decoded: number[], reach: number): Uint8Array {
  const block: number[] = []
  for (const [index, { literals, distance, length }] of sequences.entries()) {
    const back = Math.min(distance, decoded.length + literals.length - reach, 0xffff)
    const last = index === sequences.length - 1 || back === 0
    const matched = last ? 0 : length - 4
    block.push((Math.min(literals.length, 15) << 4) | Math.min(matched, 15))
    extend(block, literals.length)
    block.push(...literals)
    decoded.push(...literals)
    if (last) break
    block.push(back & 0xff, back >> 8)
    extend(block, matched)
    for (let i = 0; i < length; i++) decoded.push(decoded[decoded.length - back])
  }
  return Uint8Array.from(block)
}

function extend(block: number[], length: number): void {
  if (length < 15) return
  let left = length - 15
  for (; left >= 255; left -= 255) block.push(255)
  block.push(left)
}

function word(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, value | 0, true)
  return bytes
}
