// What became of one packet of a finding: who saw it in which order, and what conntrack made of it. For diagrams.
import type { EndReport } from './finding-model.ts'

/** One frame that shows the packet. */
export interface StorySighting {
  capture: number
  frame: number
  /** Name of the observation point. */
  point: string
  source: EndReport
  destination: EndReport
}

export interface PacketStory {
  /** `SYN`, `SYN-ACK`, `data`; of other protocols their name. */
  what: string
  /** Nanoseconds since the first frame of the replay. */
  time: number
  /** In the order of their times. */
  sightings: StorySighting[]
  /** The sighting behind which conntrack's first hook comes. */
  before: number
  /** Whether the first frame was on its way out: conntrack had met the packet before. */
  isOutgoing: boolean
  /** Why conntrack did not meet it, or `''`. */
  unmet: string
  /** `NEW, SYN_SENT`, `INVALID: invalid rst`: what conntrack made of it; `''` where it did not meet it. */
  verdict: string
  isReply: boolean
  isInvalid: boolean
}
