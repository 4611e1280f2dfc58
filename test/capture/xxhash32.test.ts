// XXH32 against the values of the reference implementation.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { XxHash32, xxHash32 } from '../../src/capture/compression/xxhash32.ts'

describe('xxHash32', () => {
  it.each([
    ['', 0x02cc5d05],
    ['a', 0x550d7456],
    ['abc', 0x32d153ff],
    ['Nobody inspects the spammish repetition', 0xe2293b2f],
  ])('of %j', (text, sum) => {
    const bytes = new TextEncoder().encode(text)
    expect(xxHash32(bytes, 0, bytes.length) >>> 0).toBe(sum)
  })

  it('does not depend on how the bytes come', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat(40)), (bytes, steps) => {
        const hash = new XxHash32()
        let at = 0
        for (const step of steps) {
          hash.update(bytes, at, Math.min(at + step, bytes.length))
          at = Math.min(at + step, bytes.length)
        }
        hash.update(bytes, at, bytes.length)
        expect(hash.digest()).toBe(xxHash32(bytes, 0, bytes.length))
      }),
    )
  })
})
