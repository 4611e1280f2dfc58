// What became of a packet, and what rules did to the first one of an entry.
import type { HelperName } from '../../conntrack/helper-assignment.ts'
import type { Redirection } from '../../conntrack/passage.ts'
import type { CtState } from '../rules/subject.ts'

/** What became of a packet. */
export const FATES = ['delivered', 'forwarded', 'sent', 'dropped', 'rejected', 'bridged', 'unknown'] as const
export type Fate = (typeof FATES)[number]

/** A packet's end. */
export interface End {
  fate: Fate
  /** The rule or policy that decided, by its number; -1 where none did. */
  decided: number
  /** Why the host's stack dropped it, or `''`. */
  why: string
  /** Whether it may have left the stack: then its entry counts as confirmed. */
  mayLeave: boolean
  /** Whether it was refused, or may have been; with a RST. */
  isRefused: boolean
  isReset: boolean
  /** Whether it left the stack all the same: what the host sends to itself is confirmed before it comes in. */
  isConfirmed: boolean
  /** The connection's mark behind it; null where nobody knows. */
  connMark: number | null
  /** The helper that rules assigned to the entry it made, all of them together; null for none, or where nobody knows. */
  helper: HelperName | null
  /** What rules made of an entry's first packet where no capture shows it; null for nothing. */
  nat: FirstNat | null
}

/** What rules did to the first packet of an entry. */
export interface FirstNat {
  /** IPS_DST_NAT and IPS_SRC_NAT. */
  bits: number
  /** Where it was sent; null where nobody knows, or where it stayed. */
  destination: Int32Array | null
  port: number
  /** The same for an entry, where the destination is known. */
  redirection: Redirection | null
}

/** How the packet's entry is translated, where that was seen: what the first packet left with. */
export interface SeenNat {
  bits: number
  destination: Int32Array
  destinationPort: number
  source: Int32Array
  sourcePort: number
}

/** Nobody knows. */
export const NOWHERE: End = {
  fate: 'unknown',
  decided: -1,
  why: '',
  mayLeave: true,
  isRefused: false,
  isReset: false,
  isConfirmed: false,
  connMark: null,
  helper: null,
  nat: null,
}

/** It was seen leaving, whatever rules say. */
export const FORWARDED: End = { ...NOWHERE, fate: 'forwarded' }

/** What rules call a STATE_*, in the order of those. */
export const STATES: readonly CtState[] = ['new', 'established', 'related', 'invalid', 'untracked']

/** Where rules sent a first packet whose way on is not seen; an end is kept with its walk, and so is this. */
export function redirectionOf({ nat, fate }: End): Redirection | null {
  return fate === 'delivered' ? (nat?.redirection ?? null) : null
}
