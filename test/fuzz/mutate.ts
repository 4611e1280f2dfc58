// Spoils bytes: flips, cuts, splices, moved and repeated stretches, length fields blown up.
import type { Random } from '../kernel/generate/random.ts'
import { joinBytes } from '../support/pcap-writer.ts'

/** Numbers that break arithmetic: ends of ranges, and what a length must not be. */
const WORDS = [
  0, 1, 2, 3, 4, 7, 8, 11, 12, 15, 16, 20, 24, 28, 40, 60, 64, 0x7f, 0x80, 0xff, 0x100, 0x5dc, 0x7fff, 0x8000,
  0xffff, 0x10000, 0x3ffff, 0x40000, 0x1000000, 0x7ffffff0, 0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffffc,
  0xffffffff,
]
const BYTES = [
  0, 1, 4, 5, 6, 0x0f, 0x10, 0x2b, 0x2c, 0x33, 0x3a, 0x3c, 0x40, 0x45, 0x46, 0x4f, 0x60, 0x7f, 0x80, 0x84,
  0x88, 0xff,
]

/** The bytes with a few things wrong; `others` are what is spliced in. Never longer than `most`. */
export function mutate(
  bytes: Uint8Array,
  others: readonly Uint8Array[],
  random: Random,
  most: number,
): Uint8Array {
  let spoilt: Uint8Array = bytes.slice()
  for (let count = random.weighted(COUNTS); count > 0 && spoilt.length > 0; count--) {
    spoilt = spoil(spoilt, others, random)
  }
  return spoilt.length > most ? spoilt.subarray(0, most) : spoilt
}

const COUNTS: [number, number][] = [
  [6, 1],
  [4, 2],
  [2, 4],
  [1, 16],
]

function spoil(bytes: Uint8Array, others: readonly Uint8Array[], random: Random): Uint8Array {
  const at = random.below(bytes.length)
  switch (random.below(12)) {
    case 0:
    case 1:
      bytes[at] ^= 1 << random.below(8)
      return bytes
    case 2:
      bytes[at] = random.pick(BYTES)
      return bytes
    case 3:
      bytes[at] = random.word()
      return bytes
    case 4:
    case 5:
      return blowUp(bytes, at, random)
    case 6:
      return bytes.subarray(0, at)
    case 7:
      return joinBytes([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(64))])
    case 8:
      bytes.copyWithin(at, random.below(bytes.length), random.below(bytes.length))
      return bytes
    case 9:
      return joinBytes([bytes.subarray(0, at), stretch(bytes, random), bytes.subarray(at)])
    case 10:
      return joinBytes([bytes.subarray(0, at), stretch(random.pick(others), random), bytes.subarray(at)])
    default: {
      const other = random.pick(others)
      return joinBytes([bytes.subarray(0, at), other.subarray(random.below(other.length))])
    }
  }
}

/** Overwrites 2, 4 or 8 bytes, in either byte order. */
function blowUp(bytes: Uint8Array, at: number, random: Random): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const little = random.chance(0.5)
  // length fields stand at even places more often than not
  const place = random.chance(0.7) ? at & ~1 : at
  const value = random.chance(0.8) ? random.pick(WORDS) : random.word()
  if (random.chance(0.4) && place + 2 <= bytes.length) view.setUint16(place, value, little)
  else if (place + 8 <= bytes.length && random.chance(0.2)) view.setFloat64(place, value, little)
  else if (place + 4 <= bytes.length) view.setUint32(place, value, little)
  else bytes[at] = value
  return bytes
}

function stretch(bytes: Uint8Array, random: Random): Uint8Array {
  const from = random.below(bytes.length)
  return bytes.subarray(from, from + 1 + random.below(200))
}
