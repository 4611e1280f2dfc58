// Which of two first packets of one connection made its entry, when both were under way at once (nf_ct_resolve_clash()).
import { PACKET_OUTGOING } from '../net/numbers.ts'
import type { Sightings } from './record/sighting.ts'

/** How far apart in time two packets may come in and still meet in the stack, in nanoseconds. */
export const RACE_TIME = 100_000
/** Closer stamps than this tell no order. */
const GRAIN = 1000

/** Whether two translated packets came with one tuple and left with two. */
export function areRivals(a: Sightings, b: Sightings): boolean {
  return (
    b.translated !== 0 &&
    a.protocol === b.protocol &&
    a.isSameTuple(a.before, b, b.before) &&
    !a.isSameTuple(a.after, b, b.after)
  )
}

/**
 * Whether `second` was confirmed before `first`: it came closer to the last hook first; of simultaneous ones it left
 * later, for the winner sends an event before it goes on and the loser has none to send.
 */
export function overtakes(second: Sightings, first: Sightings): boolean {
  const lead = lastIn(first) - lastIn(second)
  if (Math.abs(lead) > GRAIN) return lead > 0
  return firstOut(second) > firstOut(first)
}

function lastIn(sightings: Sightings): number {
  let time = sightings.time(sightings.before)
  for (let i = 0; i < sightings.count; i++)
    if (!hasLeft(sightings, i)) time = Math.max(time, sightings.time(i))
  return time
}

function firstOut(sightings: Sightings): number {
  let time = Number.POSITIVE_INFINITY
  for (let i = 0; i < sightings.count; i++)
    if (hasLeft(sightings, i)) time = Math.min(time, sightings.time(i))
  return time
}

function hasLeft(sightings: Sightings, index: number): boolean {
  return (
    sightings.packetType(index) === PACKET_OUTGOING || sightings.ttl(index) < sightings.ttl(sightings.before)
  )
}
