// Small text files that options name, read whole.
import { readFileSync } from 'node:fs'
import { UsageError } from './usage-error.ts'

/** @throws UsageError for a file that cannot be read */
export function readText(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${option} ${path}: ${(error as Error).message}`)
  }
}
