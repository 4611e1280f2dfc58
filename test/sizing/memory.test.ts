// Kernel memory of a table, against what a host has measured of it: Linux 6.18 x86_64, 40,000 UDP connections.
import { describe, expect, it } from 'vitest'
import { tableMemory } from '../../src/sizing/memory.ts'

const ENTRIES = 40_000

describe('40,000 entries', () => {
  it('take what the slab caches nf_conntrack (256 bytes) and kmalloc-128 grow by', () => {
    expect(tableMemory(ENTRIES, 0)).toBe(ENTRIES * 256 + ENTRIES * 128)
  })

  it.each([
    ['plain', 380],
    ['with masquerade', 378],
    ['with masquerade and accounting', 377],
    ['with masquerade, accounting and events', 381],
  ])('take what SUnreclaim of /proc/meminfo grows by, less what the caches had free: %s', (_, each) => {
    const spare = tableMemory(ENTRIES, 0) / (ENTRIES * each) - 1
    expect(spare).toBeGreaterThanOrEqual(0)
    expect(spare).toBeLessThan(0.02)
  })
})

it('a hash table of 262144 buckets takes 512 pages, as the kernel allocates it', () => {
  expect(tableMemory(0, 262144)).toBe(512 * 4096)
})
