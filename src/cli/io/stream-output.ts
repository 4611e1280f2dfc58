// What goes to a stream: with back-pressure, and quiet when the reader has gone (EPIPE).
import type { Writable } from 'node:stream'
import { OutputError } from './output-error.ts'

export class StreamOutput {
  /** Whether the reader has gone: nothing more needs to be written. */
  closed = false
  private readonly stream: Writable
  private readonly name: string
  private failure: Error | null = null
  private wake: (() => void) | null = null

  /**
   * The stream stays open; `end()` only sees that all is written.
   * @param name of the stream, for errors
   */
  constructor(stream: Writable, name: string) {
    this.stream = stream
    this.name = name
    stream.on('error', this.onError)
    stream.on('drain', this.onWake)
    stream.on('close', this.onClose)
  }

  /** Whether the stream would rather be waited for. */
  get full(): boolean {
    return this.stream.writableNeedDrain
  }

  write(chunk: Uint8Array | string): void {
    if (!this.closed) this.stream.write(chunk)
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

  /** Waits until all is out, and lets go of the stream. */
  async end(): Promise<void> {
    await this.drained()
    if (!this.closed) await new Promise<void>(resolve => this.stream.write('', () => resolve()))
    this.stream.off('drain', this.onWake)
    this.stream.off('close', this.onClose)
    this.stream.off('error', this.onError)
    if (this.failure !== null) throw this.failure
  }

  private readonly onError = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') this.failure = new OutputError(this.name, error)
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
