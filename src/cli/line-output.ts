// Millions of lines to a stream: gathered into chunks, written with back-pressure, quiet when the reader has gone (EPIPE).
import type { Writable } from 'node:stream'

/** Characters of a chunk: a write costs nothing per line, and a reader behind a pipe gets something soon. */
const CHUNK = 1 << 16

export class LineOutput {
  /** Whether the reader has gone: nothing more needs to be written. */
  closed = false
  private readonly stream: Writable
  private chunk = ''
  private failure: Error | null = null
  private wake: (() => void) | null = null

  /** Lines must be ASCII. The stream stays open; `end()` only empties the chunk. */
  constructor(stream: Writable) {
    this.stream = stream
    stream.on('error', this.onError)
    stream.on('drain', this.onWake)
    stream.on('close', this.onWake)
  }

  /** Adds a line; a line feed follows it. */
  line(line: string): void {
    this.chunk += line
    this.chunk += '\n'
    if (this.chunk.length >= CHUNK) this.flush()
  }

  /** Adds text as it is. */
  text(text: string): void {
    this.chunk += text
  }

  /** Whether the stream would rather be waited for. */
  get full(): boolean {
    return this.stream.writableNeedDrain
  }

  /** Resolves when the stream takes more; rejects with what went wrong with it, unless only the reader has gone. */
  async drained(): Promise<void> {
    if (!this.closed && this.stream.writableNeedDrain) {
      await new Promise<void>(resolve => {
        this.wake = resolve
      })
    }
    if (this.failure !== null) throw this.failure
  }

  /** Writes what is left and lets go of the stream. */
  async end(): Promise<void> {
    this.flush()
    await this.drained()
    if (!this.closed) await new Promise<void>(resolve => this.stream.write('', () => resolve()))
    if (this.failure !== null) throw this.failure
    this.stream.off('drain', this.onWake)
    this.stream.off('close', this.onWake)
  }

  private flush(): void {
    if (!this.closed && this.chunk !== '') this.stream.write(this.chunk, 'latin1')
    this.chunk = ''
  }

  private readonly onError = (error: NodeJS.ErrnoException): void => {
    this.closed = true
    if (error.code !== 'EPIPE') this.failure = error
    this.onWake()
  }

  private readonly onWake = (): void => {
    this.wake?.()
    this.wake = null
  }
}
