// Compressed captures: the same frames by every way, all that precedes damage, and bombs that find no memory to fill.

import { readFileSync } from 'node:fs'
import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ByteSource } from '../../src/capture/byte-source.ts'
import { GzipSource } from '../../src/capture/compression/gzip.ts'
import { ZstdSource } from '../../src/capture/compression/zstd.ts'
import { CaptureError } from '../../src/capture/error.ts'
import { ReadBuffer } from '../../src/capture/read-buffer.ts'
import { collectGarbage } from '../support/collect-garbage.ts'
import { MemorySource } from '../support/memory-source.ts'
import { joinBytes, writePcap } from '../support/pcap-writer.ts'
import { readBytes, readFiles } from '../support/read-frames.ts'
import { readWhole } from '../support/read-whole.ts'

const FORMATS = 'fixtures/formats'
const ZSTD_MAGIC_BYTES = Buffer.of(0x28, 0xb5, 0x2f, 0xfd)
const NAMES = ['concatenated.pcap.gz', 'concatenated.pcap.lz4', 'concatenated.pcap.zst']
const COMPRESSIONS = ['gzip', 'lz4', 'zstd']
const plain = new Uint8Array(gunzipSync(readFileSync(`${FORMATS}/${NAMES[0]}`)))
const storedForms = NAMES.map(name => new Uint8Array(readFileSync(`${FORMATS}/${name}`)))

/** A capture that hardly compresses: `count` frames of 200 random bytes. */
function noise(count: number): Uint8Array {
  let state = 1
  const frames = Array.from({ length: count }, (_, index) => {
    const bytes = new Uint8Array(200)
    for (let i = 0; i < bytes.length; i++) {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
      bytes[i] = state >> 16
    }
    return { bytes, seconds: index }
  })
  return writePcap(frames)
}

describe.each(
  NAMES.map((name, index) => ({ name, compression: COMPRESSIONS[index], stored: storedForms[index] })),
)('$compression', ({ name, compression, stored }) => {
  it('gives the frames of the plain capture', async () => {
    const expected = await readBytes(plain)
    const { frames, captures } = await readFiles([`${FORMATS}/${name}`])
    expect(frames).toEqual(expected.frames)
    expect(captures[0]).toMatchObject({ compression, damage: [], size: stored.length, read: stored.length })
  })

  it('comes in pieces of any size', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3000 }), async piece => {
        expect((await readBytes(stored, piece)).frames).toHaveLength(53)
      }),
      { numRuns: 20 },
    )
  })

  it('cut off anywhere gives a beginning of the frames and says so', async () => {
    const content = joinBytes((await readBytes(plain)).frames.map(frame => frame.bytes))
    for (let cut = 200; cut < stored.length; cut += 97) {
      const read = await readBytes(stored.subarray(0, cut)).catch((error: Error) => error)
      // of zstd there is nothing before the first block is whole
      if (read instanceof Error) {
        expect(read).toBeInstanceOf(CaptureError)
        continue
      }
      const bytes = joinBytes(read.frames.map(frame => frame.bytes))
      expect(Buffer.compare(bytes, content.subarray(0, bytes.length))).toBe(0)
      expect(read.captures[0].damage).toHaveLength(1)
    }
  })

  it('that nothing is in is no capture', async () => {
    await expect(readBytes(stored.subarray(0, 6))).rejects.toThrow(/^memory: byte 0: /)
  })
})

