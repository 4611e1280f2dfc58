// gzip through node:zlib as a source of bytes, with back pressure, that gives up nothing of a damaged stream (RFC 1952).

import { createGunzip, type Gunzip } from 'node:zlib'
import type { ByteSource } from '../byte-source.ts'
import type { ReadBuffer } from '../read-buffer.ts'

/** node:zlib's default of 16 KiB costs two thirds of its speed. */
const OUTPUT_CHUNK = 1 << 20
/** Stored bytes given to the decompressor at a time, where the stored bytes can be read a second time. */
const PIECE = 1 << 17
/**
 * … and where they cannot. node:zlib drops the output of the piece in which it meets damage: small pieces keep that
 * loss small, and at 200 MB/s of output no pipe has to wait.
 */
const PIPE_PIECE = 1 << 12
/** … and on the second reading, from the start of the piece that failed. */
const FINE_PIECE = 16

export interface StoredInput {
  /** The stored bytes from their first. */
  buffer: ReadBuffer
  /** Opens them once more; null for a pipe. */
  reopen: (() => Promise<ReadBuffer>) | null
}

export class GzipSource implements ByteSource {
  private readonly stored: StoredInput
  private input: ReadBuffer
  private decoder: Gunzip
  private chunk: Uint8Array | null = null
  /** Whether a piece is being worked on, and whether the last one has gone in. */
  private busy = false
  private ending = false
  private finished = false
  private failure: Error | null = null
  private closed = false
  private wake: () => void = () => {}

  /** Decoded bytes given out, those of them that a second reading still has to pass over, and where it turns careful. */
  private delivered = 0
  private skip = 0
  private fineFrom = Number.POSITIVE_INFINITY

  constructor(stored: StoredInput) {
    this.stored = stored
    this.input = stored.buffer
    this.decoder = this.start()
  }

  get position(): number {
    return this.input.read
  }

  async read(target: Uint8Array, offset: number, length: number): Promise<number> {
    for (;;) {
      if (this.closed) return 0
      const chunk: Uint8Array | null = this.chunk ?? this.decoder.read()
      if (chunk !== null) {
        const taken = this.take(chunk, target, offset, length)
        if (taken > 0) return taken
      } else if (this.failure !== null) await this.startAgain(this.failure)
      else if (this.finished) return 0
      else if (this.busy) await this.news()
      else await this.feed()
    }
  }

  async close(): Promise<void> {
    this.closed = true
    this.decoder.destroy()
    this.wake()
    await this.input.close()
  }

  private start(): Gunzip {
    const decoder = createGunzip({ chunkSize: OUTPUT_CHUNK })
    decoder.on('readable', () => this.wake())
    decoder.on('end', () => {
      this.finished = true
      this.wake()
    })
    decoder.on('error', error => {
      this.failure = error
      this.wake()
    })
    return decoder
  }

  private news(): Promise<void> {
    return new Promise(resolve => {
      this.wake = resolve
    })
  }

  private async feed(): Promise<void> {
    const { input } = this
    if (input.position === input.end && !(await input.fill())) {
      // the decompressor tells by itself whether its stream is whole
      if (input.failure !== null) this.failure = new Error(input.failure)
      else if (!this.ending) this.decoder.end()
      this.ending = true
      this.busy = true
      return
    }
    const start = input.position
    const at = input.offsetOf(start)
    const most = at >= this.fineFrom ? FINE_PIECE : this.stored.reopen === null ? PIPE_PIECE : PIECE
    const length = Math.min(most, input.end - start, at < this.fineFrom ? this.fineFrom - at : most)
    this.busy = true
    this.decoder.write(input.bytes.subarray(start, start + length), error => {
      if (error) return
      input.position = start + length
      this.busy = false
      this.wake()
    })
  }

  private take(chunk: Uint8Array, target: Uint8Array, offset: number, length: number): number {
    const passed = Math.min(this.skip, chunk.length)
    const taken = Math.min(length, chunk.length - passed)
    target.set(chunk.subarray(passed, passed + taken), offset)
    this.chunk = passed + taken < chunk.length ? chunk.subarray(passed + taken) : null
    this.skip -= passed
    this.delivered += taken
    return taken
  }

  /** Reads the stored bytes once more, carefully where they failed. Throws the failure when that was done already. */
  private async startAgain(failure: Error): Promise<void> {
    const { input } = this
    const at = input.offsetOf(input.position)
    // a stream that is merely cut off has lost nothing: all its pieces went through
    if (this.ending || this.stored.reopen === null || this.fineFrom !== Number.POSITIVE_INFINITY)
      throw new Error(`gzip stream damaged at about stored byte ${at}: ${failure.message}`)
    await input.close()
    this.input = await this.stored.reopen()
    if (this.closed) return this.input.close()
    this.decoder = this.start()
    this.failure = null
    this.busy = false
    this.ending = false
    this.skip = this.delivered
    this.fineFrom = at
  }
}
