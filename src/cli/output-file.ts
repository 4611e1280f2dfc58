// An output file that is either whole or not there: written under a temporary name, renamed when complete.
import { closeSync, openSync, renameSync, statSync, unlinkSync, writeSync } from 'node:fs'
import { isMaimed, MAIMED, pathFault } from '../capture/path-fault.ts'

/** The output cannot be written. */
export class OutputError extends Error {
  override name = 'OutputError'

  constructor(path: string, cause: unknown) {
    super(`${path}: cannot be written: ${reason(path, cause as NodeJS.ErrnoException)}`)
  }
}

/** Characters gathered before they are written. */
const CHUNK = 1 << 16

export class OutputFile {
  private readonly path: string
  /** What is written to; the path itself where that is no regular file (a FIFO, a device). */
  private readonly temporary: string
  private descriptor: number
  private chunk = ''

  /** @throws OutputError */
  constructor(path: string) {
    this.path = path
    this.temporary = this.attempt(() => isSpecial(path)) ? path : `${path}.${process.pid}.tmp`
    // a file of another name is not what was asked for
    if (isMaimed(path)) throw new OutputError(path, new Error(MAIMED))
    this.descriptor = this.attempt(() => openSync(this.temporary, 'w'))
  }

  /** Adds text; waits for the disk where need be, so that memory stays bounded. @throws OutputError */
  write(text: string): void {
    this.chunk += text
    if (this.chunk.length >= CHUNK) this.flush()
  }

  /** Completes the file under its own name. @throws OutputError */
  commit(): void {
    this.flush()
    this.attempt(() => {
      if (this.temporary !== this.path) renameSync(this.temporary, this.path)
      closeSync(this.descriptor)
      this.descriptor = -1
    })
  }

  /** Leaves nothing behind; harmless after `commit()`. */
  discard(): void {
    if (this.descriptor < 0) return
    if (this.temporary !== this.path) unlinkSync(this.temporary)
    closeSync(this.descriptor)
    this.descriptor = -1
  }

  private flush(): void {
    const bytes = Buffer.from(this.chunk)
    this.chunk = ''
    this.attempt(() => {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.descriptor, bytes, at)
    })
  }

  private attempt<T>(action: () => T): T {
    try {
      return action()
    } catch (error) {
      throw new OutputError(this.path, error)
    }
  }
}

function isSpecial(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats !== undefined && !stats.isFile() && !stats.isDirectory()
}

function reason(path: string, error: NodeJS.ErrnoException): string {
  // what is missing is never the file itself
  return error.code === 'ENOENT' ? 'no such directory' : pathFault(path, error)
}
