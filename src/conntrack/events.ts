// The observer: how news leaves the engine. Numbers only, nothing allocated; columns of the entry stay readable meanwhile.

/** Why an entry left the table. */
export const CAUSE_TIMEOUT = 0
/** A RST answered a flow that had seen no reply (nf_ct_kill_acct() in nf_conntrack_tcp_packet()). */
export const CAUSE_RESET = 1
/** A SYN reopened a closed connection: deleted and looked up again. */
export const CAUSE_REOPENED = 2
/** Evicted by early_drop() for a new entry. */
export const CAUSE_EARLY_DROP = 3
/** Evicted by the gc worker because the table was 95 % full. */
export const CAUSE_GC_EARLY_DROP = 4
/** Somebody deleted it: its tuple goes on with another translation (ctnetlink_del_conntrack()). */
export const CAUSE_DELETED = 5

export const CAUSE_NAMES = ['timeout', 'reset', 'reopened', 'early_drop', 'gc_early_drop', 'deleted'] as const

/**
 * Listens to an engine. `ct` is an entry of `engine.table`; `time` is nanoseconds of capture time.
 * The order of calls for one packet is the kernel's order of events.
 */
export interface Observer {
  /** The entry was confirmed: NEW. Its packet's state, bits and timeout are all in the columns. */
  created(ct: number, time: number): void
  /** UPDATE: `events` are the IPCT_* bits that one packet (or several, if earlier ones were refused) gathered. */
  updated(ct: number, events: number, time: number): void
  /** The entry's occupancy class (table.ts, occupancyClass) changed from `before` to `after`. Follows `created`. */
  reclassified(ct: number, before: number, after: number, time: number): void
  /** The entry's timeout passed at `time`; it is no longer live, but sits in the table until it is collected. */
  expired(ct: number, time: number): void
  /** The entry leaves the table: DESTROY. An expired one was reported to `expired` before. */
  destroyed(ct: number, cause: number, time: number): void
}
