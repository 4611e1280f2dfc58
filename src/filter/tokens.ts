// The tokens of a filter, taken one by one with a look ahead; a bound on how deep an expression nests.

import type { Token } from './lexer.ts'
import { KEYWORDS, UNSUPPORTED } from './names.ts'
import { FilterError } from './syntax.ts'

/** Deeper than any expression somebody writes; an expression must not use up the stack. */
const MOST_DEPTH = 100

const ARITHMETIC = new Set([
  '+',
  '-',
  '*',
  '/',
  '%',
  '&',
  '|',
  '^',
  '<<',
  '>>',
  '=',
  '==',
  '!=',
  '<',
  '>',
  '<=',
  '>=',
])

export class TokenStream {
  private readonly tokens: readonly Token[]
  private at = 0
  private depth = 0

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens
  }

  /** The token `ahead` of the next one; behind the last there is no end of ends. */
  peek(ahead = 0): Token {
    return this.tokens[Math.min(this.at + ahead, this.tokens.length - 1)]
  }

  next(): Token {
    const token = this.peek()
    this.at++
    return token
  }

  /** Takes an operator, if that is what comes. */
  take(operator: string): boolean {
    const { kind, text } = this.peek()
    const found = kind === 'operator' && text === operator
    if (found) this.at++
    return found
  }

  takeWord(word: string): boolean {
    const { kind, text } = this.peek()
    const found = kind === 'word' && text === word
    if (found) this.at++
    return found
  }

  takeConjunction(): 'and' | 'or' | null {
    if (this.take('&&') || this.takeWord('and')) return 'and'
    return this.take('||') || this.takeWord('or') ? 'or' : null
  }

  takeNot(): boolean {
    return this.take('!') || this.takeWord('not')
  }

  isNot(ahead: number): boolean {
    const { text } = this.peek(ahead)
    return text === '!' || text === 'not'
  }

  isArithmetic(ahead: number): boolean {
    const { kind, text } = this.peek(ahead)
    return kind === 'operator' && ARITHMETIC.has(text)
  }

  isKeyword(word: string): boolean {
    return KEYWORDS.has(word) || UNSUPPORTED.has(word)
  }

  /** Runs `parse`; goes back to where it began if that comes to nothing. */
  attempt<T>(parse: () => T | null): T | null {
    const { at, depth } = this
    const result = parse()
    if (result === null) {
      this.at = at
      this.depth = depth
    }
    return result
  }

  nested<T>(parse: () => T): T {
    if (++this.depth > MOST_DEPTH) throw this.error(`nested more than ${MOST_DEPTH} deep`)
    const result = parse()
    this.depth--
    return result
  }

  expect(operator: string): void {
    if (!this.take(operator)) throw this.error(`expected "${operator}"`)
  }

  expectNumber(): Token {
    if (this.peek().kind !== 'number') throw this.error('expected a number')
    return this.next()
  }

  expectIpv4(): Token {
    if (this.peek().kind !== 'ipv4') throw this.error('expected an IPv4 address')
    return this.next()
  }

  expectEnd(): void {
    if (this.peek().kind !== 'end') throw this.error('expected "and", "or" or the end of the expression')
  }

  /** An error at the token that comes. */
  error(reason: string): FilterError {
    return new FilterError(this.peek().column, reason)
  }
}
