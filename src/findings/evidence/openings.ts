// SYNs of connections: the frame that shows one, and whether two legs began with the same.
import type { FrameReference } from '../facts/facts.ts'
import { LEG_SYN, SYN_FRAME, SYN_SEQUENCE } from './leg-layout.ts'
import type { Legs } from './legs.ts'

export function openingFrame(legs: Legs, leg: number): FrameReference {
  return { capture: legs.capture(leg), frame: legs.get(leg, SYN_FRAME) }
}

export function isSameSyn(legs: Legs, a: number, b: number): boolean {
  return legs.has(b, LEG_SYN) && legs.get(a, SYN_SEQUENCE) === legs.get(b, SYN_SEQUENCE)
}
