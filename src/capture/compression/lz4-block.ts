// One LZ4 block: literals and matches, every length and distance checked against its bounds (lz4 doc/lz4_Block_format.md).

const MIN_MATCH = 4
/** Runs shorter than this are copied byte by byte: a call of `set` or `copyWithin` costs more. */
const SHORT = 32

export interface DecodedBlock {
  /** Where the decoded bytes end in the target. */
  end: number
  /** False where the block breaks a rule or its input ends too soon; the bytes before `end` hold all the same. */
  sound: boolean
}

/**
 * Decodes the block in `source[at, sourceEnd)` to `target[start, limit)`. Matches may reach back to
 * `target[history]`.
 */
export function decodeLz4Block(
  source: Uint8Array,
  at: number,
  sourceEnd: number,
  target: Uint8Array,
  history: number,
  start: number,
  limit: number,
): DecodedBlock {
  let from = at
  let to = start
  while (from < sourceEnd) {
    const token = source[from++]

    let literals = token >> 4
    if (literals === 15) {
      let more = 255
      while (more === 255 && from < sourceEnd) {
        more = source[from++]
        literals += more
      }
      if (more === 255) return { end: to, sound: false }
    }
    const fits = Math.min(literals, sourceEnd - from, limit - to)
    copyLiterals(source, from, target, to, fits)
    from += fits
    to += fits
    if (fits < literals) return { end: to, sound: false }
    // the last sequence is literals alone
    if (from === sourceEnd) return { end: to, sound: (token & 15) === 0 }

    if (from + 2 > sourceEnd) return { end: to, sound: false }
    const distance = source[from] | (source[from + 1] << 8)
    from += 2
    let length = (token & 15) + MIN_MATCH
    if ((token & 15) === 15) {
      let more = 255
      while (more === 255 && from < sourceEnd) {
        more = source[from++]
        length += more
      }
      if (more === 255) return { end: to, sound: false }
    }
    if (distance === 0 || distance > to - history || length > limit - to) return { end: to, sound: false }
    copyMatch(target, to - distance, to, length)
    to += length
  }
  // a block may not end with a match, nor be empty
  return { end: to, sound: false }
}

function copyLiterals(
  source: Uint8Array,
  from: number,
  target: Uint8Array,
  to: number,
  length: number,
): void {
  if (length < SHORT) for (let i = 0; i < length; i++) target[to + i] = source[from + i]
  else target.set(source.subarray(from, from + length), to)
}

/** The match may overlap what it makes: a distance below the length repeats. */
function copyMatch(target: Uint8Array, from: number, to: number, length: number): void {
  if (length < SHORT || to - from < length) for (let i = 0; i < length; i++) target[to + i] = target[from + i]
  else target.copyWithin(to, from, from + length)
}
