// How many entries of a capture's traffic fit: nf_conntrack_max, less what traffic outside the capture holds.
import type { Settings } from '../../conntrack/settings.ts'

/** Infinite where nf_conntrack_max is 0, which is no limit to the kernel. */
export function roomOf({ nf_conntrack_max, nf_conntrack_count }: Settings): number {
  if (nf_conntrack_max === 0) return Number.POSITIVE_INFINITY
  return Math.max(nf_conntrack_max - nf_conntrack_count, 0)
}
