// Captures that show one packet in the tables of several hosts or network namespaces: it left one, and came in to another.
import { PACKET_OUTGOING } from '../net/numbers.ts'
import type { Sightings } from './record/sighting.ts'

/** Two frames of one packet, as the captures of two hosts or network namespaces show it. */
export interface Passage {
  /** Place among the captures, and the frame there. */
  from: { capture: number; frame: number }
  to: { capture: number; frame: number }
}

export class OtherTables {
  /** Packets that passed more than one table. */
  count = 0
  /** The first of them. */
  first: Passage | null = null

  /** Takes a packet with all its sightings. */
  take(sightings: Sightings): void {
    const { count } = sightings
    for (let to = 1; to < count; to++) {
      for (let from = 0; from < to; from++) {
        if (sightings.capture(from) === sightings.capture(to)) continue
        const isBetween = isOneFrame(sightings, from, to) || isRoutedTwice(sightings, from, to)
        if (!isBetween) continue
        this.note(sightings, from, to)
        return
      }
    }
  }

  private note(sightings: Sightings, a: number, b: number): void {
    this.count++
    if (this.first !== null) return
    const isTurned = sightings.ttl(a) < sightings.ttl(b) || sightings.packetType(b) === PACKET_OUTGOING
    const [from, to] = isTurned ? [b, a] : [a, b]
    this.first = {
      from: { capture: sightings.capture(from), frame: sightings.frame(from) },
      to: { capture: sightings.capture(to), frame: sightings.frame(to) },
    }
  }
}

/**
 * Whether what one capture saw going out is what the other saw coming in: the other end of a wire, or of a veth pair.
 * What a bridge passes on comes in first and goes out with TTL and station as they were: in files of one host, cut
 * between the two, the one that goes out is later.
 */
function isOneFrame(sightings: Sightings, a: number, b: number): boolean {
  const one = sightings.packetType(a)
  const other = sightings.packetType(b)
  if (one === UNKNOWN || other === UNKNOWN) return false
  if ((one === PACKET_OUTGOING) === (other === PACKET_OUTGOING)) return false
  const out = one === PACKET_OUTGOING ? a : b
  const came = out === a ? b : a
  if (sightings.time(out) > sightings.time(came)) return false
  return (
    sightings.ttl(a) === sightings.ttl(b) &&
    sightings.sourceMacHash(a) === sightings.sourceMacHash(b) &&
    sightings.sourceMacHash(a) !== 0 &&
    sightings.sameSource(a, b) &&
    sightings.sameDestination(a, b)
  )
}

const UNKNOWN = -1

/** Whether more than one router lay between. */
function isRoutedTwice(sightings: Sightings, a: number, b: number): boolean {
  return Math.abs(sightings.ttl(a) - sightings.ttl(b)) > 1
}
