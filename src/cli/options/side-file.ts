// Files beside the captures that options name: read up to a stated size, with one line for whatever is wrong with one.
import { closeSync, openSync, readSync } from 'node:fs'
import { pathFault } from '../../capture/path-fault.ts'
import { formatMemory } from '../../report/text/format.ts'
import { UsageError } from '../io/usage-error.ts'

/**
 * Bytes that a text read whole may have: `nft -j list ruleset` of a kube-proxy with 5,000 services and 50,000 endpoints
 * has half of it. A device or a pipe without an end is refused there.
 */
const LARGEST_TEXT = 128 << 20

/** Bytes read at a time. */
const CHUNK = 1 << 20

/**
 * The bytes of a file, a piece at a time, each valid until the next is asked for.
 * @param option what the user typed the path behind
 * @param most bytes it may have
 * @throws UsageError that names file and reason: it cannot be read, or is larger than that
 */
export function* readPieces(option: string, path: string, most: number): Generator<Buffer> {
  const attempt = <T>(action: () => T): T => {
    try {
      return action()
    } catch (error) {
      throw new UsageError(`${option} ${path}: ${pathFault(path, error)}`)
    }
  }
  const file = attempt(() => openSync(path, 'r'))
  try {
    const chunk = Buffer.allocUnsafe(CHUNK)
    let total = 0
    for (;;) {
      const length = attempt(() => readSync(file, chunk))
      if (length === 0) return
      total += length
      if (total > most) {
        throw new UsageError(
          `${option} ${path}: larger than ${formatMemory(most)}, the most that is read of such a file`,
        )
      }
      yield chunk.subarray(0, length)
    }
  } finally {
    closeSync(file)
  }
}

/** A text file, whole. @throws UsageError for a file that cannot be read or is too large, and for one that is no text */
export function readText(option: string, path: string): string {
  const pieces: Buffer[] = []
  let total = 0
  for (const piece of readPieces(option, path, LARGEST_TEXT)) {
    const at = piece.indexOf(0)
    if (at >= 0)
      throw new UsageError(`${option} ${path}: expected text, found a NUL byte behind ${total + at} bytes`)
    pieces.push(Buffer.from(piece))
    total += piece.length
  }
  return Buffer.concat(pieces).toString('utf8')
}
