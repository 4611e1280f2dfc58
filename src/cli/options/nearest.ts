// The known word nearest to one that nobody knows, for error messages: fewest edits (Levenshtein), or all its parts in it.

/** The candidate nearest to `given` (`''` where there is none); both are compared by what `strip` leaves of them. */
export function nearest(
  given: string,
  candidates: readonly string[],
  strip = (word: string): string => word,
): string {
  const word = strip(given)
  let best = ''
  let fewest = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const other = strip(candidate)
    const edits = hasParts(other, word) ? 1 : countEdits(word, other)
    if (edits >= fewest) continue
    best = candidate
    fewest = edits
  }
  return best
}

/** `tcp_established` is most likely `tcp_timeout_established`, however many letters are missing. */
function hasParts(candidate: string, word: string): boolean {
  const parts = candidate.split('_')
  return word.includes('_') && word.split('_').every(part => parts.includes(part))
}

function countEdits(a: string, b: string): number {
  // edits from what was read of `a` to each beginning of `b`
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (const [i, letter] of [...a].entries()) {
    let last = i + 1
    let replaced = i
    row = row.map((deleted, j) => {
      if (j > 0) last = Math.min(replaced + (letter === b[j - 1] ? 0 : 1), deleted + 1, last + 1)
      replaced = deleted
      return last
    })
  }
  return row.at(-1) ?? 0
}

/**
 * The candidate nearest to `given` where it is near enough to be meant: at most a third of the word differs; else null.
 * Both are compared by what `strip` leaves of them.
 */
export function nearestWithin(
  given: string,
  candidates: readonly string[],
  strip = (word: string): string => word,
): string | null {
  const best = nearest(given, candidates, strip)
  const word = strip(given)
  return countEdits(word, strip(best)) <= Math.max(1, Math.floor(word.length / 3)) ? best : null
}
