// From the sightings of a packet to its translation: the tuple in front of conntrack's first hook, and behind the last.
import { PACKET_OUTGOING } from '../net/numbers.ts'
import type { ForwardingTable } from './forwarding.ts'
import { type Sightings, TRANSLATED_DESTINATION, TRANSLATED_SOURCE } from './record/sighting.ts'

/** Finds `before`, `after` and what was translated between them. */
export function pair(sightings: Sightings, forwarding: ForwardingTable): void {
  if (sightings.count === 1) return
  sightings.before = findBefore(sightings, forwarding)
  sightings.after = sightings.before
  let most = 0
  for (let i = 0; i < sightings.count; i++) {
    const changed = changesBetween(sightings, sightings.before, i)
    // a hairpin is translated in two steps, and a bridge in promiscuous mode shows the first of them once more behind
    if (weightOf(changed) <= most) continue
    most = weightOf(changed)
    sightings.after = i
    sightings.translated = changed
  }
}

/** TRANSLATED_* bits: what differs between two sightings. */
export function changesBetween(sightings: Sightings, a: number, b: number): number {
  return (
    (sightings.sameSource(a, b) ? 0 : TRANSLATED_SOURCE) |
    (sightings.sameDestination(a, b) ? 0 : TRANSLATED_DESTINATION)
  )
}

const weightOf = (changed: number): number => (changed & 1) + (changed >> 1)

/**
 * The first sighting. Of simultaneous ones that with the higher TTL, what comes in before what goes out, and the port
 * that the sender is behind before the bridge; across captures, whose clocks may differ, the TTL decides before the time.
 */
function findBefore(sightings: Sightings, forwarding: ForwardingTable): number {
  let before = 0
  for (let i = 1; i < sightings.count; i++) {
    const isTie = sightings.time(i) === sightings.time(before)
    if (!isTie && sightings.capture(i) === sightings.capture(before)) continue
    const order = compareHops(sightings, i, before)
    if (order < 0) before = i
    else if (order === 0 && isTie && isFirstPort(sightings, i, before, forwarding)) before = i
  }
  return before
}

/** Below 0: `a` was seen on an earlier stretch of the packet's way than `b`; 0: nobody knows. */
function compareHops(sightings: Sightings, a: number, b: number): number {
  if (sightings.ttl(a) !== sightings.ttl(b)) return sightings.ttl(b) - sightings.ttl(a)
  const aLeaves = sightings.packetType(a) === PACKET_OUTGOING
  const bLeaves = sightings.packetType(b) === PACKET_OUTGOING
  return Number(aLeaves) - Number(bLeaves)
}

function isFirstPort(sightings: Sightings, a: number, b: number, forwarding: ForwardingTable): boolean {
  const isBehindA = forwarding.isBehind(sightings.sourceMacHash(a), sightings.point(a))
  return isBehindA && !forwarding.isBehind(sightings.sourceMacHash(b), sightings.point(b))
}
