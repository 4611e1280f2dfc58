// The first frames of a source: enough to see what a capture is about.
import type { Frame, FrameSource } from '../../capture/frame.ts'
import { FramesOf } from '../../capture/frames-of.ts'

export class FirstFrames extends FramesOf {
  private left: number

  /** @param count frames to hand out */
  constructor(source: FrameSource, count: number) {
    super(source)
    this.left = count
  }

  next(): Frame | null {
    if (this.left === 0) return null
    const frame = this.source.next()
    if (frame !== null) this.left--
    return frame
  }

  override async fill(): Promise<boolean> {
    return this.left > 0 && this.source.fill()
  }
}
