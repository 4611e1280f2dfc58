// The process of the fuzz loop that does the work: batch after batch, telling its parent how far it is and how large it grew.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { batchSeed, type WorkerFailure, type WorkerOrder, type WorkerReport } from './order.ts'
import { runRound } from './round.ts'
import { readSeeds } from './seeds.ts'

async function work({ seed, batches, folders }: WorkerOrder): Promise<void> {
  const seeds = await readSeeds(folders)
  const folder = mkdtempSync(join(tmpdir(), 'ctpcap-fuzz-'))
  try {
    for (let number = 0; number < batches; number++) {
      const own = batchSeed(seed, number)
      let last = ''
      let input: Uint8Array = new Uint8Array(0)
      try {
        const result = await runRound(seeds, own, folder, (step, bytes) => {
          last = step
          input = bytes
        })
        const report: WorkerReport = { seed: own, ...result, peak: process.resourceUsage().maxRSS }
        process.send?.({ report })
      } catch (error) {
        const path = join(tmpdir(), `ctpcap-fuzz-${own}`)
        writeFileSync(path, input)
        const failure = error instanceof Error ? (error.stack ?? error.message) : String(error)
        process.send?.({ failure: { seed: own, step: last, path, failure } satisfies WorkerFailure })
      }
      // lets the messages out
      await new Promise(resolve => setImmediate(resolve))
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

// whoever gave the order has gone
process.once('disconnect', () => process.exit())
process.once('message', (order: WorkerOrder) => {
  void work(order).then(() => process.exit())
})
