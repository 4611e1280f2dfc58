// Classic pcap: every dialect reads to the same frames, and what is no record ends the capture where it stands.

import { createReadStream } from 'node:fs'
import fc from 'fast-check'
import PcapParser from 'pcap-parser'
import { describe, expect, it } from 'vitest'
import { CaptureError } from '../../src/capture/error.ts'
import { MAX_RECORD_LENGTH } from '../../src/capture/formats/reader.ts'
import { DIRECTION_OUTBOUND, DIRECTION_UNKNOWN } from '../../src/capture/frame.ts'
import { joinBytes, type PcapOptions, type WrittenFrame, writePcap } from '../support/pcap-writer.ts'
import { readBytes, readFiles } from '../support/read-frames.ts'

const FORMATS = 'fixtures/formats'

const frame = fc.record({
  bytes: fc.uint8Array({ maxLength: 300 }),
  seconds: fc.integer({ min: 1_700_000_000, max: 1_700_086_400 }),
  fraction: fc.integer({ min: 0, max: 999_999 }),
})

const dialect = fc.record({
  byteOrder: fc.constantFrom<'little' | 'big'>('little', 'big'),
  dialect: fc.constantFrom<'microseconds' | 'nanoseconds' | 'modified'>(
    'microseconds',
    'nanoseconds',
    'modified',
  ),
  minor: fc.constantFrom(2, 4),
})

describe('dialects', () => {
  it('all give back the frames that were written', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(frame),
        dialect,
        fc.integer({ min: 1, max: 900 }),
        async (frames, options, piece) => {
          const { frames: read, captures } = await readBytes(writePcap(frames, options), piece, 256)
          const unit = options.dialect === 'nanoseconds' ? 1n : 1000n
          expect(read.map(({ bytes, stamp }) => ({ bytes, stamp }))).toEqual(
            frames.map(({ bytes, seconds, fraction }) => ({
              bytes,
              stamp: BigInt(seconds) * 1_000_000_000n + BigInt(fraction) * unit,
            })),
          )
          expect(read.map(({ number }) => number)).toEqual(frames.map((_, index) => index + 1))
          expect(captures[0].damage).toEqual([])
          expect(captures[0].byteOrder).toBe(options.byteOrder)
        },
      ),
    )
  })

  it('name themselves', async () => {
    const format = async (options: PcapOptions) =>
      (await readBytes(writePcap([], options))).captures[0].format
    expect(await format({ dialect: 'microseconds' })).toBe('pcap')
    expect(await format({ dialect: 'nanoseconds' })).toBe('pcap (nanoseconds)')
    expect(await format({ dialect: 'modified' })).toBe('pcap (modified)')
  })

  it('a modified record tells the packets this host sent', async () => {
    const capture = writePcap([{ bytes: bytes(4) }, { bytes: bytes(4) }], { dialect: 'modified' })
    capture[24 + 22] = 4
    const { frames } = await readBytes(capture)
    expect(frames.map(({ direction }) => direction)).toEqual([DIRECTION_OUTBOUND, DIRECTION_UNKNOWN])
  })

  it('version 2.3 has its lengths in either order, the smaller being the captured one', async () => {
    const written: WrittenFrame[] = [{ bytes: bytes(5), originalLength: 9 }]
    const straight = writePcap(written, { minor: 3 })
    const swapped = writePcap(written, { minor: 2 })
    swapped[6] = 3
    for (const capture of [straight, swapped]) {
      const [frame] = (await readBytes(capture)).frames
      expect([frame.bytes.length, frame.originalLength]).toEqual([5, 9])
    }
  })

  it('the link type is told apart from the bits about frame check sequences', async () => {
    const { frames } = await readBytes(
      writePcap([{ bytes: bytes(1) }], { linkType: (0x24000000 | 113) >>> 0 }),
    )
    expect(frames[0].linkType).toBe(113)
  })

  it('a version libpcap does not read is refused where it stands', async () => {
    const capture = writePcap([])
    capture[6] = 9
    await expect(readBytes(capture)).rejects.toThrow(
      new CaptureError('memory', 4, 'pcap version 2.9, expected 2.0 to 2.4'),
    )
  })
})

