// Ctrl-C: a live capture is reported as far as it was seen, anything else ends quietly.
import type { FrameSource } from '../capture/frame.ts'
import type { Io, Signal } from './io.ts'

/** Milliseconds that a writer, who gets the same Ctrl-C, has to flush and close its end of the pipe. */
const GRACE = 1000

const NUMBERS: Record<Signal, number> = { SIGINT: 2, SIGTERM: 15 }

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
  /** The signal that came, or null. */
  signal: Signal | null = null
  private readonly opening = new AbortController()
  private readonly unlisten: () => void
  private source: FrameSource | null = null
  private timer: NodeJS.Timeout | null = null

  constructor(io: Io) {
    this.unlisten = io.onSignal(signal => this.take(signal))
  }

  /** Aborted with an Interrupted when a signal comes before `watch()`: for openCaptures(). */
  get beforeOpen(): AbortSignal {
    return this.opening.signal
  }

  /** From now on a signal ends the reading of `source`. */
  watch(source: FrameSource): void {
    this.source = source
  }

  /** To be called when all is read. @throws Interrupted unless what was interrupted is a live capture */
  finish(): void {
    if (this.signal !== null && (this.source === null || !isLive(this.source)))
      throw new Interrupted(this.signal)
  }

  stop(): void {
    this.unlisten()
    if (this.timer !== null) clearTimeout(this.timer)
  }

  private take(signal: Signal): void {
    const again = this.signal !== null
    this.signal = signal
    const source = this.source
    if (source === null) this.opening.abort(new Interrupted(signal))
    else if (again || !isLive(source)) void source.close()
    else this.timer = setTimeout(() => void source.close(), GRACE)
  }
}

/** Whether a pipe is among the captures: what comes out of it comes once. */
function isLive(source: FrameSource): boolean {
  return source.captures.some(capture => capture.size === 0)
}
