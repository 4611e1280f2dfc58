// Small text files that options name, read whole.
import { readFileSync } from 'node:fs'
import { UsageError } from './usage-error.ts'

/** @throws UsageError for a file that cannot be read, and for one that is no text */
export function readText(option: string, path: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${option} ${path}: ${(error as Error).message}`)
  }
  const at = text.indexOf('\0')
  if (at >= 0)
    throw new UsageError(`${option} ${path}: expected text, found a NUL byte behind ${at} characters`)
  return text
}
