// Whole small captures cut at every byte and flipped bit by bit: nothing but a CaptureError is thrown, and every reading ends.

import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CaptureError } from '../../src/capture/error.ts'
import { type ReadResult, readBytes } from '../support/read-frames.ts'

const SEED = 20_261_122
/** How often a file is tried each way at most: a larger one is cut at a sample of its bytes. */
const MAX_TRIALS = 3000
const MAX_COMPRESSED_TRIALS = 300

const files = ['fixtures/formats', 'fixtures/malformed'].flatMap(folder =>
  readdirSync(folder)
    .filter(name => !name.endsWith('.tsv'))
    .map(name => `${folder}/${name}`),
)

/** What comes of the bytes: frames, or a CaptureError; anything else fails the test. */
async function attempt(bytes: Uint8Array): Promise<ReadResult | null> {
  try {
    return await readBytes(bytes)
  } catch (error) {
    if (error instanceof CaptureError) return null
    throw error
  }
}

function isPrefix(part: ReadResult, whole: ReadResult): boolean {
  return part.frames.every((frame, index) => {
    const other = whole.frames[index]
    return (
      frame.number === other.number &&
      frame.time === other.time &&
      Buffer.compare(frame.bytes, other.bytes) === 0
    )
  })
}

function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

describe.each(files)('%s', file => {
  const bytes = new Uint8Array(readFileSync(file))
  const most = /\.(gz|zst|lz4)$/.test(file) ? MAX_COMPRESSED_TRIALS : MAX_TRIALS
  const step = Math.max(1, Math.ceil(bytes.length / most))

  it('cut at any byte gives a beginning of its frames', async () => {
    const whole = await attempt(bytes)
    for (let cut = 0; cut < bytes.length; cut += step) {
      const part = await attempt(bytes.subarray(0, cut))
      if (part === null || whole === null) continue
      expect(isPrefix(part, whole), `cut at ${cut}`).toBe(true)
    }
  })

  it('with flipped bits ends with frames or a CaptureError', async () => {
    const next = random(SEED)
    const trials = Math.min(bytes.length, most / 3)
    for (let trial = 0; trial < trials; trial++) {
      const flipped = Uint8Array.from(bytes)
      const flips = 1 + Math.floor(next() * 4)
      for (let i = 0; i < flips; i++)
        flipped[Math.floor(next() * bytes.length)] ^= 1 << Math.floor(next() * 8)
      const read = await attempt(flipped)
      for (const frame of read?.frames ?? [])
        expect(Number.isSafeInteger(frame.number) && Number.isInteger(frame.time)).toBe(true)
    }
  })

  it('with length fields blown up ends with frames or a CaptureError', async () => {
    const next = random(SEED)
    const trials = Math.min(bytes.length, most / 3)
    for (let trial = 0; trial < trials; trial++) {
      const blown = Uint8Array.from(bytes)
      const at = Math.floor((next() * (bytes.length - 4)) / 4) * 4
      const value = [0, 0xffffffff, 0x7fffffff, 0x00ffffff, 0xffffff00, 16, 0x10000][Math.floor(next() * 7)]
      new DataView(blown.buffer).setUint32(at, value, next() < 0.5)
      await attempt(blown)
    }
  })
})
