// What a condition asks of a packet: an answer is as good for every packet that is the same in that.

export const ASKS_SOURCE = 1 << 0
export const ASKS_DESTINATION = 1 << 1
export const ASKS_SOURCE_PORT = 1 << 2
export const ASKS_DESTINATION_PORT = 1 << 3
export const ASKS_TCP_FLAGS = 1 << 4
/** Bits of its entry's status, the tuples of its entry. */
export const ASKS_STATUS = 1 << 5
export const ASKS_TUPLES = 1 << 6
/** What differs from packet to packet of a flow, so that an answer is good for one alone: length, TTL, TOS, turns. */
export const ASKS_PACKET = 1 << 7
/**
 * Everything else, which is known of any packet: protocol, state, direction, interfaces, marks, what routes say of its
 * addresses, and whether a chain has rules for its destination.
 */
export const ASKS_KIND = 0
export const ASKS_ALL = (1 << 7) - 1
