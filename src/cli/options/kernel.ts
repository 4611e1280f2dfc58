// `--kernel VERSION` and `--hz N`: which kernel's conntrack is replayed.
import {
  CURRENT_KERNEL,
  DEFAULT_HZ,
  type Kernel,
  type KernelOrigin,
  kernelOf,
  RELEASES,
  withHz,
} from '../../conntrack/kernel.ts'
import type { Knowledge } from '../../host/knowledge.ts'
import { UsageError } from '../io/usage-error.ts'

/** Help of the options, for program.ts. */
export const KERNEL_HELP = `whose conntrack to replay: a version, or what uname -r prints; ${RELEASES.join(', ')} are told apart, others are taken for the nearest older one. Without it: kernel.osrelease of --sysctl, kernelVersion of the node in --kubernetes, or ${CURRENT_KERNEL.release}`
export const HZ_HELP = `jiffies a second that the kernel was built with (CONFIG_HZ); ${DEFAULT_HZ} without it`

const LEAST_HZ = 24
const MOST_HZ = 1000

/** The kernel that a text names. @param option what the user typed it behind @throws UsageError for a text that is no release */
export function kernelNamed(option: string, asked: string, origin: KernelOrigin): Kernel {
  const kernel = kernelOf(asked.trim(), origin)
  if (kernel === null) {
    throw new UsageError(`${option} ${asked}: no kernel version; expected such as 6.1 or 5.15.0-91-generic`)
  }
  return kernel
}

/** The kernel of the node that was captured, or null where objects do not tell, or several nodes run several. */
export function kernelOfNode(knowledge: Knowledge | null): Kernel | null {
  const [release, ...others] = knowledge?.kernels ?? []
  return release === undefined || others.length > 0 ? null : kernelOf(release, 'node')
}

/** `kernel` with the jiffies a second that the user named, if any. @throws UsageError */
export function kernelAtHz(kernel: Kernel, hz: string | undefined): Kernel {
  if (hz === undefined) return kernel
  const number = /^\d{1,5}$/.test(hz) ? Number(hz) : Number.NaN
  if (!(number >= LEAST_HZ && number <= MOST_HZ))
    throw new UsageError(`--hz ${hz}: expected a whole number from ${LEAST_HZ} to ${MOST_HZ}`)
  return withHz(kernel, number)
}
