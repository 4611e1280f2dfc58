// Vitest's setup file: what a test file runs through while coverage is measured goes into its meta data.
import { afterAll } from 'vitest'

const hits = new Set<number>()
globalThis.noteHit = fault => hits.add(fault)

// Vitest reads the first parameter's pattern for fixtures that are asked for
// biome-ignore lint/correctness/noEmptyPattern: none is
afterAll(({}, suite) => {
  Object.assign(suite.file.meta, { hits: [...hits] })
})
