// Opens captures, one or many, as one source of frames.

import { CaptureRecord } from '../capture-record.ts'
import { CaptureError } from '../error.ts'
import type { CaptureInterface, FrameSource } from '../frame.ts'
import { MergedSource } from './merge.ts'
import { type OpenOptions, openReader } from './open-reader.ts'
import { SingleSource } from './single-source.ts'
import { STANDARD_INPUT } from './stored.ts'

/** Bytes read at a time: large enough that a read costs nothing per frame, small enough for a second-level cache. */
const CHUNK = 1 << 20

/**
 * Opens one or several captures as one source of frames: files, FIFOs, `-` for standard input. Several are merged by
 * time, so that the order of `paths` does not matter.
 * @throws CaptureError where a path is no capture that can be read, or what `options.signal` was aborted with
 */
export async function openCaptures(
  paths: readonly string[],
  options: OpenOptions = {},
): Promise<FrameSource> {
  const first = paths.indexOf(STANDARD_INPUT)
  if (first >= 0 && paths.includes(STANDARD_INPUT, first + 1))
    throw new CaptureError(STANDARD_INPUT, 0, 'named twice, expected to read standard input once')
  if (paths.length > 1) return MergedSource.open(paths, options)
  const interfaces: CaptureInterface[] = []
  const file = new CaptureRecord(paths[0])
  const { reader } = await openReader({ file, index: 0, interfaces, chunk: CHUNK, ...options })
  return new SingleSource(reader, interfaces)
}
