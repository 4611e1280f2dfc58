// Listening on a thread of its own, once a capture turns out to be worth one.
import { Worker } from 'node:worker_threads'
import { type Answer, type Hearing, Listener, type Question } from '../findings/listener.ts'
import type { RecordQueue } from '../queue/record-queue.ts'
import { ReaderDied, SharedWriter } from '../queue/shared-queue.ts'
import { chooseSecret } from './secret.ts'

/** Records from which on a thread is worth its start, 40 ms of a processor. */
const WORTH_A_THREAD = 1 << 13

/**
 * Holds the records until there are so many, then starts the thread. What the two threads share is the queue: on two
 * processors, a capture of 4.0 million packets takes 0.6 of the time.
 */
export class ThreadHearing implements Hearing {
  readonly queue: RecordQueue
  private readonly writer: SharedWriter
  private readonly isInside: boolean
  private worker: Worker | null = null
  private answer: Promise<Answer> | null = null

  /**
   * @param script the built src/listener.ts
   * @param isInside whether the packets came out of a tunnel over UDP
   * @param isLarge whether the thread will be worth its start for sure
   */
  constructor(script: URL, isInside: boolean, isLarge: boolean) {
    this.isInside = isInside
    this.writer = new SharedWriter(WORTH_A_THREAD, () => this.start(script))
    this.queue = this.writer.queue
    if (isLarge) this.start(script)
  }

  async conclude(question: Question): Promise<Answer> {
    this.writer.finish()
    if (this.worker === null || this.answer === null) return this.listen(question)
    this.worker.postMessage(question)
    return await this.answer
  }

  /** What to report of an error of the replay: where it is that the thread died, what it died of. */
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
    const worker = new Worker(script, {
      workerData: { memory: this.writer.memory, isInside: this.isInside, secret: chooseSecret() },
    })
    this.worker = worker
    this.answer = new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    // whoever asks will hear of it
    this.answer.catch(() => {})
  }

  /** The capture was too small for a thread. */
  private listen(question: Question): Answer {
    const { words, doubles, capacity, written } = this.queue
    const listener = new Listener(this.isInside)
    listener.take(words, doubles, capacity, 0, written)
    return listener.conclude(question)
  }
}
