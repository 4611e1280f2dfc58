// An output that is a FIFO or a device, written directly: waits for readers, but never so that a signal has to wait.
import { constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { DescriptorStream } from './descriptor-stream.ts'
import { OutputError } from './output-error.ts'
import type { OutputFile } from './output-file.ts'
import type { OutputTarget } from './output-target.ts'
import { StreamOutput } from './stream-output.ts'

/** Characters gathered before they are written. */
const CHUNK = 1 << 16

/** Milliseconds between two looks whether a FIFO has a reader. */
const LOOK = 20

export class SpecialFile implements OutputFile {
  readonly closed = false
  private readonly stream: Writable
  private readonly output: StreamOutput
  private chunk = ''

  private constructor(stream: Writable, name: string) {
    this.stream = stream
    this.output = new StreamOutput(stream, name)
  }

  /** @throws OutputError, or what `ending` was aborted with */
  static async open({ path, name, before }: OutputTarget, ending: AbortSignal): Promise<SpecialFile> {
    const isFifo = before?.isFIFO() === true
    const stream = isFifo
      ? new Socket({ fd: await openFifo(path, name, ending), readable: false, writable: true })
      : new DescriptorStream(openNow(path, name), true)
    return new SpecialFile(stream, name)
  }

  write(text: string): void {
    this.chunk += text
    if (this.chunk.length >= CHUNK) this.flush()
  }

  flush(): void {
    if (this.chunk === '') return
    this.output.write(this.chunk)
    this.chunk = ''
  }

  async drained(): Promise<void> {
    await this.output.drained()
  }

  async commit(): Promise<void> {
    this.flush()
    await this.output.end()
    this.stream.destroy()
  }

  discard(): void {
    this.stream.destroy()
  }
}

/** Without O_NONBLOCK the whole program would wait for a reader, and no signal could break that off. */
async function openFifo(path: string, name: string, ending: AbortSignal): Promise<number> {
  for (;;) {
    ending.throwIfAborted()
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
    } catch (error) {
      // nobody reads it yet
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw new OutputError(name, error)
    }
    // the signal is looked at above, where it says what it was aborted with
    await setTimeout(LOOK, undefined, { signal: ending }).catch(() => {})
  }
}

function openNow(path: string, name: string): number {
  try {
    return openSync(path, constants.O_WRONLY | constants.O_NOCTTY)
  } catch (error) {
    throw new OutputError(name, error)
  }
}
