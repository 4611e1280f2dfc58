// Connections whose addresses and ports belong to another at the same time: two hosts, networks or VLANs in one table.

import type { FrameReference } from '../facts/facts.ts'
import { LEG_FIN, LEG_FIN_BACK, LEG_RST, LEG_SYN, SYN_FRAME, SYN_SOURCE_MAC } from './leg-layout.ts'
import type { Legs } from './legs.ts'
import type { Observation } from './observation.ts'

/** Whose host has gone would not be back within it, in nanoseconds. */
const AT_ONCE = 1e9
const NAMED = 5

export class TwoLives {
  /** SYNs that cannot be of the client whose connection was going on. */
  count = 0
  /** The SYN of the one and of the other, of the first few. */
  readonly frames: FrameReference[] = []
  private readonly legs: Legs

  constructor(legs: Legs) {
    this.legs = legs
  }

  /** A SYN with a number of its own, on a flow that had one; the leg still tells of that. */
  reopened(leg: number, seen: Observation): void {
    const { legs } = this
    const hasEnded = legs.has(leg, LEG_RST) || (legs.has(leg, LEG_FIN) && legs.has(leg, LEG_FIN_BACK))
    if (!legs.has(leg, LEG_SYN) || hasEnded || seen.time - legs.time(leg) > AT_ONCE) return
    if (!this.isOther(leg, seen)) return
    this.count++
    if (this.frames.length >= NAMED * 2) return
    this.frames.push({ capture: legs.capture(leg), frame: legs.get(leg, SYN_FRAME) })
    this.frames.push({ capture: seen.capture, frame: seen.frame })
  }

  /** Whether another station sent it, as far from here as the first; or it came in another VLAN. */
  private isOther(leg: number, seen: Observation): boolean {
    const { legs } = this
    if (legs.openingVlan(leg) !== seen.vlan) return true
    const station = legs.get(leg, SYN_SOURCE_MAC)
    const isSameHop = legs.openingTtl(leg, 0) === seen.ttl
    return isSameHop && station !== 0 && seen.sourceMac !== 0 && station !== seen.sourceMac
  }
}
