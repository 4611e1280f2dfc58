// Frames no faster than what is made of them can be written, and for as long as somebody reads it.
import type { CaptureFile, CaptureInterface, Frame, FrameSource } from '../capture/frame.ts'

/** What is written to as frames are read. */
export interface Pace {
  /** Whether nobody reads on, so that no more frames are wanted. */
  readonly closed: boolean
  /** Hands over what was gathered. */
  flush(): void
  /** Resolves when more may be written. */
  drained(): Promise<void>
}

export class PacedSource implements FrameSource {
  private readonly source: FrameSource
  private readonly output: Pace

  constructor(source: FrameSource, output: Pace) {
    this.source = source
    this.output = output
  }

  get captures(): readonly CaptureFile[] {
    return this.source.captures
  }

  get interfaces(): readonly CaptureInterface[] {
    return this.source.interfaces
  }

  get epoch(): bigint {
    return this.source.epoch
  }

  next(): Frame | null {
    return this.output.closed ? null : this.source.next()
  }

  /** Before waiting for input, what there is to show is shown: the capture may be live. */
  async fill(): Promise<boolean> {
    this.output.flush()
    await this.output.drained()
    return !this.output.closed && this.source.fill()
  }

  close(): Promise<void> {
    return this.source.close()
  }
}
