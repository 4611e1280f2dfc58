// TCP options, sound and silly: window scale, SACK-permitted, SACK blocks, timestamps (RFC 7323, RFC 2018).
import { concat, put32 } from './ip.ts'
import type { Random } from './random.ts'

export const NO_OPTIONS = new Uint8Array(0)
const NOP = Uint8Array.of(1)
const SACK_PERMITTED = Uint8Array.of(4, 2)

export function maximumSegmentSize(): Uint8Array {
  return Uint8Array.of(2, 4, 5, 0xb4)
}

export function windowScale(shift: number): Uint8Array {
  return Uint8Array.of(3, 3, shift)
}

/** Timestamps, padded as Linux does: the one layout that conntrack takes a short cut for. */
export function timestamps(value: number): Uint8Array {
  const bytes = Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0)
  put32(bytes, 4, value)
  return bytes
}

/** A SACK option; each block is its left and its right edge. */
export function sackBlocks(blocks: readonly (readonly [number, number])[]): Uint8Array {
  const bytes = new Uint8Array(2 + blocks.length * 8)
  bytes[0] = 5
  bytes[1] = bytes.length
  blocks.forEach(([left, right], i) => {
    put32(bytes, 2 + i * 8, left)
    put32(bytes, 6 + i * 8, right)
  })
  return concat(NOP, NOP, bytes)
}

/** What a SYN or SYN/ACK announces. */
export function synOptions(random: Random): Uint8Array {
  if (random.chance(0.15)) return NO_OPTIONS
  const parts: Uint8Array[] = []
  if (random.chance(0.7)) parts.push(maximumSegmentSize())
  if (random.chance(0.6)) parts.push(SACK_PERMITTED)
  if (random.chance(0.6)) parts.push(NOP, windowScale(random.weighted(SCALES)))
  if (random.chance(0.2)) parts.push(timestamps(random.word()))
  if (random.chance(0.12)) parts.splice(random.below(parts.length + 1), 0, oddOption(random))
  return concat(...random.shuffle(parts))
}

const SCALES: readonly (readonly [number, number])[] = [
  [2, 0],
  [3, 1],
  [3, 2],
  [3, 7],
  [2, 8],
  [1, 13],
  [2, 14],
  [2, 15],
  [1, 255],
]

/** Options that a parser must stop at, step over, or refuse. */
export function oddOption(random: Random): Uint8Array {
  return random.pick([
    Uint8Array.of(0),
    Uint8Array.of(0, 3, 0, 3, 3, 9),
    Uint8Array.of(0, 2, 4, 2),
    Uint8Array.of(254, 0),
    Uint8Array.of(254, 1),
    Uint8Array.of(254, 40, 1),
    Uint8Array.of(30, 4, 0, 0),
    Uint8Array.of(3, 2),
    Uint8Array.of(1, 1, 3, 3),
    Uint8Array.of(1, 1, 4, 3),
    Uint8Array.of(3, 4, 9, 9),
    Uint8Array.of(4, 3, 0),
    Uint8Array.of(5, 2),
    Uint8Array.of(5, 6, 0, 0, 0, 0),
    Uint8Array.of(5, 12, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0),
    Uint8Array.of(3),
  ])
}

/** The window scale and SACK permission in options of the usual kind; the rest is not looked at. */
export function announced(options: Uint8Array): { shift: number | null; sack: boolean } {
  let shift: number | null = null
  let sack = false
  for (
    let at = 0;
    at < options.length && options[at] !== 0;
    at += options[at] === 1 ? 1 : Math.max(1, options[at + 1])
  ) {
    if (options[at] === 3 && options[at + 1] === 3) shift = options[at + 2]
    if (options[at] === 4 && options[at + 1] === 2) sack = true
  }
  return { shift, sack }
}
