// What is answered when somebody looks for the packet that another was cut out of.
import { ARRIVAL, type RecordRing } from './record-ring.ts'

/** The packet was not cut out of another. */
export const NO_PART = -1
/** It was, but the other's record is gone. */
export const WHOLE_GONE = -2

/** A record, WHOLE_GONE if its slot has been given to another since. */
export function wholeAt(ring: RecordRing, record: number, arrival: number): number {
  return ring.word(record, ARRIVAL) === arrival ? record : WHOLE_GONE
}
