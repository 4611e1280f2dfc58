// What conntrack says of a packet (ctinfo) and keeps of an entry (IPS_* bits, events): uapi nf_conntrack_common.h.

/** States of a packet, as `ct state` and the kernel's ctinfo know them. */
export const STATE_NEW = 0
export const STATE_ESTABLISHED = 1
export const STATE_RELATED = 2
export const STATE_INVALID = 3
export const STATE_UNTRACKED = 4
/** The table was full (or a reopened entry could not go): the packet is dropped. */
export const STATE_DROPPED = 5

export const STATE_NAMES = ['new', 'established', 'related', 'invalid', 'untracked', 'dropped'] as const

/** The name of a STATE_* code. */
export function nameOfState(state: number): (typeof STATE_NAMES)[number] {
  return STATE_NAMES[state]
}

export const DIRECTION_ORIGINAL = 0
export const DIRECTION_REPLY = 1
export const DIRECTION_NAMES = ['original', 'reply'] as const

/** Status bits of an entry; values as in the kernel's enum ip_conntrack_status. */
export const IPS_EXPECTED = 1 << 0
export const IPS_SEEN_REPLY = 1 << 1
export const IPS_ASSURED = 1 << 2
export const IPS_CONFIRMED = 1 << 3
export const IPS_SRC_NAT = 1 << 4
export const IPS_DST_NAT = 1 << 5
/** Whether it is translated at all. */
export const IPS_NAT_MASK = IPS_SRC_NAT | IPS_DST_NAT
/** Its source and its destination are settled, translated or not: no rule is asked any more. */
export const IPS_SRC_NAT_DONE = 1 << 7
export const IPS_DST_NAT_DONE = 1 << 8
export const IPS_NAT_DONE_MASK = IPS_SRC_NAT_DONE | IPS_DST_NAT_DONE
export const IPS_DYING = 1 << 9
export const IPS_FIXED_TIMEOUT = 1 << 10
export const IPS_NAT_CLASH = 1 << 12
export const IPS_HELPER = 1 << 13
/** Ours: four bits each for the number of its helper, and for that of the helper whose flow announced it; 0 for none. */
export const HELPER_SHIFT = 16
export const MASTER_HELPER_SHIFT = 20
export const MASTER_HELPER_MASK = 0xf << MASTER_HELPER_SHIFT
/** Ours: the timeout has passed, the entry waits for a lookup or the collector to meet it. */
export const STATUS_EXPIRED = 1 << 30

/** Event bits cached on an entry until its packet leaves; values as in enum ip_conntrack_events. */
export const IPCT_NEW = 1 << 0
export const IPCT_DESTROY = 1 << 2
export const IPCT_REPLY = 1 << 3
export const IPCT_ASSURED = 1 << 4
export const IPCT_PROTOINFO = 1 << 5
export const IPCT_SEQADJ = 1 << 8
