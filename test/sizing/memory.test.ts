// Kernel memory of a table.
import { expect, it } from 'vitest'
import { tableMemory } from '../../src/sizing/memory.ts'

it('makes 98 MiB of a full default table: 96 of entries, 2 of buckets', () => {
  expect(tableMemory(262144, 262144)).toBe(98 * 1024 * 1024)
})
