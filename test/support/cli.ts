// Runs the program inside the test with streams that keep what was written.
import { Writable } from 'node:stream'
import type { Io, Output, Signal, StandardDescriptors } from '../../src/cli/io/io.ts'
import { run } from '../../src/cli/run.ts'

export class CapturedOutput extends Writable implements Output {
  text = ''
  isTTY?: boolean
  columns?: number

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString()
    done()
  }
}

export interface CliOptions {
  env?: Record<string, string>
  /** Whether both streams are a terminal of 100 columns. */
  terminal?: boolean
}

export class Cli implements Io {
  readonly stdout: Output & CapturedOutput = new CapturedOutput()
  readonly stderr: Output & CapturedOutput = new CapturedOutput()
  readonly env: Record<string, string | undefined>
  descriptors: StandardDescriptors | null = null
  readonly threads = null
  private readonly listeners = new Set<(signal: Signal) => void>()

  constructor(options: CliOptions = {}) {
    this.env = options.env ?? {}
    if (!options.terminal) return
    for (const stream of [this.stdout, this.stderr]) {
      stream.isTTY = true
      stream.columns = 100
    }
  }

  onSignal(listener: (signal: Signal) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Sends a signal to whoever listens; returns how many did. */
  signal(signal: Signal): number {
    const listeners = [...this.listeners]
    for (const listener of listeners) listener(signal)
    return listeners.length
  }

  /** How many still listen to signals. */
  get listening(): number {
    return this.listeners.size
  }
}

/** Runs the program and resolves to its exit code and its output. */
export async function runCli(
  args: string[],
  options?: CliOptions,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const cli = new Cli(options)
  const code = await run(args, cli)
  return { code, stdout: cli.stdout.text, stderr: cli.stderr.text }
}
