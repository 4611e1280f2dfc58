// One capture as a source of frames: its reader's time is the replay's time.

import type { Reader } from '../formats/reader.ts'
import type { CaptureFile, CaptureInterface, Frame, FrameSource } from '../frame.ts'

export class SingleSource implements FrameSource {
  private readonly reader: Reader
  readonly interfaces: readonly CaptureInterface[]
  readonly captures: readonly CaptureFile[]

  constructor(reader: Reader, interfaces: readonly CaptureInterface[]) {
    this.reader = reader
    this.interfaces = interfaces
    this.captures = [reader.file]
  }

  get epoch(): bigint {
    return this.reader.file.epoch ?? 0n
  }

  next(): Frame | null {
    return this.reader.next()
  }

  fill(): Promise<boolean> {
    return this.reader.fill()
  }

  close(): Promise<void> {
    return this.reader.close()
  }
}
