// Lines broken between words at a width, with what follows indented under the first word.

/** SGR sequences: they take no column. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with one
const STYLES = /\u001b\[[\d;]*m/g
/** A line that begins like this is to be copied whole. */
const COMMAND = /^\s*(?:(look: +)?tshark |\$ )/

/** Breaks the lines that are longer than `width`. A word longer than that stays whole, and so does a command. */
export function wrap(lines: readonly string[], width: number): string[] {
  return lines.flatMap(line => (COMMAND.test(plainText(line)) ? [line] : wrapLine(line, width)))
}

/** Columns a text takes, of characters of one column each. */
export function columns(text: string): number {
  return plainText(text).length
}

function plainText(text: string): string {
  return text.replace(STYLES, '')
}

function wrapLine(line: string, width: number): string[] {
  if (columns(line) <= width) return [line]
  // under the first word after a mark such as `- ` or `12  `
  const indent = ' '.repeat(
    /^\s*(-\s|[\d,]+\s\s|cause:\s|fix:\s+|check:\s)?/.exec(plainText(line))?.[0].length ?? 0,
  )
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

/** A line that is no longer than `width`. */
export function cut(line: string, width: number): string {
  return line.length > width ? `${line.slice(0, width - 1)}…` : line
}
