// The known word that was meant by one that nobody knows, for error messages: few edits (Levenshtein), or all its parts in it.

/** Of how many letters one may be wrong for a word to be taken for another. */
const LETTERS_AN_EDIT = 3

/** The candidate nearest to `given`, `''` where none is near; both are compared by what `strip` leaves of them. */
export function nearest(
  given: string,
  candidates: readonly string[],
  strip = (word: string): string => word,
): string {
  const word = strip(given)
  let best = ''
  // of two letters one may be wrong, too
  let fewest = Math.max(Math.floor(word.length / LETTERS_AN_EDIT), word.length < 2 ? 0 : 1) + 1
  for (const candidate of candidates) {
    const other = strip(candidate)
    const edits = isPart(other, word) ? 1 : countEdits(word, other)
    if (edits >= fewest) continue
    best = candidate
    fewest = edits
  }
  return best
}

/** `; did you mean invalid?`, or what there is to choose from where no candidate is near. @param others said then */
export function suggestion(nearest: string, others: string): string {
  return nearest === '' ? `; ${others}` : `; did you mean ${nearest}?`
}

/** `inv` and `invalid`, or a word of which all parts are there. */
function isPart(candidate: string, word: string): boolean {
  return (word.length >= LETTERS_AN_EDIT && candidate.startsWith(word)) || hasParts(candidate, word)
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
