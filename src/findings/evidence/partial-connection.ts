// Whether a packet is INVALID by what the capture lacks of its connection, and not by the connection.

import { DIRECTION_ORIGINAL } from '../../conntrack/status.ts'
import { TCP_ACK, TCP_SYN } from '../../net/numbers.ts'
import { LEG_SYN, LEG_SYN_ACK, SIDE_PACKETS } from './leg-layout.ts'
import type { Legs } from './legs.ts'

/**
 * Whether a TCP packet is INVALID because its connection is not whole here: what it goes on with was not captured.
 * @param key the packet's, -1 for none
 */
export function isPartial(legs: Legs, key: number, flags: number): boolean {
  if (key < 0) return false
  let hasStart = false
  let hasReply = false
  for (let leg = legs.firstOf(key >> 1); leg >= 0; leg = legs.next(leg)) {
    hasStart ||= legs.has(leg, LEG_SYN)
    hasReply ||= legs.has(leg, LEG_SYN_ACK) || legs.side(leg, 1, SIDE_PACKETS) > 0
  }
  const goesOn = (key & 1) === DIRECTION_ORIGINAL && (flags & (TCP_SYN | TCP_ACK)) === TCP_ACK
  return !hasStart || (!hasReply && goesOn)
}
