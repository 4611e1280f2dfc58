// What the fuzz loop mutates: the stored bytes of real captures, and the frames in them with their link types.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CaptureRecord } from '../../src/capture/capture-record.ts'
import { CaptureError } from '../../src/capture/error.ts'
import type { CaptureInterface } from '../../src/capture/frame.ts'
import { readStored } from '../../src/capture/open/open-reader.ts'
import { MemorySource } from '../support/memory-source.ts'

/** Bytes kept of a file: what stands further behind is more of the same. */
const MOST_BYTES = 1 << 18
/** Frames kept of a file, and bytes of each. */
const MOST_FRAMES = 300
const MOST_FRAME_BYTES = 4096
/** Files that are no captures, whatever folder they stand in. */
const OTHER = /\.(md|tsv|txt|json|xml|ts|rules|yaml|log)$/

export interface SeedFrame {
  bytes: Uint8Array
  originalLength: number
  linkType: number
}

export interface Seeds {
  /** Files as they are stored, compressed ones too. */
  files: Uint8Array[]
  /** Frames in the order of their capture, a list for each capture that has any. */
  captures: SeedFrame[][]
}

/** Reads every file below the folders, in order of path. */
export async function readSeeds(folders: readonly string[]): Promise<Seeds> {
  const seeds: Seeds = { files: [], captures: [] }
  for (const folder of folders) {
    const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile() && !OTHER.test(entry.name))
      .map(entry => join(entry.parentPath, entry.name))
      .sort()
    for (const path of paths) {
      const bytes = new Uint8Array(readFileSync(path).subarray(0, MOST_BYTES))
      if (bytes.length === 0) continue
      seeds.files.push(bytes)
      const frames = await readFrames(path, bytes)
      if (frames.length > 0) seeds.captures.push(frames)
    }
  }
  return seeds
}

async function readFrames(path: string, bytes: Uint8Array): Promise<SeedFrame[]> {
  const interfaces: CaptureInterface[] = []
  const request = { file: new CaptureRecord(path), index: 0, interfaces, chunk: 1 << 16 }
  const frames: SeedFrame[] = []
  try {
    const reader = await readStored(new MemorySource(bytes), async () => new MemorySource(bytes), request)
    do {
      for (let frame = reader.next(); frame !== null; frame = reader.next()) {
        if (frames.length === MOST_FRAMES) break
        const end = frame.offset + Math.min(frame.length, MOST_FRAME_BYTES)
        const { originalLength, linkType } = frame
        frames.push({ bytes: frame.bytes.slice(frame.offset, end), originalLength, linkType })
      }
    } while (frames.length < MOST_FRAMES && (await reader.fill()))
    await reader.close()
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error
  }
  return frames
}
