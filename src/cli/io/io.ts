// The process as a command sees it: its streams, its environment, its signals; tests bring their own.
import { fstatSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { Writable } from 'node:stream'
import { isatty } from 'node:tty'
import { DescriptorStream } from './descriptor-stream.ts'
import { OutputError } from './output-error.ts'

/** A stream that may be a terminal. */
export type Output = Writable & { isTTY?: boolean; columns?: number }

export interface Io {
  stdout: Output
  stderr: Output
  env: Record<string, string | undefined>
  /** Descriptors of the standard streams, which a shell may have redirected to files; null where they have none. */
  descriptors: StandardDescriptors | null
  /** What a second thread may run; null where there is to be none. */
  threads: ThreadScripts | null
  /** Calls `listener` on each Signal until the returned function is called. */
  onSignal(listener: (signal: Signal) => void): () => void
}

export interface StandardDescriptors {
  stdin: number
  stdout: number
  stderr: number
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
export type Signal = (typeof SIGNALS)[number]

/** The built src/owners.ts and src/scenarios.ts. */
export interface ThreadScripts {
  owners: URL
  scenarios: URL
}

/** What the process itself offers. */
export function processIo(threads: ThreadScripts): Io {
  return {
    stdout: standardOutput(),
    stderr: process.stderr,
    env: process.env,
    descriptors: { stdin: 0, stdout: 1, stderr: 2 },
    // two threads on one processor only get in each other's way
    threads: availableParallelism() > 1 ? threads : null,
    onSignal(listener) {
      for (const signal of SIGNALS) process.on(signal, listener)
      return () => {
        for (const signal of SIGNALS) process.off(signal, listener)
      }
    },
  }
}

function standardOutput(): Output {
  const stats = fstatSync(1)
  return stats.isFIFO() || stats.isSocket() || isatty(1) ? process.stdout : new DescriptorStream(1, false)
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
