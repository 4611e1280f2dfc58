// pcapng: sections, interfaces, every kind of packet block, and what is passed over or stops the reading.

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CaptureError } from '../../src/capture/error.ts'
import { bigOption, PcapngWriter, textOption } from '../support/pcap-writer.ts'
import { type ReadFrame, readBytes, readFiles } from '../support/read-frames.ts'

const FORMATS = 'fixtures/formats'

const NAME = 2
const FILTER = 11
const resolution = (value: number) => ({ code: 9, value: Uint8Array.of(value) })

function bytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index)
}

function start(): PcapngWriter {
  return new PcapngWriter().section().interface()
}

describe('against tshark', () => {
  const lines = readFileSync(`${FORMATS}/frames.tsv`, 'utf8').trimEnd().split('\n').slice(2)
  const rows = lines.map(line => line.split('\t'))
  const files = [...new Set(rows.map(([file]) => file))].filter(
    file => file !== 'pcap-nanoseconds-odd-fraction.pcap',
  )

  it.each(files)('%s has the same frames', async file => {
    const { frames } = await readFiles([`${FORMATS}/${file}`])
    const expected = rows.filter(row => row[0] === file)
    expect(frames.map(({ number, bytes, originalLength }) => [number, bytes.length, originalLength])).toEqual(
      expected.map(([, number, , captured, original]) => [
        Number(number),
        Number(captured),
        Number(original),
      ]),
    )
    for (const [index, frame] of frames.entries()) expectStamp(frame, expected[index][2])
  })
})

/** tshark takes stamps for unsigned (ours go below 1970), and gives none for simple packet blocks. */
function expectStamp({ stamp, time }: ReadFrame, text: string): void {
  if (text === '') return
  const [seconds, fraction] = text.split('.')
  const unsigned = BigInt(seconds) * 1_000_000_000n + BigInt(fraction)
  const expected = unsigned > 1n << 63n ? unsigned - (1n << 64n) * 1000n : unsigned
  // a time is a double: exact for 104 days from the first frame
  const exactness = Math.abs(time) < 2 ** 53 ? 0n : 256n
  const difference = stamp - expected
  expect(difference >= -exactness && difference <= exactness, `${stamp} is not ${expected}`).toBe(true)
}

describe('packet blocks', () => {
  it('enhanced, simple and obsolete ones, in pieces of any size', async () => {
    const capture = new PcapngWriter()
      .section()
      .interface(1, 0, [resolution(9)])
      .enhanced(0, 1_000_000_000_000_000_007n, bytes(5))
      .simple(bytes(6))
      .obsolete(0, 1_000_000_000_000_000_009n, bytes(7))
      .bytes()
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 60 }), async piece => {
        const { frames, captures } = await readBytes(capture, piece, 64)
        expect(frames.map(frame => [frame.number, frame.bytes.length, frame.time])).toEqual([
          [1, 5, 0],
          [2, 6, 0],
          [3, 7, 2],
        ])
        expect(captures[0].unstamped).toBe(1)
        expect(captures[0].firstTime).toBe(1_000_000_000_000_000_007n)
      }),
    )
  })

  it('a simple block is cut to the snap length and carries its padding for nothing', async () => {
    const capture = new PcapngWriter().section().interface(1, 6).simple(bytes(6), 100).bytes()
    const { frames } = await readBytes(capture)
    expect([frames[0].bytes.length, frames[0].originalLength]).toEqual([6, 100])
  })

  it('tell the direction where they have it', async () => {
    const flags = (value: number) => [{ code: 2, value: Uint8Array.of(value, 0, 0, 0) }]
    const capture = start()
      .enhanced(0, 1n, bytes(3), flags(1))
      .enhanced(0, 1n, bytes(3), [textOption(1, 'a comment'), ...flags(2)])
      .enhanced(0, 1n, bytes(3))
      .bytes()
    const { frames } = await readBytes(capture)
    expect(frames.map(({ direction }) => direction)).toEqual([1, 2, 0])
  })
})

describe('the direction of a packet block', () => {
  const option = (code: number, ...value: number[]) => ({ code, value: Uint8Array.from(value) })

  it.each([
    ['another option of four bytes', [option(6, 1, 0, 0, 0)]],
    ['flags of another length', [option(2, 1, 0, 0, 0, 0, 0, 0, 0)]],
    ['the same after the end of options', [option(0), option(2, 1, 0, 0, 0)]],
  ])('is not told by %s', async (_, options) => {
    const { frames } = await readBytes(start().enhanced(0, 1n, bytes(3), options).bytes())
    expect(frames.map(({ direction }) => direction)).toEqual([0])
  })
})

