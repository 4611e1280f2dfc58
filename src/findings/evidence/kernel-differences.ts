// Connections of which another kernel would have judged a packet otherwise, and the findings that rest on them.
import { type Kernel, MET_OUT_OF_WINDOW, MET_RST, type Traits } from '../../conntrack/kernel.ts'
import type { Table } from '../../conntrack/table.ts'
import { keyOf } from '../facts/collector.ts'
import type { Facts, FlowFacts } from '../facts/facts.ts'
import { flowOfEntry } from './flow-facts.ts'

/** Connections remembered; more are hardly ever named in findings. */
const MOST = 4096

/** A trait on which kernels differ, and whether the one that is replayed has it. */
export interface Difference {
  trait: keyof Traits
  kernel: Kernel
}

/** A trait on which kernels differ, and how many connections met what it judges. */
export interface MetTrait {
  trait: keyof Traits
  connections: number
}

const TRAITS: readonly { bit: number; trait: keyof Traits }[] = [
  { bit: MET_OUT_OF_WINDOW, trait: 'tcpIgnoresOutOfWindow' },
  { bit: MET_RST, trait: 'tcpLenientRst' },
]

export class KernelDifferences {
  private readonly kernel: Kernel
  private readonly met = new Map<string, number>()
  /** Connections that met each trait, in the order of TRAITS. */
  private readonly counts: number[] = TRAITS.map(() => 0)

  /** @param kernel whose conntrack is replayed */
  constructor(kernel: Kernel) {
    this.kernel = kernel
  }

  /** Entry `ct` leaves the table. */
  ended(table: Table, ct: number): void {
    const met = table.met(ct)
    if (met === 0) return
    TRAITS.forEach(({ bit }, i) => {
      if ((met & bit) !== 0) this.counts[i]++
    })
    if (this.met.size === MOST) return
    const key = flowKey(flowOfEntry(table, ct))
    this.met.set(key, (this.met.get(key) ?? 0) | met)
  }

  /** How many connections met each trait on which kernels differ, where any did. */
  get all(): MetTrait[] {
    return TRAITS.map(({ trait }, i) => ({ trait, connections: this.counts[i] ?? 0 })).filter(
      ({ connections }) => connections > 0,
    )
  }

  /** What the flows of a finding met on which kernels differ; errors and warnings alone rest on verdicts. */
  of({ severity, flows }: Facts): Difference[] {
    if (severity === 'info' || this.met.size === 0) return []
    const met = flows.reduce((bits, flow) => bits | (this.met.get(flowKey(flow)) ?? 0), 0)
    return TRAITS.filter(({ bit }) => (met & bit) !== 0).map(({ trait }) => ({ trait, kernel: this.kernel }))
  }
}

function flowKey({ protocol, client, server }: FlowFacts): string {
  return `${protocol} ${client === null ? '' : keyOf(client)} ${keyOf(server)}`
}
