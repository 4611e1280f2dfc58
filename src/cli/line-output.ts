// Millions of lines to a stream: gathered into chunks, written with back-pressure, quiet when the reader has gone (EPIPE).
import type { Writable } from 'node:stream'
import { Ascii } from '../report/ascii.ts'
import { OutputError } from './output-file.ts'

/** Bytes of a chunk: a write costs nothing per line, and a reader behind a pipe gets something soon. */
const CHUNK = 1 << 16
const LINE_FEED = 0x0a

export class LineOutput {
  /** What the lines are written to; `endLine()` ends one. */
  readonly text = new Ascii()
  /** Whether the reader has gone: nothing more needs to be written. */
  closed = false
  private readonly stream: Writable
  private failure: Error | null = null
  private wake: (() => void) | null = null

  /** The stream stays open; `end()` only sees that all is written. */
  constructor(stream: Writable) {
    this.stream = stream
    stream.on('error', this.onError)
    stream.on('drain', this.onWake)
    stream.on('close', this.onClose)
  }

  endLine(): void {
    this.text.byte(LINE_FEED)
    if (this.text.length >= CHUNK) this.flush()
  }

  line(line: string): void {
    this.text.text(line)
    this.endLine()
  }

  /** Whether the stream would rather be waited for. */
  get full(): boolean {
    return this.stream.writableNeedDrain
  }

  /** Resolves when the stream takes more; rejects with what went wrong with it, unless only the reader has gone. */
  async drained(): Promise<void> {
    if (!this.closed && this.full) {
      await new Promise<void>(resolve => {
        this.wake = resolve
      })
    }
    if (this.failure !== null) throw this.failure
  }

  /** Writes what is left, waits until it is out, and lets go of the stream. */
  async end(): Promise<void> {
    this.flush()
    await this.drained()
    if (!this.closed) await new Promise<void>(resolve => this.stream.write('', () => resolve()))
    this.stream.off('drain', this.onWake)
    this.stream.off('close', this.onClose)
    this.stream.off('error', this.onError)
    if (this.failure !== null) throw this.failure
  }

  /** Writes what there is, a whole chunk or not. */
  flush(): void {
    if (this.text.length === 0) return
    const bytes = this.text.take()
    if (!this.closed) this.stream.write(bytes)
  }

  private readonly onError = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') this.failure = new OutputError('standard output', error)
    this.onClose()
  }

  private readonly onClose = (): void => {
    this.closed = true
    this.onWake()
  }

  private readonly onWake = (): void => {
    this.wake?.()
    this.wake = null
  }
}
