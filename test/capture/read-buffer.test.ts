// The buffer gives every byte once and in order, never splits what is asked for, and ends when told.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ByteSource } from '../../src/capture/byte-source.ts'
import { ReadBuffer } from '../../src/capture/read-buffer.ts'
import { MemorySource } from '../support/memory-source.ts'

const content = Uint8Array.from({ length: 5000 }, (_, index) => (index * 31) >> 3)

describe('ReadBuffer', () => {
  it('gives records of any length whole, whatever comes at a time', async () => {
    const lengths = fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 1500 })))
    const chunk = fc.integer({ min: 1, max: 600 })
    await fc.assert(
      fc.asyncProperty(lengths, chunk, chunk, async (records, chunkLength, piece) => {
        const buffer = new ReadBuffer(new MemorySource(content, piece), chunkLength)
        let at = 0
        for (const length of records) {
          const whole = await buffer.need(length)
          expect(whole).toBe(at + length <= content.length)
          if (!whole) return
          expect(buffer.offsetOf(buffer.position)).toBe(at)
          const { bytes, position, view } = buffer
          expect(
            Buffer.compare(bytes.subarray(position, position + length), content.subarray(at, at + length)),
          ).toBe(0)
          expect(view.getUint8(position)).toBe(content[at])
          buffer.position += length
          at += length
        }
      }),
    )
  })

  it('skips beyond what it holds', async () => {
    const buffer = new ReadBuffer(new MemorySource(content, 100), 64)
    await buffer.fill()
    buffer.position += 3000
    expect(await buffer.need(2)).toBe(true)
    expect(buffer.offsetOf(buffer.position)).toBe(3000)
    expect(buffer.bytes[buffer.position]).toBe(content[3000])
    buffer.position += 3000
    expect(await buffer.need(1)).toBe(false)
    expect(buffer.end - buffer.position).toBe(-1000)
  })

  it('reads a large record that comes in tiny pieces without copying it over and over', async () => {
    const large = new Uint8Array(1 << 20)
    const buffer = new ReadBuffer(new MemorySource(large, 512), 1 << 20)
    const buffers = new Set<Uint8Array>()
    while (buffer.end - buffer.position < large.length && (await buffer.fill())) buffers.add(buffer.bytes)
    expect(buffer.end - buffer.position).toBe(large.length)
    expect(buffers.size).toBeLessThan(8)
  })

  it('keeps why the bytes cannot be read on, and what came before', async () => {
    const source = new MemorySource(content.subarray(0, 10))
    const failing: ByteSource = {
      get position() {
        return source.position
      },
      async read(target, offset, length) {
        if (source.position === 10) throw new Error('EIO: i/o error, read')
        return source.read(target, offset, length)
      },
      close: () => source.close(),
    }
    const buffer = new ReadBuffer(failing, 64)
    expect(await buffer.need(11)).toBe(false)
    expect(buffer.end - buffer.position).toBe(10)
    expect(buffer.failure).toBe('EIO: i/o error, read')
  })

  it('a fill that waits ends when the buffer is closed', async () => {
    let end = (_count: number) => {}
    const waiting: ByteSource = {
      position: 0,
      read: () => new Promise(resolve => (end = resolve)),
      close: async () => end(0),
    }
    const buffer = new ReadBuffer(waiting, 64)
    const filled = buffer.fill()
    await buffer.close()
    expect(await filled).toBe(false)
    expect(await buffer.fill()).toBe(false)
  })
})
