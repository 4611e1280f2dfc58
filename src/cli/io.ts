// The process as a command sees it: its streams, its environment, its signals; tests bring their own.
import { availableParallelism } from 'node:os'
import type { Writable } from 'node:stream'
import { OutputError } from './output-file.ts'

/** A stream that may be a terminal. */
export type Output = Writable & { isTTY?: boolean; columns?: number }

export interface Io {
  stdout: Output
  stderr: Output
  env: Record<string, string | undefined>
  /** What a second thread may run; null where there is to be none. */
  threads: ThreadScripts | null
  /** Calls `listener` on SIGINT and SIGTERM until the returned function is called. */
  onSignal(listener: (signal: Signal) => void): () => void
}

export type Signal = 'SIGINT' | 'SIGTERM'

/** The built src/owners.ts and src/scenarios.ts. */
export interface ThreadScripts {
  owners: URL
  scenarios: URL
}

/** What the process itself offers. */
export function processIo(threads: ThreadScripts): Io {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    // two threads on one processor only get in each other's way
    threads: availableParallelism() > 1 ? threads : null,
    onSignal(listener) {
      process.on('SIGINT', listener)
      process.on('SIGTERM', listener)
      return () => {
        process.off('SIGINT', listener)
        process.off('SIGTERM', listener)
      }
    },
  }
}

/** Writes a text and waits until it is out; a reader that has gone away (EPIPE) is no error. @throws OutputError */
export function writeText(stream: Output, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error | null): void => {
      const gone = (error as NodeJS.ErrnoException | null | undefined)?.code === 'EPIPE'
      if (error && !gone) reject(new OutputError('standard output', error))
      else resolve()
    }
    // the callback reports the failure; the event would end the process
    stream.once('error', settle)
    stream.write(text, error => {
      if (!error) stream.off('error', settle)
      settle(error)
    })
  })
}
