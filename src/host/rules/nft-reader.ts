// A cursor over the words of a listing of nft, and values as its JSON has them: addresses, ranges, sets, concatenations.
import type { Token } from './nft-tokens.ts'

const END: Token = { text: '', isQuoted: false, line: 0, from: 0, to: 0 }

/** Verdicts that an element of a map may have. */
const VERDICTS = new Set(['accept', 'drop', 'continue', 'return'])

export class NftReader {
  private at = 0
  private readonly tokens: readonly Token[]

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens
  }

  get token(): Token {
    return this.tokens[this.at] ?? END
  }

  /** The word at hand; `''` behind the last one. */
  get word(): string {
    return this.token.isQuoted ? '' : this.token.text
  }

  get isEnd(): boolean {
    return this.at >= this.tokens.length
  }

  /** The word that many places on. */
  peek(ahead: number): string {
    return this.tokens[this.at + ahead]?.text ?? ''
  }

  next(): Token {
    const { token } = this
    this.at++
    return token
  }

  /** Takes a word if it is the one at hand. */
  skip(word: string): boolean {
    if (this.word !== word) return false
    this.at++
    return true
  }

  skipLines(): void {
    while (this.word === '\n') this.at++
  }

  /** Passes over a block in braces whose first one is at hand, or comes. */
  skipBlock(): void {
    let depth = 0
    while (!this.isEnd) {
      const { word } = this
      this.at++
      if (word === '{') depth++
      if (word === '}' && --depth <= 0) return
    }
  }

  /** Passes over what is left of a line, blocks in it included. */
  skipLine(): void {
    while (!this.isEnd && this.word !== '\n' && this.word !== ';' && this.word !== '}') {
      if (this.word === '{') this.skipBlock()
      else this.at++
    }
  }

  /** A value on the right of a comparison: one, a list of flags, a set, the name of one. */
  value(): unknown {
    if (this.word === '{') return { set: this.elements() }
    return this.listed(this.concatenated())
  }

  /** `a,b` as a list, `a | b` as an operation; one value as it is. */
  private listed(first: unknown): unknown {
    const separator = this.word
    if (separator !== ',' && separator !== '|') return first
    const all = [first]
    while (this.skip(separator)) all.push(this.concatenated())
    return separator === ',' ? all : { '|': all }
  }

  /** A value, or several with dots between. */
  private concatenated(): unknown {
    const parts = [this.single()]
    while (this.skip('.')) parts.push(this.single())
    return parts.length === 1 ? parts[0] : { concat: parts }
  }

  private single(): unknown {
    if (this.skip('(')) {
      const value = this.listed(this.concatenated())
      this.skip(')')
      return value
    }
    const { text, isQuoted } = this.next()
    return isQuoted ? text : literal(text)
  }

  /** What stands in braces: values, or pairs of a value and what it leads to. */
  elements(): unknown[] {
    const all: unknown[] = []
    this.skip('{')
    while (!this.isEnd) {
      this.skipLines()
      if (this.skip('}')) break
      const key = this.concatenated()
      this.skipNotes()
      all.push(this.skip(':') ? [key, this.datum()] : key)
      this.skipNotes()
      this.skipLines()
      this.skip(',')
    }
    return all
  }

  /** Time that an element has left, its comment, its counter. */
  private skipNotes(): void {
    while (!this.isEnd && !['}', ',', ':', '\n'].includes(this.word)) this.at++
  }

  /** What an element of a map leads to: a verdict or a value. */
  private datum(): unknown {
    const { word } = this
    if (VERDICTS.has(word)) {
      this.at++
      return { [word]: null }
    }
    if (word === 'jump' || word === 'goto') {
      this.at++
      return { [word]: { target: this.next().text } }
    }
    return this.concatenated()
  }
}

/** A word as JSON has it: a number, a network, a range, a name. */
export function literal(text: string): unknown {
  if (/^(0x[0-9a-f]+|\d+)$/i.test(text)) return Number(text)
  const ports = /^(\d+)-(\d+)$/.exec(text)
  if (ports !== null) return { range: [Number(ports[1]), Number(ports[2])] }
  const prefix = /^([0-9a-f.:]+)\/(\d+)$/i.exec(text)
  if (prefix !== null) return { prefix: { addr: prefix[1], len: Number(prefix[2]) } }
  const addresses =
    /^([0-9a-f:]*:[0-9a-f:.]*|\d+\.\d+\.\d+\.\d+)-([0-9a-f:]*:[0-9a-f:.]*|\d+\.\d+\.\d+\.\d+)$/i.exec(text)
  if (addresses !== null) return { range: [addresses[1], addresses[2]] }
  return text
}
