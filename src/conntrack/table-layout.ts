// The words of a key and of an entry of the connection table (table.ts), and where they stand.

// A connection is an integer `ct`; its two keys are `ct * 2 + direction`. What a packet touches lies together, a cache
// line for both keys and two for the entry: with a column (one array) per field, tracking took 1.9 times as long on
// 4.0 million packets of 20,000 interleaved connections.

/** Words of a key in `keys`, which starts at `key << KEY_SHIFT`. */
export const KEY_SHIFT = 3
/** Addresses: IPv4 itself, or a fold of the IPv6 words. */
export const KEY_SOURCE = 0
export const KEY_DESTINATION = 1
export const KEY_PORTS = 2
/** Protocol | zone << 8 | KIND_IPV6. */
export const KEY_KIND = 3
/** Next key of the same bucket, -1 at the end. */
export const KEY_NEXT = 4
export const KEY_PACKETS = 5
/** Bytes are a double in the last two words: `keyBytes[(key << 2) + KEY_BYTES]`. */
export const KEY_BYTES = 3

/** Words of an entry in `entries`, which starts at `ct << ENTRY_SHIFT`. */
export const ENTRY_SHIFT = 5
/** IPS_* and STATUS_EXPIRED. */
export const STATUS = 0
/** Jiffy at which the entry ends; jiffies it will get, as long as it is not confirmed. */
export const TIMEOUT = 1
/** The jiffy the entry is filed under in the wheel (wheel.ts). */
export const WHEEL_DUE = 2
/** IPCT_* gathered for the end of the packet. */
export const EVENTS = 3
/** Of an expired entry, which needs neither of those two any more: the key before each of its keys in its bucket, or -1. */
export const EXPIRED_PREVIOUS = WHEEL_DUE
/** TCP or SCTP state; 0 for the other trackers. */
export const STATE = 4
/** Five words for the tracker's small fields. */
export const TRACKER = 5
/** Capture time of the last packet counted, a double: `entryTimes[(ct << 4) + LAST_TIME]`. */
export const LAST_TIME = 5
/** Table.record() */
export const RECORD = 12
/** MET_*: rules on which kernels differ that a packet of the entry has met. */
export const MET = 13
/** The occupancyClass() last reported (occupancy-class.ts). */
export const OCCUPANCY = 14
/** Slot of the IPv6 addresses, -1 for IPv4; the next free entry in a free one. */
export const WIDE = 15
/** Sixteen words for the tracker. */
export const PROTO = 16
