// Faults that no test catches, and why none can or need: everything else that run.ts plants has to be caught.
import type { Fault } from './sample.ts'

export interface Survivor extends Pick<Fault, 'file' | 'from' | 'to' | 'nth'> {
  reason: string
}

const inFile = (
  file: string,
  ...faults: readonly (readonly [from: string, to: string, reason: string, nth?: number])[]
): Survivor[] => faults.map(([from, to, reason, nth = 1]) => ({ file, from, to, reason, nth }))

export const SURVIVORS: readonly Survivor[] = [...inFile('conntrack/gc.ts')]
