// JSON documents, one after the other in a file, with the line that each begins at.
import { FileFault } from './file-fault.ts'
import { JsonScanner } from './json-scanner.ts'

export interface JsonDocument {
  line: number
  value: unknown
}

/**
 * The documents of a text that begins with one; what stands between them (a prompt, a comment) is passed over.
 * @throws FileFault for one that does not end, is no JSON, or has more in it than is read (json-scanner.ts)
 */
export function* readJsonDocuments(text: string): Generator<JsonDocument> {
  const scanner = new JsonScanner(text)
  while (scanner.findStart()) {
    const { line, at } = scanner
    scanner.skipDocument()
    yield { line, value: parse(text.slice(at, scanner.at), line) }
  }
}

/** Whether a text is JSON: its first line that says anything begins a document. */
export function looksLikeJson(text: string): boolean {
  let at = 0
  for (;;) {
    while (text[at]?.trim() === '') at++
    if (text[at] !== '#') break
    const end = text.indexOf('\n', at)
    if (end < 0) return false
    at = end + 1
  }
  // the counters of iptables-save -c stand in brackets
  return text[at] === '{' || (text[at] === '[' && !/^\[\d{1,20}:\d{1,20}\]/.test(text.slice(at, at + 64)))
}

function parse(text: string, line: number): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new FileFault(line, `no JSON: ${(error as Error).message.split('\n')[0]}`)
  }
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
