// The stored bytes a path names: a file, a FIFO, standard input; and the words for what cannot be opened.

import { constants, fstat, open } from 'node:fs'
import { stat } from 'node:fs/promises'
import { isatty } from 'node:tty'
import { promisify } from 'node:util'
import { type ByteSource, FileSource, PipeSource } from '../byte-source.ts'
import type { CaptureRecord } from '../capture-record.ts'
import { CaptureError } from '../error.ts'
import { pathFault } from '../path-fault.ts'

export const STANDARD_INPUT = '-'

export interface Stored {
  source: ByteSource
  /** Whether the path can be opened a second time to the same bytes. */
  reopens: boolean
}

/**
 * Opens what `file.path` names (`-` is standard input) and notes its size.
 * @throws CaptureError for what is not there, is a directory or a terminal, or may not be read
 */
export async function openStored(file: CaptureRecord): Promise<Stored> {
  const { path } = file
  if (path === STANDARD_INPUT) return { source: await openStandardInput(file), reopens: false }
  const stats = await stat(path).catch(error => refuse(path, error))
  if (stats.isDirectory()) throw new CaptureError(path, null, 'is a directory, expected a capture')
  if (stats.isFIFO() || stats.isSocket()) {
    // without O_NONBLOCK a thread would wait for a writer, and nothing could break that off
    const descriptor = await openDescriptor(path, constants.O_RDONLY | constants.O_NONBLOCK)
    return { source: new PipeSource(descriptor), reopens: false }
  }
  file.size = stats.size
  return { source: new FileSource(await openDescriptor(path, constants.O_RDONLY)), reopens: stats.isFile() }
}

async function openStandardInput(file: CaptureRecord): Promise<ByteSource> {
  const stats = await promisify(fstat)(0).catch(error => refuse(file.path, error))
  if (stats.isDirectory()) throw new CaptureError(file.path, null, 'is a directory, expected a capture')
  if (isatty(0)) throw new CaptureError(file.path, null, 'standard input is a terminal, expected a capture')
  if (stats.isFIFO() || stats.isSocket()) return new PipeSource(0)
  file.size = stats.size
  return new FileSource(0, false)
}

function openDescriptor(path: string, flags: number): Promise<number> {
  return promisify(open)(path, flags).catch(error => refuse(path, error))
}

function refuse(path: string, error: unknown): never {
  throw new CaptureError(path, null, pathFault(path, error))
}
