// The helpers that there are, and how rules assign them: nf_conntrack_helper_register(), xt_CT, nft_ct_helper.
import { IPPROTO_TCP, IPPROTO_UDP } from '../net/numbers.ts'

/** Each with its protocol and the port it is usually assigned to. */
export const HELPERS = {
  ftp: { protocol: IPPROTO_TCP, port: 21 },
  tftp: { protocol: IPPROTO_UDP, port: 69 },
} as const

/** What nf_conntrack_helper=1 assigns, all helpers being loaded. */
export const USUAL_ASSIGNMENTS: readonly HelperAssignment[] = (Object.keys(HELPERS) as HelperName[]).map(
  helper => ({ helper, port: HELPERS[helper].port }),
)

/** Name of the helper of an entry that has one: each protocol has one alone. */
export function helperName(protocol: number): HelperName {
  return protocol === HELPERS.ftp.protocol ? 'ftp' : 'tftp'
}

export type HelperName = keyof typeof HELPERS

/** As a rule `-p tcp --dport 21 -j CT --helper ftp` does it. Plain data: it travels to threads. */
export interface HelperAssignment {
  helper: HelperName
  /** Destination port of the first packet. */
  port: number
}
