// Counts by occupancy class summed up for the report: by protocol, by state, by whether there was a reply.
import { describeClass } from '../../conntrack/occupancy-class.ts'

/** Counts by occupancy class: entries now, flows, … */
export type ByClass = Int32Array | Float64Array

export function sum(counts: ByClass): number {
  let total = 0
  for (const count of counts) total += count
  return total
}

export function sumByReply(counts: ByClass, reply: string): number {
  let total = 0
  for (const [i, count] of counts.entries()) if (describeClass(i).reply === reply) total += count
  return total
}

export function byProtocol(counts: ByClass): Record<string, number> {
  const totals: Record<string, number> = {}
  for (const [i, count] of counts.entries()) {
    if (count === 0) continue
    const { protocol } = describeClass(i)
    totals[protocol] = (totals[protocol] ?? 0) + count
  }
  return totals
}

export function byState(counts: ByClass): Record<string, Record<string, number>> {
  const totals: Record<string, Record<string, number>> = {}
  for (const [i, count] of counts.entries()) {
    const { protocol, state } = describeClass(i)
    if (count === 0 || state === '') continue
    totals[protocol] ??= {}
    totals[protocol][state] = (totals[protocol][state] ?? 0) + count
  }
  return totals
}