describe('time', () => {
  it('seconds run on beyond 2038', async () => {
    const { frames } = await readBytes(writePcap([{ bytes: bytes(1), seconds: 0xffffffff, fraction: 5 }]))
    expect(frames[0].stamp).toBe(4_294_967_295_000_005_000n)
  })

  it('is relative to the first frame and may run backwards', async () => {
    const stamps = [50, 70, 60, 40, 90]
    const { frames, captures } = await readBytes(
      writePcap(stamps.map(fraction => ({ bytes: bytes(1), seconds: 1000, fraction }))),
    )
    expect(frames.map(({ time }) => time)).toEqual([0, 20_000, 10_000, -10_000, 40_000])
    expect(captures[0].backwards).toBe(2)
    expect(captures[0].firstTime).toBe(1_000_000_040_000n)
    expect(captures[0].lastTime).toBe(1_000_000_090_000n)
  })

  it('a fraction beyond a second is carried over and counted', async () => {
    const { frames, captures } = await readFiles([`${FORMATS}/pcap-nanoseconds-odd-fraction.pcap`])
    expect(frames.map(({ stamp }) => stamp)).toEqual([
      1_418_145_369_999_999_999n,
      1_418_145_371_000_000_000n,
      1_418_145_372_147_483_648n,
    ])
    expect(captures[0].oddFractions).toBe(2)
  })

  it('an empty capture has none', async () => {
    const { frames, captures } = await readBytes(writePcap([]))
    expect(frames).toEqual([])
    expect([captures[0].firstTime, captures[0].lastTime]).toEqual([null, null])
    expect(captures[0].damage).toEqual([])
  })
})

describe('damage', () => {
  it('a record that is cut off ends the capture at its start', async () => {
    const whole = writePcap([{ bytes: bytes(10) }, { bytes: bytes(20) }])
    const { frames, captures } = await readBytes(whole.subarray(0, whole.length - 3))
    expect(frames).toHaveLength(1)
    expect(captures[0].damage).toEqual([
      {
        offset: 50,
        message: 'cut off: expected a record of 36 bytes, the capture ends after 33',
        stopped: true,
      },
    ])
  })

  it('a record header that is cut off does, too', async () => {
    const { captures } = await readBytes(joinBytes([writePcap([]), bytes(7)]))
    expect(captures[0].damage).toEqual([
      {
        offset: 24,
        message: 'cut off: expected a record header of 16 bytes, the capture ends after 7',
        stopped: true,
      },
    ])
  })

  it('an absurd length ends the capture there', async () => {
    const good = writePcap([{ bytes: bytes(10) }])
    const bad = new Uint8Array(16 + MAX_RECORD_LENGTH + 1)
    new DataView(bad.buffer).setUint32(8, MAX_RECORD_LENGTH + 1, true)
    const { frames, captures } = await readBytes(joinBytes([good, bad]))
    expect(frames).toHaveLength(1)
    expect(captures[0].damage).toMatchObject([{ offset: 50, stopped: true }])
    expect(captures[0].damage[0].message).toMatch(/^record length 1048577, expected at most 1048576/)
  })

  it('the longest believable record is no damage', async () => {
    const { frames, captures } = await readBytes(
      writePcap([{ bytes: new Uint8Array(MAX_RECORD_LENGTH) }]),
      10_000,
    )
    expect(frames[0].bytes).toHaveLength(MAX_RECORD_LENGTH)
    expect(captures[0].damage).toEqual([])
  })
})

describe('against pcap-parser', () => {
  // it reads microsecond captures only
  const captures = [
    'pcap-big-endian.pcap',
    'pcap-cooked-v2.pcap',
    'pcap-nflog.pcap',
    'pcap-null-loopback.pcap',
  ]
  it.each(captures)('%s has the same records', async name => {
    const path = `${FORMATS}/${name}`
    const { frames } = await readFiles([path])
    const records = await parse(path)
    expect(records.length).toBeGreaterThan(0)
    expect(frames.map(({ stamp, originalLength, bytes }) => ({ stamp, originalLength, bytes }))).toEqual(
      records,
    )
  })
})

/** The records of a capture as pcap-parser has them. */
function parse(path: string): Promise<{ stamp: bigint; originalLength: number; bytes: Uint8Array }[]> {
  return new Promise((resolve, reject) => {
    const records: { stamp: bigint; originalLength: number; bytes: Uint8Array }[] = []
    const parser = PcapParser.parse(createReadStream(path))
    parser.on('packet', ({ header, data }) => {
      const stamp =
        BigInt(header.timestampSeconds) * 1_000_000_000n + BigInt(header.timestampMicroseconds) * 1000n
      records.push({ stamp, originalLength: header.originalLength, bytes: new Uint8Array(data) })
    })
    parser.on('end', () => resolve(records))
    parser.on('error', reject)
  })
}

function bytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index)
}
