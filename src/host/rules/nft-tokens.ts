// The words of `nft list ruleset`, with the lines they stand in; its quotations, comments and handles.
import { FileFault } from '../files/file-fault.ts'

export interface Token {
  /** A word, a sign, or `\n` where a line ends. */
  text: string
  isQuoted: boolean
  line: number
  /** Where it begins and ends in the text. */
  from: number
  to: number
}

/** As many as kube-proxy with 5,000 services needs, eight times over. */
const MOST_TOKENS = 20_000_000

const WORD = /[\w./:\-*@[\]+$%]+/y
const SIGNS = /[!<>=]=|[{}(),;=<>!|&^~]/y
const BLANK = /[ \t\r]+|\\\n/y
const HANDLE = /# handle (\d+)[ \t]*(?=\n|$)/y

/** @throws FileFault for a quotation that does not end, or too many words */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  let line = 1
  const take = (pattern: RegExp, from: number): string | null => {
    pattern.lastIndex = from
    return pattern.exec(text)?.[0] ?? null
  }
  for (let at = 0; at < text.length; ) {
    if (tokens.length > MOST_TOKENS) throw new FileFault(line, `more than ${MOST_TOKENS} words`)
    const start = at
    const push = (own: string, isQuoted = false): void => {
      tokens.push({ text: own, isQuoted, line, from: start, to: at })
    }
    const blank = take(BLANK, at)
    if (blank !== null) {
      at += blank.length
      if (blank.startsWith('\\')) line++
      continue
    }
    const sign = text.charAt(at)
    if (sign === '\n') {
      at++
      push('\n')
      line++
    } else if (sign === '"') {
      const end = text.indexOf('"', at + 1)
      if (end < 0) throw new FileFault(line, 'a quotation that does not end')
      at = end + 1
      push(text.slice(start + 1, end), true)
    } else if (sign === '#') {
      const handle = take(HANDLE, at)
      const end = text.indexOf('\n', at)
      at = handle === null ? (end < 0 ? text.length : end) : at + handle.length
      if (handle !== null) push(handle.trim())
    } else {
      const word = take(WORD, at) ?? take(SIGNS, at) ?? sign
      at += word.length
      push(word)
    }
  }
  return tokens
}
