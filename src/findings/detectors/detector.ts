// The contract of what finds things out: which occurrences a detector hears, and when it speaks.
import type { Budget } from '../evidence/budget.ts'
import type { Observation } from '../evidence/observation.ts'
import type { Case } from '../facts/collector.ts'
import type { Facts, FindingId } from '../facts/facts.ts'

/**
 * A detector of single flows. It hears of what is out of the ordinary, never of a plain segment, and remembers what it
 * needs in the leg, or in a list of a set length. What it finds goes to the collector as facts.
 */
export interface Detector {
  readonly ids: readonly FindingId[]
  /** The first datagram of a flow. */
  firstDatagram?(leg: number, seen: Observation): void
  /** A datagram of a flow that began with a DNS query; the leg does not know of it yet. */
  dns?(leg: number, seen: Observation): void
  /** Whether the packet that was told of last, of a flow with DNS, was seen to leave the host. */
  passed?(leg: number, hasLeft: boolean): void
  /** A SYN begins another connection of the same addresses and ports; the leg still tells of the last one. */
  reopened?(leg: number, seen: Observation): void
  /** A SYN or SYN-ACK; `isFirst` tells whether it is the first of its connection here. */
  opening?(leg: number, seen: Observation, isFirst: boolean): void
  /** A segment other than SYN-ACK comes from a server that has not accepted the connection. */
  challenged?(leg: number, seen: Observation): void
  /** A RST; the leg has not been marked with it yet. */
  reset?(leg: number, direction: number, seen: Observation): void
  /**
   * A leg goes, or the capture ends: its connection is over. Of a sound one (Legs.isSound) nobody hears who does not
   * say so.
   * @param now time of the last packet
   */
  ended?(leg: number, now: number): void
  readonly hearsSound?: boolean
  /** The same of every leg, sound ones included, before ended(): for who counts them, which has to cost next to nothing. */
  counted?(leg: number): void
  /** The last packet, at `now`, is in, and every leg has ended. */
  conclude?(now: number): void
  /** What it found without a case of it; asked for after all have concluded. */
  facts?(): Facts[]
  /** What its searches may look at. */
  readonly budget?: Budget
}

/** What is made of one row of facts: which finding it is, how sure that is, and why. */
export type Judgement = Pick<Case, 'id' | 'severity' | 'confidence' | 'reason'>
