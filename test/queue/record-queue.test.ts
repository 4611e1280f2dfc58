// Records come out of a queue as they went in, in order, each once, whatever the sizes; also between two threads.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { build } from 'rolldown'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { localQueue, RECORD_SHIFT, type RecordQueue } from '../../src/queue/record-queue.ts'
import { ReaderDied, SharedWriter } from '../../src/queue/shared-queue.ts'

/** Writes `count` records that tell their number, calling `flush` after those of `flushes`. */
function write(queue: RecordQueue, count: number, flushes: ReadonlySet<number> = new Set()): void {
  for (let n = 0; n < count; n++) {
    const at = queue.next()
    queue.words[at] = n
    queue.words[at + 31] = ~n
    queue.doubles[(at >> 1) + 7] = n * 1.5
    if (flushes.has(n)) queue.flush()
  }
}

describe('a queue on one thread', () => {
  it('hands over every record once, in order', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 2, 8, 64),
        fc.nat({ max: 400 }),
        fc.uniqueArray(fc.nat({ max: 400 })),
        (capacity, count, flushes) => {
          const seen: number[] = []
          const queue = localQueue(capacity, (words, doubles, size, from, to) => {
            expect(size).toBe(capacity)
            for (let n = from; n < to; n++) {
              const at = (n & (size - 1)) << RECORD_SHIFT
              expect(words[at + 31]).toBe(~words[at])
              expect(doubles[(at >> 1) + 7]).toBe(words[at] * 1.5)
              seen.push(words[at])
            }
          })
          write(queue, count, new Set(flushes))
          queue.flush()
          expect(seen).toEqual(Array.from({ length: count }, (_, n) => n))
        },
      ),
    )
  })
})

/** Reads a shared queue as src/queue/shared-queue.ts does, and sums what it finds; `slow` looks up from time to time. */
const READER = `
  const { parentPort, workerData } = require('node:worker_threads')
  import(workerData.module).then(({ readShared }) => {
    let next = 0
    let wrong = 0
    readShared(workerData.memory, (words, doubles, capacity, from, to) => {
      for (let n = from; n < to; n++) {
        const at = (n & (capacity - 1)) << 5
        if (words[at] !== next || words[at + 31] !== ~next || doubles[(at >> 1) + 7] !== next * 1.5) wrong++
        next++
        if (workerData.dies === next) throw new Error('on purpose')
        if (workerData.isSlow && next % 50000 === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
      }
    })
    parentPort.postMessage({ next, wrong })
  })
`

// a thread is Node's own, which reads JavaScript alone
const directory = mkdtempSync(join(tmpdir(), 'ctpcap-queue-'))
const MODULE = join(directory, 'shared-queue.mjs')

beforeAll(async () => {
  const input = new URL('../../src/queue/shared-queue.ts', import.meta.url).pathname
  await build({ input, platform: 'node', output: { file: MODULE }, logLevel: 'warn' })
})

afterAll(() => rmSync(directory, { recursive: true }))

/** Writes `count` records to a reader on another thread; resolves to what it found. */
async function send(count: number, reader: object): Promise<{ next: number; wrong: number } | null> {
  let worker: Worker | null = null
  let answer: Promise<{ next: number; wrong: number }> | null = null
  const writer = new SharedWriter(1024, () => {
    const workerData = { module: MODULE, memory: writer.memory, ...reader }
    worker = new Worker(READER, { eval: true, workerData })
    answer = new Promise((resolve, reject) => {
      worker?.once('message', resolve)
      worker?.once('error', reject)
    })
    answer.catch(() => {})
  })
  try {
    write(writer.queue, count)
    writer.finish()
    return await answer
  } finally {
    await (worker as Worker | null)?.terminate()
  }
}

describe('a queue between two threads', () => {
  it('hands over every record once, in order, to a reader that is faster or slower', async () => {
    expect(await send(300_000, {})).toEqual({ next: 300_000, wrong: 0 })
    expect(await send(300_001, { isSlow: true })).toEqual({ next: 300_001, wrong: 0 })
  })

  it('calls no reader before there is something worth it', async () => {
    expect(await send(1024, {})).toBe(null)
    expect(await send(1025, {})).toEqual({ next: 1025, wrong: 0 })
  })

  it('does not wait for a reader that has died', async () => {
    await expect(send(300_000, { dies: 2000 })).rejects.toThrow(ReaderDied)
  })
})
