// A stream to a regular file or a device: each write is out when it returns, to its last byte, or it is an error.
import { closeSync, writeSync } from 'node:fs'
import { Writable } from 'node:stream'

/**
 * What Node.js has for standard output to a file takes it for written when the kernel took a part of it, so that a disk
 * that fills up would cut the output off without a word.
 */
export class DescriptorStream extends Writable {
  private readonly descriptor: number
  private readonly isOwn: boolean

  /** @param isOwn whether the descriptor is closed with the stream */
  constructor(descriptor: number, isOwn: boolean) {
    super()
    this.descriptor = descriptor
    this.isOwn = isOwn
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    try {
      writeWhole(this.descriptor, chunk)
    } catch (error) {
      done(error as Error)
      return
    }
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.isOwn) closeSync(this.descriptor)
    done(error)
  }
}

/** Writes all of `bytes`, in as many pieces as the kernel takes them. */
export function writeWhole(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at)
}
