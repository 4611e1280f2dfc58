// What an owner's count is to know of each entry, written into a queue: who counts may be on another thread.
import type { Table } from '../../conntrack/table.ts'
import { KIND_IPV6 } from '../../conntrack/tuple.ts'
import type { RecordQueue } from '../../queue/record-queue.ts'

// words of a record; addresses and ports are those of the original tuple
export const TYPE = 0
export const ENTRY = 1
/** Protocol number | zone << 8 | KIND_IPV6. */
export const KIND = 2
export const PORTS = 3
export const SOURCE = 4
export const DESTINATION = 5
/** A double: `doubles[(at >> 1) + TIME]`. */
export const TIME = 7
/** Words 1 to 3 of IPv6 addresses. */
export const SOURCE_REST = 16
export const DESTINATION_REST = 19

/** The types: an entry of the table begins, or ends. */
export const OWNER_ENTERED = 1
export const OWNER_LEFT = 2
export const OWNER_TYPE_MASK = 0xff
/** A bit beside the type: there are more live entries now than ever before. */
export const OWNER_PEAK = 1 << 8

/** Fed with an engine's events. */
export class OwnerFeed {
  private readonly table: Table
  private readonly queue: RecordQueue

  constructor(table: Table, queue: RecordQueue) {
    this.table = table
    this.queue = queue
  }

  /** @param isPeak whether there are more live entries now than ever before */
  created(ct: number, isPeak: boolean, time: number): void {
    const { table } = this
    const { words, doubles } = this.queue
    const at = this.queue.next()
    const kind = table.kind(ct)
    words[at + TYPE] = isPeak ? OWNER_ENTERED | OWNER_PEAK : OWNER_ENTERED
    words[at + ENTRY] = ct
    words[at + KIND] = kind
    words[at + PORTS] = table.ports(ct * 2)
    words[at + SOURCE] = table.sourceWord(ct * 2, 0)
    words[at + DESTINATION] = table.destinationWord(ct * 2, 0)
    doubles[(at >> 1) + TIME] = time
    if (kind < KIND_IPV6) return
    for (let i = 0; i < 3; i++) {
      words[at + SOURCE_REST + i] = table.sourceWord(ct * 2, i + 1)
      words[at + DESTINATION_REST + i] = table.destinationWord(ct * 2, i + 1)
    }
  }

  /** The entry is live no longer: to be told once, when it expires or when it is destroyed before. */
  ended(ct: number, time: number): void {
    const { words, doubles } = this.queue
    const at = this.queue.next()
    words[at + TYPE] = OWNER_LEFT
    words[at + ENTRY] = ct
    doubles[(at >> 1) + TIME] = time
  }
}
