// Flows as they end: folded into totals by occupancy class and into a bounded list of the largest, handed on, forgotten.
import { CAUSE_TIMEOUT } from '../conntrack/events.ts'
import { isKnown } from '../conntrack/known-entry.ts'
import { OCCUPANCY_CLASSES, occupancyClass } from '../conntrack/occupancy-class.ts'
import { IPS_CONFIRMED, IPS_DYING, STATUS_EXPIRED } from '../conntrack/status.ts'
import type { Table } from '../conntrack/table.ts'
import { CAUSE_OPEN, type Flow, flowOf } from './flow.ts'
import { TopList } from './owners/top-list.ts'

/** What the largest flows are largest in. */
export const SORT_KEYS = ['bytes', 'packets', 'entry-seconds'] as const
export type SortKey = (typeof SORT_KEYS)[number]

export interface FlowsOptions {
  /** How many of the largest flows are kept. */
  top: number
  sort: SortKey
  /** Takes every flow when it has ended, or null. */
  sink: ((flow: Flow) => void) | null
}

interface Counters {
  packets: readonly [number, number]
  bytes: readonly [number, number]
}

export class Flows {
  total = 0
  /** Flows, their packets and bytes of both directions, by the occupancy class the entry had at its end. */
  readonly flows = new Float64Array(OCCUPANCY_CLASSES)
  readonly packets = new Float64Array(OCCUPANCY_CLASSES)
  readonly bytes = new Float64Array(OCCUPANCY_CLASSES)

  private readonly table: Table
  private readonly options: FlowsOptions
  private readonly largest: TopList<Flow>
  /** What entries that were there before the capture had counted until then. */
  private readonly before = new Map<number, Counters>()

  constructor(table: Table, options: FlowsOptions) {
    this.table = table
    this.options = options
    this.largest = new TopList(options.top)
  }

  /** The flow of entry `ct` ends at `time`, or did so earlier by its timeout; `cause` is a CAUSE_* or CAUSE_OPEN. */
  ended(ct: number, cause: number, time: number): void {
    this.add(ct, cause, this.endOf(ct, time))
  }

  /** What entry `ct` has counted was counted before the capture, and is no traffic of it. */
  counted(ct: number): void {
    const { table } = this
    const packets: Counters['packets'] = [table.packets(ct * 2), table.packets(ct * 2 + 1)]
    const bytes: Counters['bytes'] = [table.bytes(ct * 2), table.bytes(ct * 2 + 1)]
    if (sum(packets) + sum(bytes) > 0) this.before.set(ct, { packets, bytes })
  }

  /** The largest flows, largest first. */
  top(): Flow[] {
    return this.largest.sorted()
  }

  /** When the entry ended: for one whose timeout passed before `time`, the jiffy at which it did. */
  private endOf(ct: number, time: number): number {
    if ((this.table.status(ct) & STATUS_EXPIRED) === 0) return time
    const jiffy = Math.floor(time / this.table.jiffy)
    return (jiffy - (((jiffy | 0) - this.table.timeout(ct)) | 0)) * this.table.jiffy
  }

  private add(ct: number, cause: number, end: number): void {
    const { table, options } = this
    const before = this.before.size > 0 && isKnown(table, ct) ? this.before.get(ct) : undefined
    const packets = table.packets(ct * 2) + table.packets(ct * 2 + 1) - sum(before?.packets)
    const bytes = table.bytes(ct * 2) + table.bytes(ct * 2 + 1) - sum(before?.bytes)
    const occupancy = occupancyClass(table, ct)
    this.total++
    this.flows[occupancy]++
    this.packets[occupancy] += packets
    this.bytes[occupancy] += bytes
    const key =
      options.sort === 'bytes' ? bytes : options.sort === 'packets' ? packets : end - table.start(ct)
    const enters = this.largest.admits(key, table.firstFrame(ct))
    if (!enters && options.sink === null) return
    const flow = flowOf(table, ct, cause, end)
    if (before !== undefined) subtract(flow, before)
    if (enters) this.largest.add(key, table.firstFrame(ct), flow)
    options.sink?.(flow)
  }
}

function subtract({ orig, reply }: Flow, { packets, bytes }: Counters): void {
  orig.packets -= packets[0]
  reply.packets -= packets[1]
  orig.bytes -= bytes[0]
  reply.bytes -= bytes[1]
}

function sum([original, reply]: readonly [number, number] = [0, 0]): number {
  return original + reply
}

/** Visits what stands in the table at the end of the capture, with the cause to end it for: timed out, or open. */
export function endEntries(table: Table, visit: (ct: number, cause: number) => void): void {
  for (let ct = 0; ct < table.top; ct++) {
    const status = table.status(ct)
    if ((status & (IPS_CONFIRMED | IPS_DYING)) !== IPS_CONFIRMED) continue
    visit(ct, (status & STATUS_EXPIRED) !== 0 ? CAUSE_TIMEOUT : CAUSE_OPEN)
  }
}
