// The words of a rule as iptables-save quotes them.

const QUOTE = 0x22

/** The words of a line; null where a quotation does not end. */
export function wordsOf(text: string): string[] | null {
  const words: string[] = []
  const bare = /[^\s"]+/y
  const blank = /\s+/y
  for (let at = 0; at < text.length; ) {
    blank.lastIndex = at
    if (blank.test(text)) {
      at = blank.lastIndex
      continue
    }
    if (text.charCodeAt(at) === QUOTE) {
      const end = endOfQuotation(text, at + 1)
      if (end < 0) return null
      words.push(text.slice(at + 1, end).replace(/\\(.)/gs, '$1'))
      at = end + 1
      continue
    }
    bare.lastIndex = at
    bare.test(text)
    words.push(text.slice(at, bare.lastIndex))
    at = bare.lastIndex
  }
  return words
}

/** Where the quotation mark is that ends one begun before `from`, -1 for none; a backslash takes the next character along. */
function endOfQuotation(text: string, from: number): number {
  const mark = /["\\]/g
  mark.lastIndex = from
  for (let match = mark.exec(text); match !== null; match = mark.exec(text)) {
    if (match[0] === '"') return match.index
    mark.lastIndex++
  }
  return -1
}
