// What other kernels make of the packets of a finding's connections, which were replayed as those do.
import type { FrameReference } from './facts.ts'

/** Packets of which one kernel says INVALID and the other not. */
export interface Judged {
  count: number
  /** The first few. */
  frames: readonly FrameReference[]
}

export interface KernelTrial {
  /** The releases that judge so, neighbours and oldest first. */
  releases: readonly string[]
  /** Packets that are INVALID there and pass as replayed. */
  refused: Judged
  /** Packets that pass there and are INVALID as replayed. */
  passed: Judged
}
