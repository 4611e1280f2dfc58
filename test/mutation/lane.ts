// A bench and whoever waits for it: what takes too long is ended, and a new bench takes its place.
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { Answer, Order } from './bench.ts'

export class Lane {
  private child: ChildProcess | null = null

  /** The bench's answer, or null when it gave none in so many milliseconds, or died. */
  async ask(order: Order, patience: number): Promise<Answer | null> {
    this.child ??= await startBench()
    const child = this.child
    return new Promise(resolve => {
      const give = (answer: Answer | null): void => {
        clearTimeout(timer)
        child.off('message', give).off('exit', lose)
        if (answer === null) this.close()
        resolve(answer)
      }
      const lose = (): void => give(null)
      const timer = setTimeout(lose, patience)
      child.once('message', give).once('exit', lose)
      child.send(order)
    })
  }

  /** Ends the bench, and the tests that it runs. */
  close(): void {
    const { child } = this
    this.child = null
    if (child?.pid === undefined) return
    child.disconnect()
    try {
      process.kill(-child.pid, 'SIGKILL')
    } catch {
      // it had ended
    }
  }
}

async function startBench(): Promise<ChildProcess> {
  const { CTPCAP_CORPUS: _, ...env } = process.env
  const child = fork(join(import.meta.dirname, 'bench.ts'), {
    execArgv: ['--import', 'tsx'],
    // leads a group of its own, so that its workers end with it
    detached: true,
    // a test that gives up waiting for a pipe leaves a thread of libuv's behind that waits
    env: { ...env, CI: 'true', UV_THREADPOOL_SIZE: '16' },
  })
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve())
    child.once('exit', code => reject(new Error(`the tests could not be loaded: exit code ${code}`)))
  })
  child.removeAllListeners('exit')
  return child
}
