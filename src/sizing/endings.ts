// How entries end, by occupancy class: how many, how long their flows were active, how long the table held them after.
import { isUntouched } from '../conntrack/known-entry.ts'
import { describeClass, OCCUPANCY_CLASSES } from '../conntrack/occupancy-class.ts'
import { STATUS_EXPIRED } from '../conntrack/status.ts'
import type { Table } from '../conntrack/table.ts'
import { Rates } from './rates.ts'

/** A flow without a closing handshake is taken for over when silent for longer than this, and than three of its gaps. */
const SILENCE = 1e9
const GAPS = 3
/** A flow that was active for less than this is no lasting one. */
const LASTING = 1e9

/** Classes of established connections: how long they go on is theirs to say, no timeout's. */
const IS_OPEN = Array.from(
  { length: OCCUPANCY_CLASSES },
  (_, occupancy) => describeClass(occupancy).state === 'ESTABLISHED',
)

/** Classes of trackers with a closing handshake; a table, because describing a class makes an object. */
const HAS_HANDSHAKE = Array.from(
  { length: OCCUPANCY_CLASSES },
  (_, occupancy) => describeClass(occupancy).state !== '',
)

/** Whether an entry of this class waits for its peers, and not for its timeout. */
export function isOpenClass(occupancy: number): boolean {
  return IS_OPEN[occupancy]
}

/** Entries that ended alike: in the same occupancy class. */
export interface Ending {
  entries: number
  /** Nanoseconds from the first packet to the last, summed over the entries. */
  active: number
  /** Nanoseconds from the last packet to the end of the entry, summed over the entries. */
  silent: number
}

/**
 * Told of every entry once: when it leaves the table, or at the end of the capture while still in it. One that stands
 * in the table then is taken to stay until its timeout, unless its flow still goes on.
 */
export class Endings {
  /** Entries of lasting flows without a closing handshake that went on at the end of the capture. */
  lasting = 0
  /** When the flows ended that are in `byClass`. */
  readonly rates = new Rates()
  private readonly table: Table
  private readonly entries = new Float64Array(OCCUPANCY_CLASSES)
  private readonly active = new Float64Array(OCCUPANCY_CLASSES)
  private readonly silent = new Float64Array(OCCUPANCY_CLASSES)

  constructor(table: Table) {
    this.table = table
  }

  /** The entry leaves the table at `time`, or did so in effect when its timeout passed before. */
  ended(ct: number, time: number): void {
    const { table } = this
    // of an entry that no packet met nothing is seen but how long it had left
    if (isUntouched(table, ct)) return
    if ((table.status(ct) & STATUS_EXPIRED) === 0) this.add(ct, time)
    else this.add(ct, timeoutTime(table, ct, time))
  }

  /** The capture ends at `time` while the entry is in the table. */
  left(ct: number, time: number): void {
    const { table } = this
    if (isUntouched(table, ct)) return
    if (this.isLasting(ct, time)) this.lasting++
    else this.add(ct, timeoutTime(table, ct, time))
  }

  /** Entries that ended in a class. */
  of(occupancy: number): Ending {
    return {
      entries: this.entries[occupancy],
      active: this.active[occupancy],
      silent: this.silent[occupancy],
    }
  }

  private isLasting(ct: number, time: number): boolean {
    const { table } = this
    if ((table.status(ct) & STATUS_EXPIRED) !== 0) return false
    if (HAS_HANDSHAKE[table.occupancy(ct)]) return false
    const active = table.last(ct) - table.start(ct)
    const gap = active / Math.max(table.packets(ct * 2) + table.packets(ct * 2 + 1) - 1, 1)
    return active >= LASTING && time - table.last(ct) <= Math.max(SILENCE, GAPS * gap)
  }

  private add(ct: number, end: number): void {
    const { table } = this
    const occupancy = table.occupancy(ct)
    const last = table.last(ct)
    this.entries[occupancy]++
    this.active[occupancy] += Math.max(last - table.start(ct), 0)
    this.silent[occupancy] += Math.max(end - last, 0)
    this.rates.add(occupancy, last)
  }
}

/** The capture time of the jiffy that an entry's timeout names, `time` being within 2^31 jiffies of it. */
function timeoutTime(table: Table, ct: number, time: number): number {
  const jiffy = Math.floor(time / table.jiffy)
  return (jiffy - (((jiffy | 0) - table.timeout(ct)) | 0)) * table.jiffy
}
