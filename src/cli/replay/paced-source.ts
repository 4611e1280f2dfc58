// Frames no faster than what is made of them can be written, and for as long as somebody reads it.
import type { Frame, FrameSource } from '../../capture/frame.ts'
import { FramesOf } from '../../capture/frames-of.ts'

/** What is written to as frames are read. */
export interface Pace {
  /** Whether nobody reads on, so that no more frames are wanted. */
  readonly closed: boolean
  /** Hands over what was gathered. */
  flush(): void
  /** Resolves when more may be written. */
  drained(): Promise<void>
}

export class PacedSource extends FramesOf {
  private readonly output: Pace

  constructor(source: FrameSource, output: Pace) {
    super(source)
    this.output = output
  }

  next(): Frame | null {
    return this.output.closed ? null : this.source.next()
  }

  /** Before waiting for input, what there is to show is shown: the capture may be live. */
  override async fill(): Promise<boolean> {
    this.output.flush()
    await this.output.drained()
    return !this.output.closed && this.source.fill()
  }
}
