// OutputError: what was to be written cannot be, and why, in the words of the field; one line, exit code 2.

import { pathFault } from '../../capture/path-fault.ts'

export class OutputError extends Error {
  override name = 'OutputError'

  /**
   * @param name the path as the user gave it, or the name of a stream
   * @param cause what went wrong: words, or the error of a system call
   */
  constructor(name: string, cause: unknown) {
    super(`${name}: cannot be written: ${typeof cause === 'string' ? cause : reason(name, cause)}`)
  }
}

/** What is not the same of an output as of a file that is read: what is missing is never the file itself. */
const REASONS = new Map([
  ['ENOENT', 'no such directory'],
  ['ENOTDIR', 'no such directory: a part of the path is no directory'],
  ['EDQUOT', 'no space left under the quota'],
  ['EFBIG', 'larger than a file may be here'],
  ['ETXTBSY', 'a program that runs now'],
  ['ENAMETOOLONG', 'the name is too long'],
  ['ENXIO', 'no such device'],
  ['EBADF', 'not open for writing'],
])

function reason(name: string, cause: unknown): string {
  const { code } = cause as NodeJS.ErrnoException
  return REASONS.get(code ?? '') ?? pathFault(name, cause)
}
