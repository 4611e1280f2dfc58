// Where a capture's bytes come from: a pull contract, kept by regular files, by pipes, and by the decompressors above them.

import { close, read } from 'node:fs'
import { Socket } from 'node:net'

export interface ByteSource {
  /** Bytes taken so far, counted as they are stored (compressed, if they are). */
  readonly position: number
  /**
   * Puts up to `length` bytes into `target` from `offset` on and resolves to their number; 0 is the end. Hands over
   * what there is rather than waiting until `length` bytes are there. One call at a time. Rejects where the bytes
   * cannot be read on; what came before stays valid.
   */
  read(target: Uint8Array, offset: number, length: number): Promise<number>
  /** Ends a read that is under way (as if at the end of the data) and lets go of the file. */
  close(): Promise<void>
}

/** A regular file, read by position (or standard input redirected from a file, read from where it stands). */
export class FileSource implements ByteSource {
  private readonly descriptor: number
  private readonly positioned: boolean
  position = 0
  private reading: Promise<number> | null = null
  private closed = false

  /** @param positioned false: read on from the descriptor's own position, and leave the descriptor open. */
  constructor(descriptor: number, positioned = true) {
    this.descriptor = descriptor
    this.positioned = positioned
  }

  async read(target: Uint8Array, offset: number, length: number): Promise<number> {
    if (this.closed) return 0
    const reading = new Promise<number>((resolve, reject) => {
      const at = this.positioned ? this.position : null
      read(this.descriptor, target, offset, length, at, (error, count) =>
        error ? reject(error) : resolve(count),
      )
    })
    this.reading = reading
    const count = await reading
    this.position += count
    return count
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    // the thread that reads must be done before the number of the descriptor may be given away again
    await this.reading?.catch(() => 0)
    if (this.positioned) await new Promise<void>(resolve => close(this.descriptor, () => resolve()))
  }
}

/** A pipe, FIFO, or socket: polled, never read in a blocked thread, so that closing it ends a read at once. */
export class PipeSource implements ByteSource {
  position = 0
  private readonly socket: Socket
  private rest: Uint8Array | null = null
  private failure: Error | null = null
  private ended = false
  private wake: () => void = () => {}

  constructor(descriptor: number) {
    this.socket = new Socket({ fd: descriptor, readable: true, writable: false })
    this.socket.on('readable', () => this.wake())
    this.socket.on('end', () => this.end())
    this.socket.on('close', () => this.end())
    this.socket.on('error', error => {
      this.failure = error
      this.wake()
    })
  }

  async read(target: Uint8Array, offset: number, length: number): Promise<number> {
    let filled = 0
    while (filled < length) {
      const chunk: Uint8Array | null = this.rest ?? this.socket.read()
      if (chunk !== null) {
        const taken = Math.min(chunk.length, length - filled)
        target.set(chunk.subarray(0, taken), offset + filled)
        this.rest = taken < chunk.length ? chunk.subarray(taken) : null
        filled += taken
      } else if (filled > 0 || this.ended) break
      else if (this.failure !== null) throw this.failure
      else
        await new Promise<void>(resolve => {
          this.wake = resolve
        })
    }
    this.position += filled
    return filled
  }

  async close(): Promise<void> {
    this.end()
    this.socket.destroy()
  }

  private end(): void {
    this.ended = true
    this.wake()
  }
}
