// Vitest's setup file: what a test file runs through while coverage is measured goes into its meta data.
import { afterAll, beforeAll } from 'vitest'

const loading = new Set<number>()
const hits = new Set<number>()
globalThis.noteHit = fault => loading.add(fault)

beforeAll(() => {
  globalThis.noteHit = fault => hits.add(fault)
})

// Vitest reads the first parameter's pattern for fixtures that are asked for
// biome-ignore lint/correctness/noEmptyPattern: none is
afterAll(({}, suite) => {
  Object.assign(suite.file.meta, { loading: [...loading], hits: [...hits] })
})
