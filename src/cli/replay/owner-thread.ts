// Counts owners on a thread of its own, once a capture turns out to be worth one.
import { Worker } from 'node:worker_threads'
import type { RecordQueue } from '../../queue/record-queue.ts'
import { ReaderDied, SharedWriter } from '../../queue/shared-queue.ts'
import { type LargestOwners, type OwnerSink, Owners } from '../../sizing/owners/owners.ts'
import { chooseSecret } from '../io/secret.ts'

/** Records from which on a thread is worth its start, 40 ms of a processor. */
const WORTH_A_THREAD = 1 << 13

/** Holds the records until there are so many, then starts the thread. What the two threads share is the queue. */
export class OwnerThread implements OwnerSink {
  readonly queue: RecordQueue
  private readonly writer: SharedWriter
  private worker: Worker | null = null
  private answer: Promise<LargestOwners> | null = null

  /**
   * @param script the built src/owners.ts
   * @param isLarge whether the thread will be worth its start for sure
   */
  constructor(script: URL, isLarge: boolean) {
    this.writer = new SharedWriter(WORTH_A_THREAD, () => this.start(script))
    this.queue = this.writer.queue
    if (isLarge) this.start(script)
  }

  async largest(end: number): Promise<LargestOwners> {
    this.writer.finish()
    if (this.worker === null || this.answer === null) return this.countHere(end)
    this.worker.postMessage(end)
    return await this.answer
  }

  /** The error to report: if the thread died, the reason it died. */
  async reasonOf(error: unknown): Promise<unknown> {
    if (!(error instanceof ReaderDied) || this.answer === null) return error
    return await this.answer.then(
      () => error,
      (reason: unknown) => reason,
    )
  }

  /** Ends the thread if it still runs. */
  async close(): Promise<void> {
    await this.worker?.terminate()
  }

  private start(script: URL): void {
    if (this.worker !== null) return
    const worker = new Worker(script, { workerData: { memory: this.writer.memory, secret: chooseSecret() } })
    this.worker = worker
    this.answer = new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    // whoever asks will hear of it
    this.answer.catch(() => {})
  }

  /** The capture was too small for a thread. */
  private countHere(end: number): LargestOwners {
    const { words, doubles, capacity, written } = this.queue
    const owners = new Owners()
    owners.takeAll(words, doubles, capacity, 0, written)
    return owners.largest(end)
  }
}
