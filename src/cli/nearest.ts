// The known word nearest to one that nobody knows, for error messages: fewest edits (Levenshtein), or all its parts in it.

/** The candidate nearest to `given`; both are compared by what `strip` leaves of them. */
export function nearest(
  given: string,
  candidates: readonly string[],
  strip = (word: string): string => word,
): string {
  const word = strip(given)
  let best = candidates[0]
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
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(replaced, previous[j] + 1, row[j - 1] + 1))
    }
    previous = row
  }
  return previous[b.length]
}
