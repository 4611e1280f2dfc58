// What cannot be opened and why; pipes, FIFOs and standard input; closing while bytes are waited for.

import { execFileSync, spawn } from 'node:child_process'
import {
  createWriteStream,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { CaptureError } from '../../src/capture/error.ts'
import { openCaptures } from '../../src/capture/open/open.ts'
import { hasProgram } from '../support/installed.ts'
import { writePcap } from '../support/pcap-writer.ts'
import { readFiles } from '../support/read-frames.ts'

const FORMATS = 'fixtures/formats'
const folder = mkdtempSync(join(tmpdir(), 'ctpcap-open-'))
afterAll(() => rmSync(folder, { recursive: true }))

const hasFifos = hasProgram('mkfifo', 'open.test.ts: FIFOs')

let made = 0
function save(bytes: Uint8Array | string): string {
  const path = join(folder, `${made++}`)
  writeFileSync(path, bytes)
  return path
}

function fifo(): string {
  const path = join(folder, `${made++}`)
  execFileSync('mkfifo', [path])
  return path
}

describe('refuses', () => {
  const header = writePcap([])
  const cases: [what: string, path: () => string, offset: number | null, expected: string][] = [
    ['a missing file', () => join(folder, 'none'), null, 'no such file'],
    [
      'a path through a file',
      () => join(save('x'), 'x'),
      null,
      'no such file: a part of the path is no directory',
    ],
    ['a directory', () => folder, null, 'is a directory, expected a capture'],
    ['an empty file', () => save(''), 0, 'empty, expected a capture'],
    [
      'a cut header',
      () => save(header.subarray(0, 20)),
      20,
      'cut off, expected a pcap file header of 24 bytes',
    ],
    [
      'an xz file',
      () => save(Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0)),
      0,
      'no capture: found fd 37 7a 58 5a 00 (xz: decompress it first), expected pcap, pcapng or snoop, as it is or compressed with gzip, zstd or lz4',
    ],
    [
      'text',
      () => save('hello, world'),
      0,
      'no capture: found 68 65 6c 6c 6f 2c 20 77, expected pcap, pcapng or snoop, as it is or compressed with gzip, zstd or lz4',
    ],
    [
      'three bytes',
      () => save('abc'),
      0,
      'no capture: found 61 62 63, expected pcap, pcapng or snoop, as it is or compressed with gzip, zstd or lz4',
    ],
    [
      'a pcapng without byte order',
      () => save('\n\r\r\n'.padEnd(40, 'x')),
      8,
      'no byte-order magic, expected 1a2b3c4d or 4d3c2b1a',
    ],
    ['an unknown snoop', () => save('snoop\0\0\0\0\0\0\x03\0\0\0\x04'), 8, 'snoop version 3, expected 2'],
    [
      'a snoop of another medium',
      () => save('snoop\0\0\0\0\0\0\x02\0\0\0\x08'),
      12,
      'data-link type is not supported, expected Ethernet (4)',
    ],
  ] // prettier-ignore

  it.each(cases)('%s', async (_what, path, offset, expected) => {
    const named = path()
    await expect(openCaptures([named])).rejects.toThrow(new CaptureError(named, offset, expected))
    await expect(openCaptures([named])).rejects.toBeInstanceOf(CaptureError)
    await expect(openCaptures([named])).rejects.toMatchObject({ name: 'CaptureError' })
    await expect(openCaptures([`${FORMATS}/pcap-nflog.pcap`, named])).rejects.toBeInstanceOf(CaptureError)
  })

  it('a link type the caller has no decoder for', async () => {
    const path = save(writePcap([], { linkType: 147 }))
    await expect(openCaptures([path], { supportsLinkType: type => type !== 147 })).rejects.toThrow(
      new CaptureError(path, 20, 'link type 147 is not supported'),
    )
    expect((await readFiles([path], { supportsLinkType: type => type === 147 })).frames).toEqual([])
  })

  it('standard input named twice', async () => {
    await expect(openCaptures(['-', '-'])).rejects.toThrow(/^-: byte 0: named twice/)
  })
})

