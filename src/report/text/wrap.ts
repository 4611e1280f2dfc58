// Lines broken between words at a width, with what follows indented under the first word.
import stringWidth from 'string-width'

/** Breaks the lines that are longer than `width`. A word longer than that stays whole. */
export function wrap(lines: readonly string[], width: number): string[] {
  return lines.flatMap(line => wrapLine(line, width))
}

/** Columns a text takes on a terminal: none for escape sequences, two for a wide character. */
export function columns(text: string): number {
  return stringWidth(text)
}

/** A text behind a label, each line of it indented as far: `  why     …`. @param label whose columns are the indentation */
export function labelled(label: string, text: string, width: number): string[] {
  const indent = ' '.repeat(columns(label))
  return wrap([text], width - columns(label)).map((line, i) => (i === 0 ? label : indent) + line)
}

/** Leading blanks, and a mark such as `- ` or `12  ` or `1. `. */
const MARK = /^\s*(-\s|\d+\.\s|[\d,]+\s\s)?/

function wrapLine(line: string, width: number): string[] {
  if (columns(line) <= width) return [line]
  const indent = ' '.repeat(MARK.exec(line)?.[0].length ?? 0)
  const lines: string[] = []
  const [first = '', ...words] = line.split(/(?<=\S) (?=\S)/)
  let current = first
  for (const word of words) {
    if (columns(current) + 1 + columns(word) <= width) current += ` ${word}`
    else {
      lines.push(current)
      current = indent + word
    }
  }
  lines.push(current)
  return lines
}
