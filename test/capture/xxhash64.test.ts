// XXH64 against the values of the reference implementation.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { XxHash64 } from '../../src/capture/compression/xxhash64.ts'

function hashOf(bytes: Uint8Array): bigint {
  const hash = new XxHash64()
  hash.update(bytes, 0, bytes.length)
  return hash.digest()
}

describe('XxHash64', () => {
  it.each([
    ['', 0xef46db3751d8e999n],
    ['a', 0xd24ec4f1a98c6e5bn],
    ['abc', 0x44bc2cf5ad770999n],
    ['Nobody inspects the spammish repetition', 0xfbcea83c8a378bf1n],
  ])('of %j', (text, sum) => {
    expect(hashOf(new TextEncoder().encode(text))).toBe(sum)
  })

  it('does not depend on how the bytes come', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat(60)), (bytes, steps) => {
        const hash = new XxHash64()
        let at = 0
        for (const step of steps) {
          hash.update(bytes, at, Math.min(at + step, bytes.length))
          at = Math.min(at + step, bytes.length)
        }
        hash.update(bytes, at, bytes.length)
        expect(hash.digest()).toBe(hashOf(bytes))
      }),
    )
  })
})
