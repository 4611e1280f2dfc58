// Signals: a live capture is reported as far as it was seen, anything else ends at once and leaves nothing half written.
import type { FrameSource } from '../../capture/frame.ts'
import type { Io, Signal } from './io.ts'

/** Milliseconds that a writer, who gets the same Ctrl-C, has to flush and close its end of the pipe. */
const GRACE = 1000

const NUMBERS: Record<Signal, number> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }

/** The run was ended by a signal and has nothing to say. */
export class Interrupted extends Error {
  override name = 'Interrupted'
  /** As the shell has it for a process that a signal ended. */
  readonly exitCode: number

  constructor(signal: Signal) {
    super(signal)
    this.exitCode = 128 + NUMBERS[signal]
  }
}

/** Listens to the signals of one run, from before its captures are opened until `stop()`. */
export class Interrupt {
  private readonly controller = new AbortController()
  private readonly unlisten: () => void
  /** What is being read; null before and after. */
  private source: FrameSource | null = null
  private timer: NodeJS.Timeout | null = null

  constructor(io: Io) {
    this.unlisten = io.onSignal(signal => this.take(signal))
  }

  /** Aborted with an Interrupted when a signal ends the run. */
  get ending(): AbortSignal {
    return this.controller.signal
  }

  /** From now on the first signal lets a live `source` be reported. */
  watch(source: FrameSource): void {
    this.source = source
  }

  /** To be called when all is read: from now on any signal ends the run. @throws Interrupted if one has */
  finish(): void {
    this.source = null
    this.ending.throwIfAborted()
  }

  /** What `work` comes to; where a signal ends the run first, it is not waited for any more. @throws Interrupted */
  async unlessEnded<T>(work: () => Promise<T>): Promise<T> {
    const { ending } = this
    ending.throwIfAborted()
    const ended = new Promise<never>((_resolve, reject) => {
      ending.addEventListener('abort', () => reject(ending.reason), { once: true })
    })
    return await Promise.race([work(), ended])
  }

  stop(): void {
    this.unlisten()
    if (this.timer !== null) clearTimeout(this.timer)
  }

  private take(signal: Signal): void {
    const { source } = this
    if (source !== null && this.timer === null && isLive(source)) {
      this.timer = setTimeout(() => void source.close(), GRACE)
      return
    }
    this.controller.abort(new Interrupted(signal))
    // nothing is left to be tidied up: the next signal ends the process itself, whatever it still waits for
    this.stop()
  }
}

/** Whether a pipe is among the captures: what comes out of it comes once. */
function isLive(source: FrameSource): boolean {
  return source.captures.some(capture => capture.size === 0)
}
