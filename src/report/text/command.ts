// Commands to be copied into a shell: whole on one line, or continued by `\` between two words.
import { columns } from './wrap.ts'

/** What a continued line ends with, and what the next one begins with. */
const CONTINUED = ' \\'
const DEEPER = '  '

/** A command in lines of at most `width` columns behind `indent`; a word that is longer stays whole. */
export function commandLines(command: string, width: number, indent: string): string[] {
  if (columns(indent + command) <= width) return [indent + command]
  const [first = '', ...words] = together(shellWords(command))
  const lines: string[] = []
  let line = indent + first
  for (const [i, word] of words.entries()) {
    const end = i === words.length - 1 ? 0 : CONTINUED.length
    if (columns(`${line} ${word}`) + end <= width) line += ` ${word}`
    else {
      lines.push(line + CONTINUED)
      line = indent + DEEPER + word
    }
  }
  return [...lines, line]
}

/** An option and its value stay on one line. */
function together(words: readonly string[]): string[] {
  const parts: string[] = []
  let isOption = false
  for (const word of words) {
    const isNext = word.startsWith('-')
    if (isOption && !isNext) parts.push(`${parts.pop() ?? ''} ${word}`)
    else parts.push(word)
    isOption = isNext
  }
  return parts
}

/** The words of a command, as far as a line may end between them: no blank in quotes or parentheses counts. */
export function shellWords(command: string): string[] {
  const words: string[] = []
  let word = ''
  let quote = ''
  let depth = 0
  for (let i = 0; i < command.length; i++) {
    const letter = command[i] ?? ''
    if (letter === ' ' && quote === '' && depth === 0) {
      if (word !== '') words.push(word)
      word = ''
      continue
    }
    word += letter
    if (letter === '\\' && quote !== "'") word += command[++i] ?? ''
    else if (quote !== '') quote = letter === quote ? '' : quote
    else if (letter === "'" || letter === '"') quote = letter
    else if (letter === '(') depth++
    else if (letter === ')' && depth > 0) depth--
  }
  return word === '' ? words : [...words, word]
}