describe('sections and interfaces', () => {
  it('interface numbers and byte order start anew with every section', async () => {
    const capture = new PcapngWriter()
      .section([], 'little')
      .interface(1)
      .interface(113)
      .enhanced(1, 5n, bytes(1))
      .section([], 'big')
      .interface(101)
      .enhanced(0, 6n, bytes(2))
      .bytes()
    const { frames, interfaces, captures } = await readBytes(capture)
    expect(frames.map(frame => [frame.interface, frame.linkType])).toEqual([
      [1, 113],
      [2, 101],
    ])
    expect(interfaces.map(({ frames }) => frames)).toEqual([0, 1, 1])
    expect(captures[0].byteOrder).toBe('little')
  })

  it('each interface keeps its own time', async () => {
    const capture = new PcapngWriter()
      .section()
      .interface(1, 0, [resolution(6)])
      .interface(1, 0, [resolution(9), bigOption(14, 1000n)])
      .interface(1, 0, [resolution(0x80 | 10)])
      .enhanced(0, 2_000_000_001n, bytes(1))
      .enhanced(1, 1_000_000_001_500n, bytes(1))
      .enhanced(2, 2000n * 1024n + 512n, bytes(1))
      .bytes()
    const { frames } = await readBytes(capture)
    expect(frames.map(({ stamp }) => stamp)).toEqual([
      2_000_000_001_000n,
      2_000_000_001_500n,
      2_000_500_000_000n,
    ])
  })

  it('names, filters, comments, programs and drops are told', async () => {
    const capture = new PcapngWriter()
      .section([textOption(1, 'the incident'), textOption(4, 'dumpcap')])
      .interface(1, 96, [
        textOption(NAME, 'eth0'),
        textOption(3, 'uplink'),
        textOption(FILTER, '\0tcp port 443'),
      ])
      .statistics(0, [bigOption(5, 3n)])
      .statistics(0, [bigOption(5, 4n), bigOption(7, 40n)])
      .bytes()
    const { interfaces, captures } = await readBytes(capture)
    expect(interfaces[0]).toMatchObject({
      name: 'eth0',
      description: 'uplink',
      filter: 'tcp port 443',
      snapLength: 96,
      dropped: 44,
    })
    expect(captures[0]).toMatchObject({ application: 'dumpcap', comments: ['the incident'], damage: [] })
  })

  it('95 interfaces of one capture', async () => {
    const writer = new PcapngWriter().section()
    for (let i = 0; i < 95; i++) writer.interface()
    const { interfaces, frames } = await readBytes(writer.enhanced(94, 1n, bytes(9)).bytes())
    expect(interfaces).toHaveLength(95)
    expect(frames[0].interface).toBe(94)
  })
})

describe('blocks that are not understood', () => {
  it('are passed over, at any length', async () => {
    const capture = start().block(0x99, bytes(50_000), []).enhanced(0, 1n, bytes(4)).bytes()
    const { frames, captures } = await readBytes(capture, 777, 1024)
    expect(frames).toHaveLength(1)
    expect(captures[0].damage).toEqual([])
  })

  it('count for the frame number where Wireshark counts them', async () => {
    const capture = start()
      .block(0xbad, bytes(8), [])
      .block(0x40000bad, bytes(8), [])
      .block(9, bytes(8), [])
      .block(4, bytes(8), [])
      .enhanced(0, 1n, bytes(4))
      .bytes()
    const { frames, captures } = await readBytes(capture)
    expect(frames[0].number).toBe(4)
    expect(captures[0].frames).toBe(1)
  })
})

