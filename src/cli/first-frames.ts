// The first frames of a source: enough to see what a capture is about.
import type { CaptureFile, CaptureInterface, Frame, FrameSource } from '../capture/frame.ts'

export class FirstFrames implements FrameSource {
  private readonly source: FrameSource
  private left: number

  /** @param count frames to hand out */
  constructor(source: FrameSource, count: number) {
    this.source = source
    this.left = count
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
    if (this.left === 0) return null
    const frame = this.source.next()
    if (frame !== null) this.left--
    return frame
  }

  async fill(): Promise<boolean> {
    return this.left > 0 && this.source.fill()
  }

  close(): Promise<void> {
    return this.source.close()
  }
}
