// A queue of fixed records from the thread that replays to whoever listens: one writer, one reader, no allocation.

/** Words of a record, two cache lines: what is frequent goes into the first, so that the second is seldom touched. */
export const RECORD_SHIFT = 5
export const RECORD_WORDS = 1 << RECORD_SHIFT

/** Makes room once `limit` records have been written; returns the new limit. */
export type MakeRoom = (written: number) => number

/**
 * Records are numbered from 0 and written in order; record n stands at `(n & mask) << RECORD_SHIFT`. A record is the
 * reader's as soon as a later one has been begun, or `flush` was called.
 */
export class RecordQueue {
  readonly words: Int32Array
  readonly doubles: Float64Array
  /** Records that there is room for, a power of two. */
  readonly capacity: number
  /** Records written, ever. */
  written = 0

  private readonly mask: number
  private limit: number
  private readonly makeRoom: MakeRoom

  /**
   * @param buffer as many bytes as `bytesOf` says of the capacity, all zero
   * @param limit records that may be written before `makeRoom` is called, at most the capacity
   */
  constructor(buffer: ArrayBufferLike, limit: number, makeRoom: MakeRoom) {
    this.words = new Int32Array(buffer)
    this.doubles = new Float64Array(buffer)
    this.capacity = this.words.length >> RECORD_SHIFT
    this.mask = this.capacity - 1
    this.limit = limit
    this.makeRoom = makeRoom
  }

  /** Begins a record; returns where it stands in `words`. Its words hold what an earlier record left there. */
  next(): number {
    if (this.written === this.limit) this.flush()
    return (this.written++ & this.mask) << RECORD_SHIFT
  }

  /** Hands over all that was written. */
  flush(): void {
    this.limit = this.makeRoom(this.written)
  }
}

/** Bytes of a queue for `records` records, a power of two. */
export function bytesOf(records: number): number {
  return records * RECORD_WORDS * 4
}

/** Takes the records numbered from `from` up to `to`; record n stands at `(n & (capacity - 1)) << RECORD_SHIFT`. */
export type Take = (
  words: Int32Array,
  doubles: Float64Array,
  capacity: number,
  from: number,
  to: number,
) => void

/** A queue that is read by the thread that writes it, each time `records` of them, a power of two, have been gathered. */
export function localQueue(records: number, take: Take): RecordQueue {
  let taken = 0
  const queue = new RecordQueue(new ArrayBuffer(bytesOf(records)), records, written => {
    take(queue.words, queue.doubles, records, taken, written)
    taken = written
    return written + records
  })
  return queue
}
