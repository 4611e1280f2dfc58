// The words of a filter expression, as libpcap's scanner cuts them (scanner.l): names, numbers, addresses, operators.

import { FilterError } from './syntax.ts'

export interface Token {
  /** `escaped` is a name behind a backslash: no keyword. */
  kind: 'word' | 'escaped' | 'number' | 'ipv4' | 'ipv6' | 'mac' | 'operator' | 'end'
  text: string
  /** Of its first character, counted from 1. */
  column: number
}

/** Ten times what fits into an argument of a program; a condition takes up to a kilobyte. */
const MOST_TOKENS = 200_000

const SPACE = /[ \t\r\n]+/y
const MAC = /[0-9a-f]{1,2}([:.-])[0-9a-f]{1,2}(?:\1[0-9a-f]{1,2}){4}(?![:.\w-])/iy
const IPV6 = /(?:[0-9a-f]{0,4}:){2,7}(?:[0-9a-f]{0,4}|\d+\.\d+\.\d+\.\d+)(?![:.\w])/iy
/** A hyphen belongs to a word that goes on behind it: `21-23`, `tcp-syn`. */
const WORD = /\w(?:[\w.-]*[\w.])?/y
const ESCAPED = /\\([^ !()\n\t]+)/y
const OPERATOR = /&&|\|\||<<|>>|<=|>=|==|!=|[!()[\]<>=&|^+\-*/%:]/y
const NUMBER = /^(0x[0-9a-f]+|\d+)$/i
const IPV4 = /^\d+(\.\d+){1,3}$/

/** The tokens of a text, an `end` behind them. @throws FilterError */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  const match = (pattern: RegExp): string | null => {
    pattern.lastIndex = at
    return pattern.exec(text)?.[0] ?? null
  }
  while (at < text.length) {
    const space = match(SPACE)
    if (space !== null) {
      at += space.length
      continue
    }
    const token = readToken(match, at + 1)
    if (token === null) throw new FilterError(at + 1, `${JSON.stringify(text[at])} means nothing in a filter`)
    if (tokens.push(token) > MOST_TOKENS)
      throw new FilterError(token.column, `more than ${MOST_TOKENS} words, the most that a filter may have`)
    at += token.text.length
  }
  tokens.push({ kind: 'end', text: '', column: text.length + 1 })
  return tokens
}

function readToken(match: (pattern: RegExp) => string | null, column: number): Token | null {
  for (const [kind, pattern] of PATTERNS) {
    const text = match(pattern)
    if (text !== null) return { kind: kind === 'word' ? kindOf(text) : kind, text, column }
  }
  return null
}

const PATTERNS: [Token['kind'], RegExp][] = [
  ['mac', MAC],
  ['ipv6', IPV6],
  ['word', WORD],
  ['escaped', ESCAPED],
  ['operator', OPERATOR],
]

function kindOf(word: string): Token['kind'] {
  if (NUMBER.test(word)) return 'number'
  return IPV4.test(word) ? 'ipv4' : 'word'
}
