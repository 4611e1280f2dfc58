// npm run fuzz: mutated captures through the whole program, for a number of them or for some minutes; crashes, hangs and growth end it with 1.
import { fork } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { BATCH, batchSeed, type WorkerMessage, type WorkerOrder } from './order.ts'

const USAGE = 'run.ts [--inputs N] [--seed S] [--minutes M] [--round SEED]'

/** What a worker may grow to: the seeds, a batch or the tables of one command, and what is not handed back at once. */
const MOST_MEMORY = 768 << 20
/** A round takes a second; a machine may be busy, but not that busy. */
const HANG = 180_000
/** A worker is replaced after this many batches, by one with another seed. */
const WORKER_BATCHES = 400
const MOST_FAILURES = 10
const MINUTE = 60_000

interface Totals {
  inputs: number
  refused: number
  frames: number
  /** KiB. */
  peak: number
  failures: number
  hangs: number
}

const { values } = parseArgs({
  options: {
    inputs: { type: 'string' },
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string' },
    round: { type: 'string' },
  },
})
const folders = ['fixtures', process.env.CTPCAP_CORPUS ?? ''].filter(folder => folder !== '')
const totals: Totals = { inputs: 0, refused: 0, frames: 0, peak: 0, failures: 0, hangs: 0 }
const started = Date.now()

if (values.round !== undefined) await repeatRound(Number(values.round))
else await fuzz(Number(values.seed), Number(values.inputs ?? Infinity), Number(values.minutes ?? Infinity))

/** One round in this process, where a debugger sees it, with every step before it is done. */
async function repeatRound(seed: number): Promise<void> {
  const { runRound } = await import('./round.ts')
  const { readSeeds } = await import('./seeds.ts')
  const seeds = await readSeeds(folders)
  const folder = mkdtempSync(join(tmpdir(), 'ctpcap-fuzz-'))
  console.log(await runRound(seeds, seed, folder, step => console.log(step)))
}

async function fuzz(seed: number, inputs: number, minutes: number): Promise<void> {
  if (!(inputs > 0 && minutes > 0) || Number.isNaN(seed)) throw new Error(`expected ${USAGE}`)
  if (inputs === Infinity && minutes === Infinity) inputs = 100_000
  const deadline = started + minutes * MINUTE
  for (let run = seed; totals.inputs < inputs && Date.now() < deadline && !hasFailedEnough(); run++) {
    const batches = Math.min(WORKER_BATCHES, Math.ceil((inputs - totals.inputs) / BATCH))
    await runWorker({ seed: run, batches, folders }, deadline)
    console.log(`${new Date().toISOString()} seed ${run}: ${summary()}`)
  }
  console.log(`fuzz: ${summary()}`)
  if (totals.failures > 0) process.exitCode = 1
}

function hasFailedEnough(): boolean {
  return totals.failures >= MOST_FAILURES
}

function summary(): string {
  const { inputs, refused, frames, peak, failures, hangs } = totals
  const rate = Math.round(inputs / ((Date.now() - started) / 1000))
  const memory = `${Math.round(peak / 1024)} MiB of at most ${MOST_MEMORY >> 20}`
  return `${inputs} inputs (${rate}/s), ${frames} frames, ${refused} refused, ${failures} failures, ${hangs} of them hangs, memory ${memory}`
}

/** Runs one worker to its end, the deadline, or a hang. */
function runWorker(order: WorkerOrder, deadline: number): Promise<void> {
  const execArgv = [...process.execArgv, '--expose-gc']
  const worker = fork(join(import.meta.dirname, 'worker.ts'), { execArgv })
  let done = 0
  let heard = Date.now()
  const fail = (text: string): void => {
    totals.failures++
    console.log(`FAILED: ${text}`)
    if (hasFailedEnough()) worker.kill('SIGKILL')
  }
  const watch = setInterval(() => {
    if (Date.now() > deadline) worker.kill('SIGKILL')
    if (Date.now() - heard < HANG) return
    totals.hangs++
    fail(`no end of the round after ${HANG / 1000} s; --round ${batchSeed(order.seed, done)}`)
    worker.kill('SIGKILL')
  }, 1000)
  worker.on('message', (message: WorkerMessage) => {
    heard = Date.now()
    done++
    if ('failure' in message) {
      const { seed, step, path, failure } = message.failure
      fail(`${step} (${path}), --round ${seed}: ${failure}`)
      return
    }
    const { report } = message
    totals.inputs += report.inputs
    totals.refused += report.refused
    totals.frames += report.frames
    totals.peak = Math.max(totals.peak, report.peak)
    if (report.peak * 1024 <= MOST_MEMORY) return
    fail(`${Math.round(report.peak / 1024)} MiB of memory; --round ${report.seed}`)
    worker.kill('SIGKILL')
  })
  worker.send(order)
  return new Promise(resolve => {
    worker.on('exit', (code, signal) => {
      clearInterval(watch)
      if (code !== 0 && signal !== 'SIGKILL')
        fail(`the worker ended with ${code ?? signal}; --round ${batchSeed(order.seed, done)}`)
      resolve()
    })
  })
}
