// Connections of which another kernel would have judged a packet otherwise, and what findings that rest on them say of it.
import { type Kernel, MET_OUT_OF_WINDOW, MET_RST, releasesWith, type Traits } from '../../conntrack/kernel.ts'
import type { Table } from '../../conntrack/table.ts'
import type { Finding } from '../wording/finding.ts'
import { nameOfEntry } from './flow-name.ts'

/** Connections remembered by name; more are hardly ever named in findings. */
const MOST = 4096

interface Rule {
  bit: number
  trait: keyof Traits
  /** What a kernel with the trait lets pass. */
  passes: string
}

const RULES: readonly Rule[] = [
  {
    bit: MET_OUT_OF_WINDOW,
    trait: 'tcpIgnoresOutOfWindow',
    passes: 'a segment a little beyond the window, or below it',
  },
  {
    bit: MET_RST,
    trait: 'tcpLenientRst',
    passes: 'a RST of a closing connection, below what is acknowledged',
  },
]

export class KernelDifferences {
  private readonly kernel: Kernel
  private readonly met = new Map<string, number>()

  /** @param kernel whose conntrack is replayed */
  constructor(kernel: Kernel) {
    this.kernel = kernel
  }

  /** Entry `ct` leaves the table. */
  ended(table: Table, ct: number): void {
    const met = table.met(ct)
    if (met === 0 || this.met.size === MOST) return
    const name = nameOfEntry(table, ct)
    this.met.set(name, (this.met.get(name) ?? 0) | met)
  }

  /** The finding with what other kernels make of its flows; errors and warnings alone rest on verdicts. */
  judged(finding: Finding): Finding {
    if (finding.severity === 'info') return finding
    let met = 0
    for (const flow of finding.flows) met |= this.met.get(flow) ?? 0
    if (met === 0) return finding
    return { ...finding, kernels: RULES.filter(({ bit }) => (met & bit) !== 0).map(rule => this.say(rule)) }
  }

  private say({ trait, passes }: Rule): string {
    const has = this.kernel.traits[trait]
    const here = `Linux ${this.kernel.release}, as replayed,`
    const others = releasesWith(trait, !has)
    return has
      ? `${passes}: ${here} lets it pass, ${others} it is INVALID`
      : `${passes}: ${here} calls it INVALID, ${others} it passes`
  }
}
