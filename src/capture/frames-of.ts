// Frames of another source: what hands out some of them, or hands them out otherwise, says how and leaves the rest as it is.
import type { CaptureFile, CaptureInterface, Frame, FrameSource } from './frame.ts'

export abstract class FramesOf implements FrameSource {
  protected readonly source: FrameSource

  constructor(source: FrameSource) {
    this.source = source
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

  abstract next(): Frame | null

  fill(): Promise<boolean> {
    return this.source.fill()
  }

  close(): Promise<void> {
    return this.source.close()
  }
}
