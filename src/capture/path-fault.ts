// Why a path leads to no file, in words: for captures, for files beside them, and for output.

const WORDS = new Map([
  ['ENOENT', 'no such file'],
  ['EACCES', 'permission denied'],
  ['EPERM', 'permission denied'],
  ['ENOTDIR', 'no such file: a part of the path is no directory'],
  ['EISDIR', 'is a directory'],
  ['ELOOP', 'too many symbolic links'],
  ['ENAMETOOLONG', 'no such file: the name is too long'],
  ['EMFILE', 'too many open files'],
  ['ENFILE', 'too many open files'],
  ['ENXIO', 'is a socket, or a device that is not there'],
  ['ENODEV', 'is a device that is not there'],
  ['EIO', 'the device cannot be read'],
  ['ENOSPC', 'no space left'],
  ['EROFS', 'the file system is read-only'],
  ['ETXTBSY', 'is a program that runs'],
])

/** Stands for bytes of an argument that are not UTF-8: Node.js hands arguments over as text. */
const REPLACEMENT = '\ufffd'

/** What is wrong with a path by itself, whatever there is on the disk; null for nothing. */
function nameFault(path: string): string | null {
  if (path === '') return 'no such file: the name is empty'
  return path.includes('\0') ? 'no such file: there is a NUL in the name' : null
}

/** Whether a name was given in another encoding than UTF-8: then it is not known which bytes it had. */
export function isMaimed(path: string): boolean {
  return path.includes(REPLACEMENT)
}

/** For a name that has lost its bytes. */
export const MAIMED =
  'its name is not UTF-8, and Node.js does not pass on other bytes: rename it, or give a link to it'

/** The reason of an error of the file system about `path`. */
export function pathFault(path: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  const words = nameFault(path) ?? WORDS.get(code ?? '') ?? message
  return code === 'ENOENT' && isMaimed(path) ? `${words}: ${MAIMED}` : words
}
