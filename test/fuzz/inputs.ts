// Inputs of the fuzz loop, each made from seeds: whole files, or frames in a container of any format, compressed or not.
import { gzipSync } from 'node:zlib'
import type { Random } from '../kernel/generate/random.ts'
import { storeLz4 } from '../support/lz4-writer.ts'
import { joinBytes, PcapngWriter, type WrittenFrame, writePcap } from '../support/pcap-writer.ts'
import { mutate } from './mutate.ts'
import type { SeedFrame, Seeds } from './seeds.ts'

/** Longest input before and after compression: small ones find as much, and more of them. */
const MOST_BYTES = 16_384
const MOST_FRAMES = 24
const MOST_FILE_BYTES = 6_000

const EPOCH = 1_700_000_000

export interface Input {
  bytes: Uint8Array
  /** Bytes of the container before compression, where it was compressed; else those of the input. */
  plain: number
}

/** The input that `random` stands for. */
export function makeInput(seeds: Seeds, random: Random): Input {
  const bytes = random.chance(0.25) ? fileInput(seeds, random) : frameInput(seeds, random)
  if (random.chance(0.92)) return { bytes, plain: bytes.length }
  const compressed = compress(bytes, random)
  const spoilt = random.chance(0.6) ? mutate(compressed, seeds.files, random, MOST_BYTES) : compressed
  return { bytes: spoilt, plain: bytes.length }
}

/** The beginning of a stored file with something wrong. */
function fileInput(seeds: Seeds, random: Random): Uint8Array {
  const file = random.pick(seeds.files)
  const length = 24 + random.below(MOST_FILE_BYTES)
  return mutate(file.subarray(0, length), seeds.files, random, MOST_BYTES)
}

/** Frames, sound or not, of a capture (or of two) in a container that is mostly sound. */
function frameInput(seeds: Seeds, random: Random): Uint8Array {
  const frames = pickFrames(seeds, random)
  if (random.chance(0.1)) frames.push(...pickFrames(seeds, random))
  if (random.chance(0.1)) random.shuffle(frames)
  if (random.chance(0.1)) frames.push(...frames.slice(0, MOST_FRAMES))
  const pool = random.pick(seeds.captures).map(({ bytes }) => bytes)
  const share = random.pick([0, 0.1, 0.5, 1])
  for (let i = 0; i < frames.length; i++) {
    if (frames[i].bytes.length === 0 || !random.chance(share)) continue
    const bytes = mutate(
      frames[i].bytes,
      pool.filter(other => other.length > 0).concat(frames[i].bytes),
      random,
      9000,
    )
    const originalLength = random.chance(0.9)
      ? bytes.length
      : random.pick([0, 60, 1514, 65_535, 200_000, 0xffffffff])
    frames[i] = { ...frames[i], bytes, originalLength }
  }
  const container = random.chance(0.6) ? inPcap(frames, random) : inPcapng(frames, random)
  return random.chance(0.15) ? mutate(container, seeds.files, random, MOST_BYTES) : container
}

function pickFrames(seeds: Seeds, random: Random): SeedFrame[] {
  const capture = random.pick(seeds.captures)
  const from = random.chance(0.5) ? 0 : random.below(capture.length)
  let left = MOST_BYTES / 2
  return capture.slice(from, from + 1 + random.below(MOST_FRAMES)).filter(frame => {
    left -= frame.bytes.length
    return left >= 0
  })
}

function inPcap(frames: readonly SeedFrame[], random: Random): Uint8Array {
  const linkType = random.chance(0.97)
    ? (frames[0]?.linkType ?? 1)
    : random.pick([0, 1, 9, 12, 50, 101, 113, 239, 276])
  const clock = new Clock(random)
  const written: WrittenFrame[] = frames.map(({ bytes, originalLength }) => {
    const nanoseconds = clock.next()
    const seconds = Number(nanoseconds / 1_000_000_000n) >>> 0
    return {
      bytes,
      originalLength: originalLength >>> 0,
      seconds,
      fraction: Number(nanoseconds % 1_000_000_000n) / 1000,
    }
  })
  return writePcap(written, {
    linkType,
    byteOrder: random.pick(['little', 'big']),
    dialect: random.weighted([
      [6, 'microseconds'],
      [2, 'nanoseconds'],
      [1, 'modified'],
    ]),
    minor: random.chance(0.95) ? 4 : random.below(5),
  })
}

function inPcapng(frames: readonly SeedFrame[], random: Random): Uint8Array {
  const writer = new PcapngWriter().section([], random.pick(['little', 'big']))
  const linkTypes = [...new Set(frames.map(frame => frame.linkType))]
  const resolution = random.pick([6, 6, 6, 9, 3, 0, 12, 0x80 | 10, 0x80 | 40, random.below(256)])
  const options = resolution === 6 ? [] : [{ code: 9, value: Uint8Array.of(resolution) }]
  for (const linkType of linkTypes) writer.interface(linkType, 0, options)
  const clock = new Clock(random)
  for (const { bytes, linkType } of frames) {
    const at = linkTypes.indexOf(linkType)
    const stamp = clock.next() / (resolution === 9 ? 1n : 1000n)
    const kind = random.below(20)
    if (kind === 0) writer.simple(bytes)
    else if (kind === 1) writer.obsolete(at, stamp, bytes)
    else if (kind === 2) writer.statistics(at, [{ code: 5, value: random.bytes(8) }])
    else writer.enhanced(at, stamp, bytes)
  }
  return writer.bytes()
}

/** Time stamps that mostly go forward: by microseconds, by the timeouts of entries, now and then by decades. */
class Clock {
  private readonly random: Random
  private now = BigInt(EPOCH) * 1_000_000_000n
  private readonly step: number

  constructor(random: Random) {
    this.random = random
    this.step = random.pick([1e3, 1e6, 1e9, 40e9, 200e9])
  }

  next(): bigint {
    const { random } = this
    if (random.chance(0.01)) this.now += BigInt(random.word()) * 1_000_000_000n
    this.now += BigInt(random.below(this.step))
    if (random.chance(0.03)) this.now -= BigInt(random.below(this.step * 2))
    if (this.now < 0n) this.now = 0n
    return this.now
  }
}

function compress(bytes: Uint8Array, random: Random): Uint8Array {
  switch (random.below(4)) {
    case 0:
      return gzipSync(bytes, { level: 1 })
    case 1:
      return joinBytes([
        gzipSync(bytes.subarray(0, 100), { level: 1 }),
        gzipSync(bytes.subarray(100), { level: 1 }),
      ])
    case 2:
      return storeLz4(bytes)
    default:
      return storeZstd(bytes, random)
  }
}

/** A zstd frame of stored blocks, with a block of one repeated byte now and then. */
function storeZstd(bytes: Uint8Array, random: Random): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58)]
  for (let at = 0; at < bytes.length; at += 4096) {
    const block = bytes.subarray(at, at + 4096)
    parts.push(blockHeader(block.length << 3), block)
    if (random.chance(0.02)) parts.push(blockHeader((random.below(1 << 17) << 3) | 2), Uint8Array.of(0))
  }
  return joinBytes([...parts, blockHeader(1)])
}

function blockHeader(word: number): Uint8Array {
  return Uint8Array.of(word, word >>> 8, word >>> 16)
}