describe('damaged gzip', () => {
  const capture = noise(2000)
  const stored = new Uint8Array(gzipSync(capture))
  const damagedAt = Math.floor(stored.length * 0.8)
  // a stretch no deflate block gets through
  const damaged = Uint8Array.from(stored).fill(0xff, damagedAt, damagedAt + 2000)
  const framesBefore = Math.floor((2000 * damagedAt) / stored.length)

  it('gives every frame before the damage when the file can be read again', async () => {
    const { frames, captures } = await readBytes(damaged, undefined, 1 << 20)
    expect(frames.length).toBeGreaterThanOrEqual(framesBefore - 20)
    expect(captures[0].damage).toHaveLength(1)
    expect(captures[0].damage[0].message).toMatch(/^gzip stream damaged at about stored byte \d+/)
  })

  it('gives nearly every one of a pipe', async () => {
    const { frames } = await readBytes(damaged, 1 << 16, 1 << 16)
    expect(frames.length).toBeGreaterThanOrEqual(framesBefore - 60)
  })

  it('is read no further when it is closed meanwhile, at its end too', async () => {
    const small = new Uint8Array(gzipSync(capture.subarray(0, 5000)))
    for (let before = 0; before <= 7; before++) {
      const source = new GzipSource({
        buffer: new ReadBuffer(new MemorySource(small), 1 << 16),
        reopen: null,
      })
      const read = () => source.read(new Uint8Array(1000), 0, 1000)
      for (let i = 0; i < before; i++) await read()
      const reading = read()
      // until the decompressor is at work, which it does beside this thread
      for (let turn = 0; turn < 100; turn++) await Promise.resolve()
      await source.close()
      await reading
      expect(await read()).toBe(0)
    }
  })

  it('with garbage behind it is read to its end', async () => {
    const { frames, captures } = await readBytes(joinBytes([stored, new TextEncoder().encode('garbage')]))
    expect(frames).toHaveLength(2000)
    expect(captures[0].damage).toHaveLength(1)
  })

  it('with zeros behind it is sound', async () => {
    const { frames, captures } = await readBytes(joinBytes([stored, new Uint8Array(512)]))
    expect(frames).toHaveLength(2000)
    expect(captures[0].damage).toEqual([])
  })
})

describe('zstd', () => {
  const header = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38]
  /** A block of `count` times `byte`, or of the bytes as they are. */
  const repeat = (byte: number, count: number, last = 0) => [
    last | 2 | ((count & 31) << 3),
    count >> 5,
    0,
    byte,
  ]
  const store = (bytes: number[], last = 0) => [last | (bytes.length << 3), 0, 0, ...bytes]

  it('frames of blocks of a few bytes lose none of them', async () => {
    const frame = [
      ...header,
      ...repeat(1, 3),
      ...store([]),
      ...repeat(2, 2),
      ...store([7, 8]),
      ...repeat(3, 100, 1),
    ]
    const stored = Uint8Array.from([...frame, ...header, ...store([9], 1), ...frame])
    const content = [1, 1, 1, 2, 2, 7, 8, ...Array(100).fill(3)]
    for (const piece of [1, 5, 1000]) {
      const source = new ZstdSource(new ReadBuffer(new MemorySource(stored, piece), 64))
      expect(await readWhole(source)).toEqual({
        bytes: Uint8Array.from([...content, 9, ...content]),
        failure: null,
      })
    }
  })

  it('a frame that names no dictionary in a field of its own is one without', async () => {
    // of descriptor 1 to 3 the field has one, two and four bytes (RFC 8878, 3.1.1.1.3)
    const frames = [1, 2, 3].flatMap(descriptor => [
      ...[0x28, 0xb5, 0x2f, 0xfd, descriptor, 0x38],
      ...Array(1 << (descriptor - 1)).fill(0),
      ...store([descriptor, 7, 8], 1),
    ])
    const source = new ZstdSource(new ReadBuffer(new MemorySource(Uint8Array.from(frames)), 64))
    expect(await readWhole(source)).toEqual({
      bytes: Uint8Array.of(1, 7, 8, 2, 7, 8, 3, 7, 8),
      failure: null,
    })
  })

  it('whose content is not what was compressed is found out by its checksum', async () => {
    for (let at = 20; at < storedForms[2].length; at += 41) {
      const stored = Uint8Array.from(storedForms[2])
      stored[at] ^= 0x10
      const { bytes, failure } = await readWhole(
        new ZstdSource(new ReadBuffer(new MemorySource(stored), 4096)),
      )
      // the second frame has none
      const checked = Math.min(bytes.length, 70_000)
      const same = Buffer.compare(bytes.subarray(0, checked), plain.subarray(0, checked)) === 0
      expect(failure !== null || same, `byte ${at}`).toBe(true)
    }
  })
})

