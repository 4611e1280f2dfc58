// A count of frames with the first few of them: what every list of frames in a report is made from.
import type { Packet } from '../../packet/packet.ts'
import type { FrameReference } from './facts.ts'

/** Frames named of each group: enough to look at, few enough for one line. */
const NAMED = 5

export class FrameGroup {
  count = 0
  /** The first of the frames. */
  readonly frames: FrameReference[] = []

  add(packet: Packet): void {
    this.count++
    if (this.frames.length < NAMED) this.frames.push({ capture: packet.capture, frame: packet.frame })
  }
}
