// An output that is a regular file: whole or not there at all.
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  copyFileSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  type Stats,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { writeWhole } from './descriptor-stream.ts'
import { OutputError } from './output-error.ts'
import type { OutputFile } from './output-file.ts'
import type { OutputTarget } from './output-target.ts'

/** Characters gathered before they are written. */
const CHUNK = 1 << 16

/** Written under a name of its own in the same directory, renamed when complete. */
export class WholeFile implements OutputFile {
  readonly closed = false
  private readonly target: OutputTarget
  /** Null once it is gone. */
  private temporary: string | null
  /** -1 once it is closed. */
  private descriptor: number
  private chunk = ''

  /** @throws OutputError */
  constructor(target: OutputTarget) {
    this.target = target
    const { path, before } = target
    const temporary = join(dirname(path), `.ctpcap-${randomBytes(9).toString('hex')}.tmp`)
    // nobody else's file and no link, whatever lies in the directory; as private as the old file until it has its mode
    this.descriptor = this.attempt(() => openSync(temporary, 'wx', before === null ? 0o666 : 0o600))
    this.temporary = temporary
    if (before !== null) takeAfter(before, this.descriptor)
  }

  write(text: string): void {
    this.chunk += text
    if (this.chunk.length >= CHUNK) this.flush()
  }

  flush(): void {
    const { chunk, descriptor } = this
    this.chunk = ''
    if (descriptor >= 0) this.attempt(() => writeWhole(descriptor, Buffer.from(chunk)))
  }

  async drained(): Promise<void> {}

  async commit(): Promise<void> {
    this.flush()
    const { descriptor, temporary } = this
    if (descriptor < 0 || temporary === null) return
    this.attempt(() => {
      // some disks tell only now that they are full
      fsyncSync(descriptor)
      this.descriptor = -1
      closeSync(descriptor)
      replace(this.target.path, temporary)
      this.temporary = null
    })
  }

  discard(): void {
    const { descriptor, temporary } = this
    this.descriptor = -1
    this.temporary = null
    // what goes wrong with it now is nothing to whoever gave it up for a reason of his own
    if (descriptor >= 0) tried(() => closeSync(descriptor))
    if (temporary !== null) tried(() => rmSync(temporary, { force: true }))
  }

  private attempt<T>(action: () => T): T {
    try {
      return action()
    } catch (error) {
      throw new OutputError(this.target.name, error)
    }
  }
}

/**
 * Gives a file the owner and the mode of the one whose place it is to take, as far as it may be done here: only root may
 * give a file away, so that anybody else's replacement is his own, as that of `sed -i` is; some file systems keep neither.
 */
function takeAfter({ uid, gid, mode }: Stats, descriptor: number): void {
  if (!tried(() => fchownSync(descriptor, uid, gid))) tried(() => fchownSync(descriptor, -1, gid))
  tried(() => fchmodSync(descriptor, mode & 0o777))
}

function tried(action: () => void): boolean {
  try {
    action()
    return true
  } catch {
    return false
  }
}

function replace(path: string, temporary: string): void {
  try {
    renameSync(temporary, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error
    // a file that is mounted by itself, as into a container, cannot be replaced, only written
    copyFileSync(temporary, path)
    rmSync(temporary)
  }
}
