// Millions of lines to a stream: gathered into chunks, written with back-pressure, quiet when the reader has gone (EPIPE).
import type { Writable } from 'node:stream'
import { Ascii } from '../../report/text/ascii.ts'
import { StreamOutput } from './stream-output.ts'

/** Bytes of a chunk: a write costs nothing per line, and a reader behind a pipe gets something soon. */
const CHUNK = 1 << 16
const LINE_FEED = 0x0a

export class LineOutput {
  /** What the lines are written to; `endLine()` ends one. */
  readonly text = new Ascii()
  private readonly output: StreamOutput

  /** The stream stays open; `end()` only sees that all is written. */
  constructor(stream: Writable) {
    this.output = new StreamOutput(stream, 'standard output')
  }

  /** Whether the reader has gone: nothing more needs to be written. */
  get closed(): boolean {
    return this.output.closed
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
    return this.output.full
  }

  /** Resolves when the stream takes more. @throws OutputError, unless only the reader has gone */
  async drained(): Promise<void> {
    await this.output.drained()
  }

  /** Writes what is left, waits until it is out, and lets go of the stream. @throws OutputError */
  async end(): Promise<void> {
    this.flush()
    await this.output.end()
  }

  /** Writes what there is, a whole chunk or not. */
  flush(): void {
    if (this.text.length > 0) this.output.write(this.text.take())
  }
}
