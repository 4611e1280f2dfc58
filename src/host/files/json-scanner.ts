// Where JSON documents begin and end in a text, in one pass, and the bounds of what one may hold: parsing comes after.
import { FileFault } from './file-fault.ts'

/** Brackets within brackets; the deepest listings of nft and ip have a dozen. */
export const MOST_NESTED = 256
/** Values of all documents of a file, by their commas and brackets: a parsed one takes up to a hundred bytes. */
export const MOST_VALUES = 12_000_000

const QUOTE = 0x22
const BACKSLASH = 0x5c
const NEWLINE = 0x0a
const HASH = 0x23
const COMMA = 0x2c
const OPENING_BRACKET = 0x5b
const CLOSING_BRACKET = 0x5d
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d

export class JsonScanner {
  /** Where it stands, and on which line, counted from 1. */
  at = 0
  line = 1
  private values = 0
  private readonly text: string

  constructor(text: string) {
    this.text = text
  }

  /** Goes to where the next document begins, past anything else and past comments; false at the end of the text. */
  findStart(): boolean {
    const { text } = this
    for (; this.at < text.length; this.at++) {
      const code = text.charCodeAt(this.at)
      if (code === OPENING_BRACE || code === OPENING_BRACKET) return true
      if (code === NEWLINE) this.line++
      else if (code === HASH) {
        const end = text.indexOf('\n', this.at)
        if (end < 0) return false
        this.at = end - 1
      }
    }
    return false
  }

  /** Goes behind the document that begins here. @throws FileFault for one that does not end, or holds too much */
  skipDocument(): void {
    const { text, line } = this
    let depth = 0
    while (this.at < text.length) {
      const code = text.charCodeAt(this.at++)
      switch (code) {
        case NEWLINE:
          this.line++
          break
        case QUOTE:
          this.skipString(line)
          break
        case COMMA:
          this.count(line)
          break
        case OPENING_BRACE:
        case OPENING_BRACKET:
          this.count(line)
          if (++depth > MOST_NESTED)
            throw new FileFault(line, `JSON that begins here nests more than ${MOST_NESTED} deep`)
          break
        case CLOSING_BRACE:
        case CLOSING_BRACKET:
          if (--depth === 0) return
      }
    }
    throw unended(line)
  }

  private count(line: number): void {
    if (++this.values > MOST_VALUES)
      throw new FileFault(line, `more than ${MOST_VALUES} values of JSON by here, the most that are read`)
  }

  /** From behind an opening quotation mark to behind the closing one; JSON has no line breaks in strings. */
  private skipString(line: number): void {
    const { text } = this
    for (;;) {
      const end = text.indexOf('"', this.at)
      if (end < 0) throw unended(line)
      let backslashes = 0
      while (end - backslashes > this.at && text.charCodeAt(end - 1 - backslashes) === BACKSLASH)
        backslashes++
      this.at = end + 1
      if (backslashes % 2 === 0) return
    }
  }
}

function unended(line: number): FileFault {
  return new FileFault(line, 'JSON that begins here does not end')
}