describe('damaged zstd', () => {
  it('gives all blocks before the damage', async () => {
    const stored = Uint8Array.from(storedForms[2])
    // the block after the header of the second frame (magic, descriptor, window or size) gets the reserved type
    const second = Buffer.from(stored).lastIndexOf(ZSTD_MAGIC_BYTES)
    for (let at = second + 5; at < second + 9; at++) stored[at] |= 0x06
    const { bytes, failure } = await readWhole(new ZstdSource(new ReadBuffer(new MemorySource(stored), 4096)))
    expect(bytes.length).toBeGreaterThanOrEqual(70_000)
    expect(failure).toMatch(/^zstd stream damaged at stored byte \d+: /)
  })

  it('that wants gigabytes of window is refused', async () => {
    const header = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xff, 0x01, 0x00, 0x00)
    const { failure } = await readWhole(new ZstdSource(new ReadBuffer(new MemorySource(header), 4096)))
    expect(failure).toMatch(/bytes of window, expected at most 134217728$/)
  })

  it('whose only checksum is cut off loses no frame', async () => {
    // the first frame ends where the skippable one begins
    const end = Buffer.from(storedForms[2]).indexOf(Buffer.of(0x50, 0x2a, 0x4d, 0x18)) - 1
    const first = new MemorySource(storedForms[2].subarray(0, end))
    const { bytes, failure } = await readWhole(new ZstdSource(new ReadBuffer(first, 4096)))
    expect(bytes).toHaveLength(70_000)
    expect(failure).toMatch(/cut off before the content checksum$/)
  })
})

describe('decompression bombs', () => {
  /** Bytes read before garbage is collected: buffers take so much more, however long V8 lets garbage lie. */
  const GARBAGE = 16 << 20
  /** What a decompressor may take beside that. */
  const MOST = GARBAGE + (16 << 20)

  /** Reads on, keeping nothing, until `limit` bytes came; gives the most memory that buffers took meanwhile. */
  async function memoryWhileReading(source: ByteSource, limit: number): Promise<number> {
    const target = new Uint8Array(1 << 20)
    collectGarbage()
    const before = process.memoryUsage().arrayBuffers
    let most = 0
    let total = 0
    while (total < limit) {
      const count = await source.read(target, 0, target.length)
      if (count === 0) break
      total += count
      most = Math.max(most, process.memoryUsage().arrayBuffers - before)
      if (total % GARBAGE < count) collectGarbage()
    }
    await source.close()
    expect(total).toBeGreaterThanOrEqual(limit)
    return most
  }

  it('gzip: 256 MiB of zeros in 256 KiB', async () => {
    const piece = gzipSync(new Uint8Array(64 << 20))
    const bomb = new Uint8Array(joinBytes([piece, piece, piece, piece]))
    const stored = { buffer: new ReadBuffer(new MemorySource(bomb), 1 << 20), reopen: null }
    const source = new GzipSource(stored)
    expect(await memoryWhileReading(source, 256 << 20)).toBeLessThan(MOST)
  })

  it('zstd: a gigabyte in 32 KiB of blocks that repeat one byte', async () => {
    const header = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38)
    const bomb = new Uint8Array(6 + 4 * 8192)
    bomb.set(header)
    // 128 KiB of the byte 0, not the last block: type 1, size 1 << 17
    for (let at = 6; at < bomb.length; at += 4) bomb.set([0x02, 0x00, 0x10, 0x00], at)
    const source = new ZstdSource(new ReadBuffer(new MemorySource(bomb), 1 << 20))
    expect(await memoryWhileReading(source, 256 << 20)).toBeLessThan(MOST)
  })
})

