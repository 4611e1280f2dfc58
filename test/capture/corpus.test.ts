// Packet counts of real captures equal those of capinfos: of every file below CTPCAP_CORPUS that the golden knows.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openCaptures } from '../../src/capture/open/open.ts'

const corpus = process.env.CTPCAP_CORPUS
const lines = readFileSync('fixtures/corpus-counts.tsv', 'utf8').trimEnd().split('\n').slice(2)
const golden = new Map(
  lines
    .map(line => line.split('\t'))
    .map(([sum, packets, origin]) => [sum, { packets: Number(packets), origin }]),
)
if (corpus === undefined) console.warn('corpus.test.ts: skipped, CTPCAP_CORPUS names no folder of captures')

describe.skipIf(corpus === undefined)('the corpus', () => {
  it('has the packets capinfos counted', async () => {
    const counts = new Map<string, number>()
    const expected = new Map<string, number>()
    for (const entry of readdirSync(corpus ?? '', { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const path = join(entry.parentPath, entry.name)
      const known = golden.get(createHash('sha256').update(readFileSync(path)).digest('hex'))
      if (known === undefined) continue
      expected.set(known.origin, known.packets)
      counts.set(known.origin, await count(path))
    }
    expect(expected.size).toBeGreaterThan(0)
    expect(counts).toEqual(expected)
  })
})

async function count(path: string): Promise<number> {
  const source = await openCaptures([path])
  let packets = 0
  do while (source.next() !== null) packets++
  while (await source.fill())
  await source.close()
  expect(source.captures[0].frames).toBe(packets)
  return packets
}
