// The kinds of records in a queue: the low byte of a record's first word. Who writes a kind has its layout.

/** A packet as one point saw it; what was seen of it at all points; an earlier sighting of a late one (findings/sight.ts). */
export const RECORD_SIGHT = 1
export const RECORD_PASSED = 2
export const RECORD_LATE = 3
/** An ICMP error: nobody listens at the port (findings/sight.ts). */
export const RECORD_UNREACHABLE = 4
/** An entry of the table begins, or ends (sizing/owner-record.ts). */
export const RECORD_ENTERED = 5
export const RECORD_LEFT = 6

/** Where are the packets of an entry seen? (findings/whereabouts.ts) */
export const RECORD_QUESTION = 7

/** One more sighting of a packet on the same side of a host (findings/sight.ts). */
export const RECORD_REPEATED = 8

export const RECORD_TYPE_MASK = 0xff
