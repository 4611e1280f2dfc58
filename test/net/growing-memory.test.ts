// Memory that grows: what was there stays, and no room in the address space only makes it slower.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'rolldown'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GrowingMemory } from '../../src/net/growing-memory.ts'

// a loader of TypeScript needs more addresses than the limit below leaves
const directory = mkdtempSync(join(tmpdir(), 'ctpcap-memory-'))
const MODULE = join(directory, 'growing-memory.mjs')

beforeAll(async () => {
  const input = join(import.meta.dirname, '../../src/net/growing-memory.ts')
  await build({ input, platform: 'node', output: { file: MODULE }, logLevel: 'warn' })
})

afterAll(() => rmSync(directory, { recursive: true }))

describe('growing memory', () => {
  it('keeps its words and its doubles when it grows, and what is new is zero', () => {
    const memory = new GrowingMemory(1000)
    memory.words[999] = -7
    memory.doubles[10] = 0.25
    for (const length of [1001, 70_000, 5_000_000]) {
      const before = memory.words.length
      memory.grow(length)
      expect(memory.words.length).toBeGreaterThanOrEqual(length)
      expect(memory.words[999]).toBe(-7)
      expect(memory.doubles[10]).toBe(0.25)
      expect(memory.words.subarray(Math.max(before, 1000)).every(word => word === 0)).toBe(true)
    }
  })

  it('does not shrink', () => {
    const memory = new GrowingMemory(70_000)
    const { length } = memory.words
    memory.grow(10)
    expect(memory.words.length).toBe(length)
  })

  it('is the same where the address space is limited', () => {
    const script = `
      const { GrowingMemory } = await import(process.argv[1])
      const memory = new GrowingMemory(1000)
      memory.words[999] = 5
      memory.doubles[3] = 1.5
      memory.grow(3_000_000)
      console.log(memory.paged, memory.words.length >= 3_000_000, memory.words[999], memory.doubles[3], memory.words[2_999_999])`
    const limited = 'ulimit -v 6000000 && exec "$0" --input-type=module -e "$1" "$2"'
    const run = spawnSync('sh', ['-c', limited, process.execPath, script, MODULE], { encoding: 'utf8' })
    expect(run.stdout, run.stderr).toBe('null true 5 1.5 0\n')
  })
})
