// Whoever listens to a replay through its queue: what NAT did wrong, and who held the table.
import { localQueue, RECORD_SHIFT, type RecordQueue } from '../queue/record-queue.ts'
import { RECORD_ENTERED, RECORD_LEFT, RECORD_TYPE_MASK } from '../queue/record-type.ts'
import { type LargestOwners, Owners } from '../sizing/owners.ts'
import { pointOfSide } from '../vantage/points.ts'
import type { Found } from './cases.ts'
import type { Finding } from './finding.ts'
import { MOST_AHEAD, NatWatch } from './nat-watch.ts'
import type { Place } from './whereabouts.ts'

/** What is asked when the replay is over. */
export interface Question {
  /** What to call the observation points, by their numbers. */
  pointNames: string[]
  /** Nanoseconds from the first frame to the last. */
  end: number
}

export interface Answer {
  found: Found[]
  /** What is worth knowing and no fault. */
  remarks: Finding[]
  /** The clients of whose flows something was found out. */
  clients: string[]
  /** Answers to what Whereabouts asked, by question. */
  places: Place[][]
  owners: LargestOwners
}

/** A queue with somebody at its other end. */
export interface Hearing {
  readonly queue: RecordQueue
  /** To be asked once, after the last record. */
  conclude(question: Question): Promise<Answer>
}

export class Listener {
  private readonly watch: NatWatch
  private readonly owners = new Owners()
  /** Where the records of a batch stand that are of packets, and those of entries. */
  private readonly sights = new Int32Array(MOST_AHEAD)
  private readonly entries = new Int32Array(MOST_AHEAD)

  /** @param isInside whether the packets came out of a tunnel over UDP */
  constructor(isInside: boolean) {
    this.watch = new NatWatch(isInside)
  }

  /** Takes the records numbered from `from` up to `to` out of a queue of `capacity`, a power of two. */
  take(words: Int32Array, doubles: Float64Array, capacity: number, from: number, to: number): void {
    for (let n = from; n < to; n += MOST_AHEAD) {
      const count = Math.min(to - n, MOST_AHEAD)
      this.lookAhead(words, capacity, n, count)
      for (let i = n; i < n + count; i++) {
        const at = (i & (capacity - 1)) << RECORD_SHIFT
        if (isOfOwners(words[at])) this.owners.take(words, doubles, at)
        else this.watch.take(words, doubles, at)
      }
    }
  }

  conclude({ pointNames, end }: Question): Answer {
    const nameOf = (point: number): string => pointNames[pointOfSide(point)]
    const found = this.watch.conclude(nameOf)
    return {
      found,
      remarks: this.watch.remarks(nameOf),
      clients: this.watch.clients,
      places: this.watch.places,
      owners: this.owners.largest(end),
    }
  }

  private lookAhead(words: Int32Array, capacity: number, from: number, count: number): void {
    const { sights, entries } = this
    let seen = 0
    let counted = 0
    for (let n = from; n < from + count; n++) {
      const at = (n & (capacity - 1)) << RECORD_SHIFT
      if (isOfOwners(words[at])) entries[counted++] = at
      else sights[seen++] = at
    }
    this.watch.lookAhead(words, sights, seen)
    this.owners.lookAhead(words, entries, counted)
  }
}

function isOfOwners(type: number): boolean {
  const bare = type & RECORD_TYPE_MASK
  return bare === RECORD_ENTERED || bare === RECORD_LEFT
}

/** Records that are gathered before the listener takes them: what they touch of its memory is read ahead together. */
const BATCH = 256

/** Listens on the thread that replays. */
export class LocalHearing implements Hearing {
  readonly queue: RecordQueue
  private readonly listener: Listener

  constructor(isInside = false) {
    this.listener = new Listener(isInside)
    this.queue = localQueue(BATCH, (...records) => this.listener.take(...records))
  }

  async conclude(question: Question): Promise<Answer> {
    this.queue.flush()
    return this.listener.conclude(question)
  }
}
