// Which kernel's conntrack was replayed, who said so, and how well it is known: for documents and for people.
import { type Basis, isOlder, isVendorBuild, type Kernel, type KernelOrigin } from '../../conntrack/kernel.ts'
import { printable } from '../text/format.ts'

export interface KernelReport {
  /** What was asked for, as it was written. */
  asked: string
  /** The release whose behaviour was replayed. */
  replayed: string
  /** Whether that was compared with this kernel, read from its source, or presumed from another. */
  basis: Basis
  /** Who said which kernel it is. */
  origin: KernelOrigin
  /** Jiffies a second. */
  hz: number
}

export function kernelReport({ asked, release, basis, origin, hz }: Kernel): KernelReport {
  return { asked, replayed: release, basis, origin, hz }
}

const ORIGINS: Record<KernelOrigin, string> = {
  default: 'nothing says which it is',
  option: '--kernel',
  osrelease: 'kernel.osrelease',
  node: "the node's kernelVersion",
  preset: '--preset',
  scenario: 'kernel=',
}

/** One line: `tracked as Linux 5.10.262 does (--kernel 5.10, verified)`. */
export function kernelLine({ asked, replayed, basis, origin }: KernelReport): string {
  const told = origin === 'default' ? ORIGINS.default : `${ORIGINS[origin]} ${printable(asked)}`
  const known = basis === 'presumed' ? presumed(asked, replayed) : KNOWN[basis]
  return `tracked as Linux ${replayed} does (${told}; ${known})`
}

function presumed(asked: string, replayed: string): string {
  const whose = isVendorBuild(asked) ? "a vendor's build, taken for " : ''
  return `presumed: ${whose}the nearest ${isOlder(asked, replayed) ? 'newer' : 'older'} one that is known`
}

const KNOWN = { verified: 'verified', read: 'read from its source' } as const