describe('damage', () => {
  const one = start().enhanced(0, 1n, bytes(4))
  const before = one.bytes().length

  async function damageAfter(writer: PcapngWriter) {
    const { frames, captures } = await readBytes(writer.bytes())
    expect(frames).toHaveLength(1)
    return captures[0].damage
  }

  it('a block cut off', async () => {
    const whole = start().enhanced(0, 1n, bytes(4)).enhanced(0, 2n, bytes(4)).bytes()
    const { frames, captures } = await readBytes(whole.subarray(0, whole.length - 5))
    expect(frames).toHaveLength(1)
    expect(captures[0].damage).toEqual([
      {
        offset: before,
        message: 'cut off: expected a block of 36 bytes, the capture ends after 31',
        stopped: true,
      },
    ])
  })

  it('an unknown block cut off, also right before its last length', async () => {
    for (const missing of [1, 4, 5, 30]) {
      const whole = start().enhanced(0, 1n, bytes(4)).block(0x99, bytes(40), []).bytes()
      const { captures } = await readBytes(whole.subarray(0, whole.length - missing))
      expect(captures[0].damage).toHaveLength(1)
      expect(captures[0].damage[0].message).toMatch(/^cut off/)
    }
  })

  it('lengths that no block has', async () => {
    for (const length of [0, 8, 13, 0xffffffff]) {
      const bad = new Uint8Array(40)
      const view = new DataView(bad.buffer)
      view.setUint32(0, 6, true)
      view.setUint32(4, length, true)
      const damage = await damageAfter(start().enhanced(0, 1n, bytes(4)).raw(bad))
      expect(damage).toMatchObject([{ offset: before, stopped: true }])
      expect(damage[0].message).toMatch(/^block length/)
    }
  })

  it('a block that ends with another length', async () => {
    for (const type of [6, 0x99]) {
      const block = start().enhanced(0, 1n, bytes(4)).block(type, bytes(40), []).bytes()
      block[block.length - 4] ^= 8
      const { captures } = await readBytes(block)
      expect(captures[0].damage).toMatchObject([{ offset: before, stopped: true }])
      expect(captures[0].damage[0].message).toMatch(/ends with the length/)
    }
  })

  it('a packet of an interface that was not described', async () => {
    const damage = await damageAfter(start().enhanced(0, 1n, bytes(4)).enhanced(1, 1n, bytes(4)))
    expect(damage).toMatchObject([{ offset: before, stopped: true }])
    expect(damage[0].message).toBe('interface 1 of a section that describes 1 of them')
  })

  it('a packet longer than its block', async () => {
    const writer = start().enhanced(0, 1n, bytes(4))
    const bad = new PcapngWriter().enhanced(0, 1n, bytes(8)).bytes()
    bad[20] = 9
    const damage = await damageAfter(writer.raw(bad))
    expect(damage).toMatchObject([{ offset: before, message: 'packet length 9, expected at most 8' }])
  })

  it('an option past its block is reported, and the rest holds', async () => {
    const interfaceBlock = new PcapngWriter()
      .interface(1, 0, [textOption(NAME, 'eth0'), textOption(3, 'abcd')])
      .bytes()
    interfaceBlock[16 + 8 + 2] = 200
    const capture = new PcapngWriter().section().raw(interfaceBlock).enhanced(0, 1n, bytes(4)).bytes()
    const { frames, interfaces, captures } = await readBytes(capture)
    expect(frames).toHaveLength(1)
    expect(interfaces[0].name).toBe('eth0')
    expect(captures[0].damage).toMatchObject([{ offset: 28 + 24, stopped: false }])
  })

  it('statistics of no interface are reported and passed over', async () => {
    const capture = start().statistics(7, []).enhanced(0, 1n, bytes(4)).bytes()
    const { frames, captures } = await readBytes(capture)
    expect(frames).toHaveLength(1)
    expect(captures[0].damage).toMatchObject([{ stopped: false }])
  })

  it('a second section of an unknown version', async () => {
    const section = new PcapngWriter().section().bytes()
    section[12] = 2
    const damage = await damageAfter(start().enhanced(0, 1n, bytes(4)).raw(section))
    expect(damage).toMatchObject([{ offset: before, stopped: true }])
  })

  it('a first section of an unknown version is no capture', async () => {
    await expect(readFiles(['fixtures/malformed/pcapng-unknown-version.pcapng'])).rejects.toThrow(
      new CaptureError(
        'fixtures/malformed/pcapng-unknown-version.pcapng',
        12,
        'pcapng version 0.1, expected 1.0',
      ),
    )
  })

  it('endless interfaces do not fill the memory', async () => {
    const block = new PcapngWriter().interface().bytes()
    const many = new Uint8Array(block.length * 20_000)
    for (let i = 0; i < 20_000; i++) many.set(block, i * block.length)
    const { interfaces, captures } = await readBytes(
      new PcapngWriter().section().raw(many).bytes(),
      undefined,
      65_536,
    )
    expect(interfaces).toHaveLength(16_384)
    expect(captures[0].damage[0].message).toBe('more than 16384 interfaces')
  })
})
