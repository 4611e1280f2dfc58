// One round of the fuzz loop: a batch through one engine, then a few of its captures, as files, through the whole program.
import { Random } from '../kernel/generate/random.ts'
import { type BatchResult, runBatch } from './batch.ts'
import type { Input } from './inputs.ts'
import { BATCH } from './order.ts'
import type { Seeds } from './seeds.ts'
import { runProgram } from './whole-program.ts'

/** Runs of the program beside the one on two captures. */
const RUNS = 4
/** Every so many captures one is kept for the program. */
const KEPT_EVERY = 100

/**
 * Runs the round of a seed; files go to `folder`. `begin` is told of each capture before it is read, and of each
 * command before it is run.
 * @throws Violation, or whatever the program threw
 */
export async function runRound(
  seeds: Seeds,
  seed: number,
  folder: string,
  begin: (step: string, bytes: Uint8Array) => void,
): Promise<BatchResult> {
  const kept: Uint8Array[] = []
  const result = await runBatch(seeds, seed, BATCH, (index: number, { bytes }: Input) => {
    begin(`input ${index}`, bytes)
    if (index % KEPT_EVERY === 0) kept.push(bytes)
  })
  const random = new Random(seed ^ 0x5bd1e995)
  for (const captures of [kept.slice(0, random.between(1, 2)), ...new Array(RUNS).fill(kept.slice(1, 2))]) {
    // a user runs it in a process of its own: what went before is no part of its memory
    globalThis.gc?.()
    await runProgram(captures, folder, random, command => begin(command, captures[0]))
  }
  globalThis.gc?.()
  return result
}
