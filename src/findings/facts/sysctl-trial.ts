// What other sysctls would have made of the packets of a finding's connections, which were replayed with them.
import type { SysctlName } from '../../conntrack/settings.ts'

/** Packets of a kind, with the sysctls as they are and as they were tried. */
export interface Change {
  before: number
  after: number
}

export interface SysctlTrial {
  /** What was set. */
  set: Partial<Record<SysctlName, number>>
  /** Packets that are INVALID. */
  invalid: Change
  /** Packets in mid-connection that find no entry of it, and make one. */
  unknown: Change
  /** RSTs that answer one of those. */
  resets: Change
  /** Packets that a full table refuses. */
  refused: Change
}

/** Whether fewer packets of any kind are left. */
export function improves({ invalid, unknown, refused }: SysctlTrial): boolean {
  return [invalid, unknown, refused].some(({ before, after }) => after < before)
}

/**
 * Whether none is left. Where a packet found no entry of its connection what follows a found one is not in the capture:
 * what is INVALID of that proves nothing.
 */
export function cures(trial: SysctlTrial): boolean {
  const { invalid, unknown, resets, refused } = trial
  const left = unknown.before > 0 ? unknown.after + resets.after : invalid.after
  return improves(trial) && left + refused.after === 0
}
