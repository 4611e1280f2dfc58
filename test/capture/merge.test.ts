// Several captures: one order by time, each capture's own order kept, few files open, the same whatever order they are named in.

import { execFileSync } from 'node:child_process'
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { openCaptures } from '../../src/capture/open/open.ts'
import { PcapngWriter, writePcap } from '../support/pcap-writer.ts'
import { readFiles } from '../support/read-frames.ts'

const folder = mkdtempSync(join(tmpdir(), 'ctpcap-merge-'))
afterAll(() => rmSync(folder, { recursive: true }))

let made = 0
function save(bytes: Uint8Array): string {
  const path = join(folder, `${made++}.pcap`)
  writeFileSync(path, bytes)
  return path
}

/** A capture with a frame per stamp, in microseconds, which carries its stamp as its content. */
function capture(stamps: readonly number[]): string {
  return save(writePcap(stamps.map(stamp => ({ bytes: content(stamp), seconds: 1000, fraction: stamp }))))
}

function content(stamp: number): Uint8Array {
  return new TextEncoder().encode(String(stamp))
}

/** Captures as `a:5 b:6`: which file, which stamp. */
async function order(paths: string[]): Promise<string> {
  const { frames } = await readFiles(paths)
  const text = new TextDecoder()
  return frames.map(frame => `${'abcdefgh'[frame.capture]}:${text.decode(frame.bytes)}`).join(' ')
}

describe('order', () => {
  it('of captures in order is that of a stable sort by time', async () => {
    const stamps = fc.array(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 12 }), {
      minLength: 2,
      maxLength: 6,
    })
    await fc.assert(
      fc.asyncProperty(stamps, async unsorted => {
        const sorted = unsorted.map(list => list.toSorted((a, b) => a - b))
        const { frames, captures } = await readFiles(sorted.map(capture))
        const expected = sorted
          .flatMap((list, index) => list.map((stamp, position) => ({ stamp, index, position })))
          .sort((a, b) => a.stamp - b.stamp || a.index - b.index || a.position - b.position)
        expect(frames.map(frame => [frame.capture, frame.number, frame.stamp])).toEqual(
          expected.map(({ stamp, index, position }) => [
            index,
            position + 1,
            1_000_000_000_000n + BigInt(stamp) * 1000n,
          ]),
        )
        expect(captures.map(({ frames }) => frames)).toEqual(sorted.map(list => list.length))
      }),
      { numRuns: 40 },
    )
  })

  it('within a capture stays as captured', async () => {
    const paths = [capture([10, 5, 11]), capture([7, 9, 12])]
    expect(await order(paths)).toBe('b:7 b:9 a:10 a:5 a:11 b:12')
    const { captures } = await readFiles(paths)
    expect(captures.map(({ backwards }) => backwards)).toEqual([1, 0])
  })

  it('of equal stamps is that of the command line', async () => {
    const [a, b] = [capture([1, 2]), capture([1, 2])]
    expect(await order([a, b])).toBe('a:1 b:1 a:2 b:2')
  })

  it('of rotated files is that of time', async () => {
    const [first, second, third] = [capture([1, 2]), capture([2, 3]), capture([4])]
    expect(await order([third, first, second])).toBe('b:1 b:2 c:2 c:3 a:4')
  })
})

describe('time', () => {
  it('counts from the earliest first frame, whatever the clocks of the captures', async () => {
    const nanoseconds = new PcapngWriter()
      .section()
      .interface(1, 0, [{ code: 9, value: Uint8Array.of(9) }])
      .enhanced(0, 1_000_000_000_500n, Uint8Array.of(1))
      .bytes()
    const { frames } = await readFiles([capture([3]), save(nanoseconds)])
    expect(frames.map(({ capture, time, stamp }) => [capture, time, stamp])).toEqual([
      [1, 0, 1_000_000_000_500n],
      [0, 2500, 1_000_000_003_000n],
    ])
  })

  it('of a capture without stamps is 0', async () => {
    const unstamped = new PcapngWriter().section().interface().simple(Uint8Array.of(1)).bytes()
    const { frames } = await readFiles([capture([3]), save(unstamped)])
    expect(frames.map(({ capture, time }) => [capture, time])).toEqual([
      [0, 0],
      [1, 0],
    ])
  })
})

describe('captures', () => {
  it('may be empty, or cut off', async () => {
    const cut = writePcap([{ bytes: content(5), seconds: 1000, fraction: 5 }])
    const { frames, captures } = await readFiles([
      capture([]),
      capture([6]),
      save(cut.subarray(0, cut.length - 1)),
    ])
    expect(frames.map(({ capture }) => capture)).toEqual([1])
    expect(captures.map(({ damage }) => damage.length)).toEqual([0, 0, 1])
  })

  it('keep their interfaces apart, each counted once', async () => {
    const { interfaces, frames } = await readFiles([capture([1]), capture([2, 3])])
    expect(interfaces.map(({ capture, frames }) => [capture, frames])).toEqual([
      [0, 1],
      [1, 2],
    ])
    expect(frames.map(frame => frame.interface)).toEqual([0, 1, 1])
  })

  it('300 rotated ones have a few open at a time', async () => {
    const paths = Array.from({ length: 300 }, (_, index) => capture([index * 10, index * 10 + 9]))
    const source = await openCaptures(paths.toReversed())
    let most = openFiles()
    let count = 0
    let previous = -1
    do {
      for (let frame = source.next(); frame !== null; frame = source.next()) {
        count++
        expect(frame.time).toBeGreaterThan(previous)
        previous = frame.time
      }
      most = Math.max(most, openFiles())
    } while (await source.fill())
    await source.close()
    expect(count).toBe(600)
    expect(most).toBeLessThanOrEqual(3)
    expect(openFiles()).toBe(0)
  })

  it('one removed meanwhile is missing, and said to be', async () => {
    const paths = [capture([1]), capture([5])]
    const source = await openCaptures(paths)
    unlinkSync(paths[1])
    let count = 0
    do while (source.next() !== null) count++
    while (await source.fill())
    expect(count).toBe(1)
    expect(source.captures[1].damage).toEqual([
      {
        offset: 0,
        message: 'could not be opened a second time: no such file',
        stopped: true,
      },
    ])
  })

  it.each([1, 2])('without a frame in any of them begin in 1970: %i', async count => {
    const source = await openCaptures(Array.from({ length: count }, () => capture([])))
    expect(source.next()).toBeNull()
    expect(source.epoch).toBe(0n)
    await source.close()
  })

  it('that were open are closed when another cannot be opened', async () => {
    const pipe = join(folder, `${made++}.pcap`)
    execFileSync('mkfifo', [pipe])
    const writer = openSync(pipe, 'r+')
    writeSync(writer, readFileSync(capture([1, 2])))
    await expect(openCaptures([pipe, join(folder, 'none')])).rejects.toThrow('no such file')
    expect(openFiles()).toBe(1)
    closeSync(writer)
  })

  it('closing ends them all', async () => {
    const source = await openCaptures([capture([1, 2, 3]), capture([2])])
    await source.fill()
    expect(source.next()).not.toBeNull()
    await source.close()
    expect(source.next()).toBeNull()
    expect(await source.fill()).toBe(false)
    expect(openFiles()).toBe(0)
  })
})

/** How many of this test's captures are open. */
function openFiles(): number {
  return readdirSync('/proc/self/fd').filter(descriptor => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(folder)
    } catch {
      return false
    }
  }).length
}
