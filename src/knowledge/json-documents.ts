// JSON documents, one after the other in a file, with the line that each begins at.
import { FileFault } from './file-fault.ts'

export interface JsonDocument {
  line: number
  value: unknown
}

/**
 * The documents of a text that begins with one; what stands between them (a prompt, a comment) is passed over.
 * @throws FileFault for one that does not end or is no JSON
 */
export function readJsonDocuments(text: string): JsonDocument[] {
  const documents: JsonDocument[] = []
  let line = 1
  let at = 0
  while (at < text.length) {
    const start = nextStart(text, at)
    line += linesIn(text, at, start)
    if (start === text.length) break
    const end = endOf(text, start)
    if (end < 0) throw new FileFault(line, 'JSON that begins here does not end')
    documents.push({ line, value: parse(text.slice(start, end), line) })
    line += linesIn(text, start, end)
    at = end
  }
  return documents
}

/** Whether a text is JSON: its first line that says anything begins a document. */
export function looksLikeJson(text: string): boolean {
  const first = /^\s*(?:#[^\n]*\n\s*)*(\S)/.exec(text)
  return first !== null && (first[1] === '{' || first[1] === '[') && !/^\s*\[\d+:\d+\]/.test(text)
}

function parse(text: string, line: number): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new FileFault(line, `no JSON: ${(error as Error).message.split('\n')[0]}`)
  }
}

/** Where the next line that begins with a bracket begins. */
function nextStart(text: string, from: number): number {
  const pattern = /[[{]|#[^\n]*/g
  pattern.lastIndex = from
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    if (match[0][0] !== '#') return match.index
  }
  return text.length
}

/** Behind the bracket that closes the one at `start`, or -1. */
function endOf(text: string, start: number): number {
  const pattern = /"(?:[^"\\]|\\.)*"|[[{]|[\]}]|"/g
  pattern.lastIndex = start
  let depth = 0
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [token] = match
    // a string without an end
    if (token === '"') return -1
    if (token === '{' || token === '[') depth++
    else if ((token === '}' || token === ']') && --depth === 0) return pattern.lastIndex
  }
  return -1
}

function linesIn(text: string, from: number, to: number): number {
  let lines = 0
  for (let at = text.indexOf('\n', from); at >= 0 && at < to; at = text.indexOf('\n', at + 1)) lines++
  return lines
}

/** An object of JSON, by its fields. */
export type JsonObject = Record<string, unknown>

export function asObject(value: unknown): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

export function asText(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