describe('a zstd frame in one segment', () => {
  /** Stored blocks behind a header that has the content's size in 1 << flag bytes (RFC 8878, 3.1.1.1). */
  function frame(content: Uint8Array, flag: number, size = content.length): Uint8Array {
    const header = Buffer.alloc(5 + (1 << flag))
    ZSTD_MAGIC_BYTES.copy(header)
    header[4] = (flag << 6) | 0x20
    if (flag === 0) header.writeUInt8(size, 5)
    if (flag === 1) header.writeUInt16LE(size - 256, 5)
    if (flag === 2) header.writeUInt32LE(size, 5)
    if (flag === 3) header.writeBigUInt64LE(BigInt(size), 5)
    const blocks: Uint8Array[] = []
    for (let at = 0; at < content.length; at += 1 << 17) {
      const block = content.subarray(at, at + (1 << 17))
      const isLast = at + block.length === content.length ? 1 : 0
      const head = (block.length << 3) | isLast
      blocks.push(Buffer.of(head & 0xff, (head >> 8) & 0xff, head >> 16), block)
    }
    return joinBytes([header, ...blocks])
  }

  const content = (length: number) => Uint8Array.from({ length }, (_, index) => (index * 7) ^ (index >> 8))
  const decoded = (stored: Uint8Array) =>
    readWhole(new ZstdSource(new ReadBuffer(new MemorySource(stored), 4096)))

  it.each([
    [200, 0],
    [256, 1],
    [300, 1],
    [65_791, 1],
    [300, 2],
    [200_000, 2],
    [300, 3],
    [200_000, 3],
  ])('of %i bytes has its size in a field of %i', async (length, flag) => {
    const { bytes, failure } = await decoded(frame(content(length), flag))
    expect(failure).toBeNull()
    expect(Buffer.compare(bytes, content(length))).toBe(0)
  })

  it('may ask for as much memory as the zstd command gives, and no more', async () => {
    for (const flag of [2, 3]) {
      const most = 1 << 27
      const { failure } = await decoded(frame(content(300), flag, most + 1))
      expect(failure).toContain(`${most + 1}`)
      expect((await decoded(frame(content(300), flag, most))).failure ?? '').not.toContain(`${most}`)
    }
  })
})

describe('skippable frames', () => {
  const skippable = (length: number) => {
    const frame = Buffer.alloc(8 + length, 0x28)
    frame.writeUInt32LE(0x184d2a5b)
    frame.writeUInt32LE(length, 4)
    return frame
  }

  it.each([1, 2])('in front of a compressed capture are looked past: %s', async form => {
    const stored = storedForms[form]
    const { frames, captures } = await readBytes(
      joinBytes([skippable(10), skippable(0), skippable(300), stored]),
    )
    expect(frames).toHaveLength(53)
    expect(captures[0].compression).toBe(COMPRESSIONS[form])
  })

  it('are no capture by themselves, nor in front of a plain one, nor when they are longer than 1 MiB', async () => {
    for (const behind of [new Uint8Array(0), plain])
      await expect(readBytes(joinBytes([skippable(10), behind]))).rejects.toThrow('no capture')
    const most = (1 << 20) - 8
    expect((await readBytes(joinBytes([skippable(most), storedForms[2]]))).frames).toHaveLength(53)
    await expect(readBytes(joinBytes([skippable(most + 1), storedForms[2]]))).rejects.toThrow('no capture')
  })
})

it('a last block of zstd that cannot be decoded is what is told, not the checksum that is missing behind it', async () => {
  // single segment of 10 bytes with a checksum; a compressed block of three bytes that are none
  const stored = joinBytes([
    ZSTD_MAGIC_BYTES,
    Buffer.of(0x24, 10, (3 << 3) | (2 << 1) | 1, 0, 0, 0xff, 0xff, 0xff),
  ])
  const { failure } = await readWhole(new ZstdSource(new ReadBuffer(new MemorySource(stored), 4096)))
  expect(failure).toBe('zstd stream damaged at stored byte 6: invalid zstd data')
})