describe('content, not names,', () => {
  it('decides what a capture is', async () => {
    const misnamed = save(readFileSync(`${FORMATS}/concatenated.pcap.zst`))
    expect((await readFiles([misnamed])).captures[0]).toMatchObject({
      format: 'pcap',
      compression: 'zstd',
      frames: 53,
    })
  })
})

describe.skipIf(!hasFifos)('FIFO', () => {
  it('is read to its end, compressed or not', async () => {
    for (const name of ['pcap-nflog.pcap', 'concatenated.pcap.gz', 'pcapng-many-interfaces.pcapng']) {
      const path = fifo()
      createWriteStream(path).end(readFileSync(`${FORMATS}/${name}`))
      const { frames, captures } = await readFiles([path])
      expect(frames).toEqual((await readFiles([`${FORMATS}/${name}`])).frames)
      expect(captures[0].damage).toEqual([])
    }
  })

  it('several are merged as they come', async () => {
    const [a, b] = [fifo(), fifo()]
    createWriteStream(a).end(writePcap([1, 3].map(seconds => ({ bytes: Uint8Array.of(seconds), seconds }))))
    createWriteStream(b).end(writePcap([2, 4].map(seconds => ({ bytes: Uint8Array.of(seconds), seconds }))))
    const { frames } = await readFiles([a, b])
    expect(frames.map(({ bytes }) => bytes[0])).toEqual([1, 2, 3, 4])
  })

  it('gives frames as they come, and ends when closed', async () => {
    const path = fifo()
    const reading = openCaptures([path])
    // opened for both: for writing alone would wait for the reader, which waits for this thread
    const writer = openSync(path, 'r+')
    const records = writePcap([{ bytes: Uint8Array.of(1) }, { bytes: Uint8Array.of(2) }])
    writeSync(writer, records.subarray(0, 24))
    const source = await reading
    expect(source.next()).toBeNull()
    writeSync(writer, records.subarray(24, 24 + 17))
    expect(await source.fill()).toBe(true)
    expect(source.next()?.number).toBe(1)
    expect(source.next()).toBeNull()
    const waiting = source.fill()
    await source.close()
    expect(await waiting).toBe(false)
    expect(source.captures[0].damage).toEqual([])
  })

  // before, while and after the FIFO is opened; whichever it is on this machine
  describe.each([0, 1, 2, 4, 8, 16, 32, 64, 128])('given up after %i turns of the event loop', turns => {
    async function abortLater(abort: AbortController): Promise<void> {
      for (let turn = 0; turn < turns; turn++) await new Promise(resolve => setImmediate(resolve))
      abort.abort()
    }

    it('is not waited for without a writer', async () => {
      for (const others of [[], [`${FORMATS}/pcap-nflog.pcap`]]) {
        const abort = new AbortController()
        const opening = openCaptures([...others, fifo()], { signal: abort.signal })
        await Promise.all([abortLater(abort), expect(opening).rejects.toThrow('aborted')])
      }
    })

    it('is not waited for without a frame, among several', async () => {
      const path = fifo()
      const abort = new AbortController()
      const opening = openCaptures([`${FORMATS}/pcap-nflog.pcap`, path], { signal: abort.signal })
      writeSync(openSync(path, 'r+'), writePcap([]))
      await Promise.all([abortLater(abort), expect(opening).rejects.toThrow('aborted')])
    })
  })
})

describe('standard input', () => {
  const script = 'test/support/count-frames.ts'
  const capture = `${FORMATS}/concatenated.pcap.lz4`

  it.each(['pipe', 'file'])('from a %s', async kind => {
    const stdin = kind === 'file' ? openSync(capture, 'r') : 'pipe'
    const child = spawn(process.execPath, ['--import', 'tsx', script], { stdio: [stdin, 'pipe', 'inherit'] })
    child.stdin?.end(readFileSync(capture))
    let output = ''
    for await (const chunk of child.stdout ?? []) output += chunk
    expect(output).toBe('53 frames\n')
  })
})
