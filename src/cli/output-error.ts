// OutputError: what was to be written cannot be, and why, in the words of the field; one line, exit code 2.

export class OutputError extends Error {
  override name = 'OutputError'

  /**
   * @param name the path as the user gave it, or the name of a stream
   * @param cause what went wrong: words, or the error of a system call
   */
  constructor(name: string, cause: unknown) {
    super(`${name}: cannot be written: ${typeof cause === 'string' ? cause : reason(cause)}`)
  }
}

const REASONS: Record<string, string> = {
  ENOENT: 'no such directory',
  ENOTDIR: 'no such directory: a part of the path is no directory',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'is a directory',
  ENOSPC: 'no space left',
  EDQUOT: 'no space left under the quota',
  EFBIG: 'larger than a file may be here',
  EROFS: 'the file system is read-only',
  ETXTBSY: 'a program that runs now',
  ELOOP: 'too many symbolic links',
  ENAMETOOLONG: 'the name is too long',
  ENXIO: 'no such device',
  EBADF: 'not open for writing',
}

function reason(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException
  return REASONS[code ?? ''] ?? message
}
