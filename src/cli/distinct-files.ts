// A file that was given twice by mistake, under one name or two: every packet or rule of it would count twice.
import { statSync } from 'node:fs'
import { STANDARD_INPUT } from '../capture/stored.ts'
import { UsageError } from './usage-error.ts'

/**
 * Refuses a file that is among `paths` more than once; one that cannot be found is left to who opens it.
 * @param option what the user typed them behind, '' for arguments
 * @param what they are, for the message
 * @throws UsageError
 */
export function refuseRepeated(paths: readonly string[], option: string, what: string): void {
  const known = new Map<string, string>()
  for (const path of paths) {
    const identity = path === STANDARD_INPUT ? null : identityOf(path)
    if (identity === null) continue
    const before = known.get(identity)
    if (before !== undefined) {
      const again = before === path ? 'given twice' : `the same file as ${before}`
      throw new UsageError(
        `${option === '' ? '' : `${option} `}${path}: ${again}, expected each ${what} once`,
      )
    }
    known.set(identity, path)
  }
}

function identityOf(path: string): string | null {
  try {
    const { dev, ino } = statSync(path, { bigint: true })
    return `${dev}:${ino}`
  } catch {
    return null
  }
}
