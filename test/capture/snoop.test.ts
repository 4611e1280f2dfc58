// snoop captures, byte by byte (RFC 1761): which records are believed, what is kept of them, where reading ends.
import { describe, expect, it } from 'vitest'
import { be32, filler, join } from '../support/frames.ts'
import { readBytes } from '../support/read-frames.ts'

const MAX = 1 << 20

interface Record {
  original?: number
  captured?: number
  record?: number
  drops?: number
  seconds?: number
  fraction?: number
  data?: Uint8Array
}

const header = (linkType = 4) => join('73 6e 6f 6f 70 00 00 00', be32(2), be32(linkType))

function record({ data = filler(60), ...fields }: Record = {}): Uint8Array {
  const captured = fields.captured ?? data.length
  const words = join(
    be32(fields.original ?? data.length),
    be32(captured),
    be32(fields.record ?? 24 + data.length),
    be32(fields.drops ?? 0),
    be32(fields.seconds ?? 1_700_000_000),
    be32(fields.fraction ?? 5),
  )
  return Buffer.concat([words, data])
}

const read = (...records: Uint8Array[]) => readBytes(Buffer.concat([header(), ...records]))

describe('a record', () => {
  it('has its lengths, its time and its bytes', async () => {
    const { frames, captures, interfaces } = await read(
      record({ original: 1514, drops: 3 }),
      record({ seconds: 1_700_000_001, fraction: 999_999, drops: 7, data: filler(61) }),
    )
    expect(frames).toMatchObject([
      { number: 1, time: 0, stamp: 1_700_000_000_000_005_000n, originalLength: 1514, bytes: filler(60) },
      { number: 2, time: 1_999_994_000, originalLength: 61, bytes: filler(61), linkType: 1 },
    ])
    expect(captures[0]).toMatchObject({
      format: 'snoop',
      byteOrder: 'big',
      frames: 2,
      oddFractions: 0,
      damage: [],
    })
    expect(interfaces).toMatchObject([{ frames: 2, dropped: 7, resolution: 1000, linkType: 1 }])
  })

  it('may be padded, and as long as any', async () => {
    const padded = record({ captured: 58, record: 84 })
    const largest = record({ data: new Uint8Array(MAX) })
    const { frames, captures } = await read(padded, largest, record({ data: filler(0) }))
    expect(frames.map(({ bytes }) => bytes.length)).toEqual([58, MAX, 0])
    expect(captures[0].damage).toEqual([])
  })

  it('may have a second or more as its fraction, which is noted', async () => {
    const { frames, captures } = await read(record({ fraction: 999_999 }), record({ fraction: 1_000_000 }))
    expect(frames.map(({ time }) => time)).toEqual([0, 1000])
    expect(captures[0].oddFractions).toBe(1)
  })
})

describe('what is no record', () => {
  const damage = (captured: number, length: number) => ({
    offset: 16 + 84,
    message: `record of ${length} bytes with a packet of ${captured}, expected at most ${MAX}`,
    stopped: true,
  })

  it.each([
    ['shorter than its packet', 60, 83],
    ['shorter than its header', 0, 23],
    ['longer than any packet', MAX + 1, MAX + 25],
    ['padded beyond all measure', 60, 2 * MAX + 1],
  ])('ends the capture: %s', async (_, captured, length) => {
    const broken = record({ captured, record: length, data: new Uint8Array(length) })
    const { frames, captures } = await read(record(), broken, record())
    expect(frames).toHaveLength(1)
    expect(captures[0].damage).toEqual([damage(captured, length)])
  })

  it('is not a record of twice the longest packet', async () => {
    const { frames } = await read(
      record({ captured: 60, record: 2 * MAX, data: new Uint8Array(2 * MAX - 24) }),
    )
    expect(frames).toHaveLength(1)
  })
})

describe('a capture that is cut off', () => {
  it.each([
    [23, 'a record header of 24 bytes'],
    [24, 'a record of 84 bytes'],
    [83, 'a record of 84 bytes'],
  ])('behind %i bytes of a record says what was expected', async (left, expected) => {
    const { frames, captures } = await read(record(), record().subarray(0, left))
    expect(frames).toHaveLength(1)
    expect(captures[0].damage).toHaveLength(1)
    expect(captures[0].damage[0]).toMatchObject({ offset: 100, message: expect.stringContaining(expected) })
  })

  it.each([0, 84])('is not cut off behind a record or none (%i bytes)', async length => {
    const { captures } = await read(record().subarray(0, length))
    expect(captures[0].damage).toEqual([])
  })
})

it('is of IEEE 802.3, too', async () => {
  const { frames } = await readBytes(join(header(0), record()))
  expect(frames[0].linkType).toBe(1)
})
