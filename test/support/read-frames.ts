// Reads whole captures into plain objects, so that tests can compare them.

import { CaptureRecord } from '../../src/capture/capture-record.ts'
import type { CaptureFile, CaptureInterface, Frame, FrameSource } from '../../src/capture/frame.ts'
import { openCaptures } from '../../src/capture/open/open.ts'
import { type OpenOptions, readStored } from '../../src/capture/open/open-reader.ts'
import { SingleSource } from '../../src/capture/open/single-source.ts'
import { MemorySource } from './memory-source.ts'

export interface ReadFrame {
  capture: number
  number: number
  interface: number
  linkType: number
  direction: number
  /** Nanoseconds since 1970. */
  stamp: bigint
  /** Nanoseconds since the replay's first frame. */
  time: number
  originalLength: number
  bytes: Uint8Array
}

export interface ReadResult {
  frames: ReadFrame[]
  captures: readonly CaptureFile[]
  interfaces: readonly CaptureInterface[]
}

/** Everything the captures hold. */
export async function readFiles(paths: string[], options: OpenOptions = {}): Promise<ReadResult> {
  return drain(await openCaptures(paths, options))
}

/** The same for a capture in memory, which is read `chunk` bytes at a time and arrives in pieces of `piece`. */
export async function readBytes(
  bytes: Uint8Array,
  piece?: number | (() => number),
  chunk = 4096,
): Promise<ReadResult> {
  const interfaces: CaptureInterface[] = []
  const request = { file: new CaptureRecord('memory'), index: 0, interfaces, chunk }
  const reopen = piece === undefined ? async () => new MemorySource(bytes) : null
  const reader = await readStored(new MemorySource(bytes, piece), reopen, request)
  return drain(new SingleSource(reader, interfaces))
}

async function drain(source: FrameSource): Promise<ReadResult> {
  const frames: ReadFrame[] = []
  let kept = 0
  do {
    for (let frame = source.next(); frame !== null; frame = source.next())
      frames.push(describeFrame(frame, source))
    // no sooner: the bytes of all these frames have to stay until fill()
    for (; kept < frames.length; kept++) frames[kept].bytes = frames[kept].bytes.slice()
  } while (await source.fill())
  await source.close()
  return { frames, captures: source.captures, interfaces: source.interfaces }
}

/** Its bytes are those in the source's buffer. */
function describeFrame(frame: Frame, source: FrameSource): ReadFrame {
  return {
    capture: frame.capture,
    number: frame.number,
    interface: frame.interface,
    linkType: frame.linkType,
    direction: frame.direction,
    stamp: source.epoch + BigInt(frame.time),
    time: frame.time,
    originalLength: frame.originalLength,
    bytes: frame.bytes.subarray(frame.offset, frame.offset + frame.length),
  }
}
