// LZ4 frames: every kind of block and frame decodes, damage gives what came before it, no input overruns anything.

import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Lz4Source } from '../../src/capture/compression/lz4.ts'
import { decodeLz4Block } from '../../src/capture/compression/lz4-block.ts'
import { ReadBuffer } from '../../src/capture/read-buffer.ts'
import { type Lz4Sequence, storeLz4, writeLz4Frame } from '../support/lz4-writer.ts'
import { MemorySource } from '../support/memory-source.ts'
import { joinBytes } from '../support/pcap-writer.ts'
import { readWhole } from '../support/read-whole.ts'

const sequence: fc.Arbitrary<Lz4Sequence> = fc.record({
  literals: fc.uint8Array({ maxLength: 80 }),
  distance: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 70_000 })),
  length: fc.oneof(fc.integer({ min: 4, max: 40 }), fc.integer({ min: 4, max: 3000 })),
})
const blocks = fc.array(fc.array(sequence, { minLength: 1, maxLength: 12 }), { maxLength: 5 })
const options = fc.record({
  independent: fc.boolean(),
  blockChecksums: fc.boolean(),
  contentChecksum: fc.boolean(),
  contentSize: fc.boolean(),
})

function decode(stored: Uint8Array, piece = 4096) {
  return readWhole(new Lz4Source(new ReadBuffer(new MemorySource(stored, piece), 4096)))
}

describe('frames', () => {
  it('of any blocks, flags and pieces decode to what they were made of', async () => {
    await fc.assert(
      fc.asyncProperty(blocks, options, fc.integer({ min: 1, max: 500 }), async (made, flags, piece) => {
        const { encoded, decoded } = writeLz4Frame(made, flags)
        expect(await decode(encoded, piece)).toEqual({ bytes: decoded, failure: null })
      }),
      { numRuns: 50 },
    )
  })

  it('follow each other, with skippable ones between', async () => {
    const a = writeLz4Frame([[{ literals: Uint8Array.of(1, 2, 3), distance: 0, length: 0 }]])
    const skippable = Uint8Array.of(0x5f, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9)
    const stored = joinBytes([skippable, a.encoded, skippable, storeLz4(new Uint8Array(70_000)), a.encoded])
    const { bytes, failure } = await decode(stored)
    expect(failure).toBeNull()
    expect(bytes).toEqual(joinBytes([a.decoded, new Uint8Array(70_000), a.decoded]))
  })

  it('of the lz4 program, linked and with block checksums, are read', async () => {
    const expected = gunzipSync(readFileSync('fixtures/formats/concatenated.pcap.gz'))
    const { bytes, failure } = await decode(readFileSync('fixtures/formats/concatenated.pcap.lz4'))
    expect(failure).toBeNull()
    expect(Buffer.from(bytes).equals(expected)).toBe(true)
  })
})

describe('damage', () => {
  const capture = readFileSync('fixtures/formats/concatenated.pcap.lz4')
  const whole = gunzipSync(readFileSync('fixtures/formats/concatenated.pcap.gz'))

  it('a stream cut anywhere gives a beginning of the whole and says so', async () => {
    const { encoded, decoded } = writeLz4Frame(
      fc
        .sample(blocks, { seed: 7, numRuns: 1 })[0]
        .concat([[{ literals: new Uint8Array(9), distance: 0, length: 0 }]]),
      { contentChecksum: true },
    )
    for (let cut = 1; cut < encoded.length; cut++) {
      const { bytes, failure } = await decode(encoded.subarray(0, cut))
      expect(bytes).toEqual(decoded.subarray(0, bytes.length))
      expect(failure).toMatch(/^lz4 stream damaged at stored byte \d+: cut off/)
    }
  })

  it('a flipped bit is found by the checksums', async () => {
    for (let at = 7; at < capture.length; at += 11) {
      const flipped = Uint8Array.from(capture)
      flipped[at] ^= 1 << (at % 8)
      const { bytes, failure } = await decode(flipped)
      const same = bytes.length === whole.length && Buffer.from(bytes).equals(whole)
      // what is in the skippable frame belongs to nobody
      expect(failure !== null || same, `byte ${at}`).toBe(true)
    }
  })

  it('a block of another length than allowed, a dictionary, an unknown version', async () => {
    const stored = writeLz4Frame([]).encoded
    const withBlock = joinBytes([stored.subarray(0, 7), Uint8Array.of(1, 0, 1, 0), new Uint8Array(65_537)])
    expect((await decode(withBlock)).failure).toMatch(/block of 65537 bytes, expected at most 65536$/)
    expect((await decode(Uint8Array.from(stored).fill(0x41, 4, 5))).failure).toMatch(/needs a dictionary$/)
    expect((await decode(Uint8Array.from(stored).fill(0x80, 4, 5))).failure).toMatch(/unknown version$/)
    expect((await decode(Uint8Array.from(stored).fill(0x10, 5, 6))).failure).toMatch(/block size code 1/)
    expect((await decode(Uint8Array.from(stored).fill(0, 6, 7))).failure).toMatch(/header checksum/)
  })
})

describe('decodeLz4Block', () => {
  it('stays within its bounds whatever it is given', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 0, max: 64 }), (source, history) => {
        const target = new Uint8Array(64 + 256 + 16).fill(0xee)
        const { end } = decodeLz4Block(source, 0, source.length, target, 64 - history, 64, 64 + 256)
        expect(end).toBeGreaterThanOrEqual(64)
        expect(end).toBeLessThanOrEqual(64 + 256)
        expect(target.subarray(0, 64).every(byte => byte === 0xee)).toBe(true)
        expect(target.subarray(64 + 256).every(byte => byte === 0xee)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it('takes no match from before its history, nor one of distance 0', () => {
    const target = new Uint8Array(100)
    for (const distance of [0, 2]) {
      const source = Uint8Array.of(0x10, 7, distance, 0, 0x00)
      expect(decodeLz4Block(source, 0, source.length, target, 50, 50, 100)).toEqual({ end: 51, sound: false })
    }
  })
})
