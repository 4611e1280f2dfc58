// Who holds the table: entries and entry-seconds by source address and by destination service, in bounded memory.
import { KIND_IPV6, keepsPorts } from '../../conntrack/tuple.ts'
import { localQueue, RECORD_SHIFT, type RecordQueue } from '../../queue/record-queue.ts'
import {
  DESTINATION,
  DESTINATION_REST,
  ENTRY,
  KIND,
  OWNER_ENTERED,
  OWNER_LEFT,
  OWNER_PEAK,
  OWNER_TYPE_MASK,
  PORTS,
  SOURCE,
  SOURCE_REST,
  TIME,
  TYPE,
} from './owner-feed.ts'
import { type Owner, OwnerKey, OwnerTable } from './owner-table.ts'

/** Owners that are named in each respect. */
export const NAMED_OWNERS = 10

/** The largest owners, largest first: by entries at the peak, and by entry-time. */
export interface LargestOwners {
  sources: Owner[]
  services: Owner[]
  sourcesByTime: Owner[]
  servicesByTime: Owner[]
  /** By how many nanoseconds the `held` of any of them may be too low. */
  heldError: number
}

/** Records that are gathered before they are taken, and looked ahead for at most. */
const BATCH = 64

/** Entries there is room for at first: memory that is not touched costs nothing. */
const INITIAL_ENTRIES = 1 << 21

/** The original tuple says whose an entry is. */
export class Owners {
  private readonly sources = new OwnerTable()
  private readonly services = new OwnerTable()
  private readonly key = new OwnerKey()
  /** Owners of each entry, as the numbers that the two tables have for them. */
  private ownersOf = new Int32Array(INITIAL_ENTRIES * 2)
  private readonly positions = new Int32Array(BATCH)
  private readonly ahead = new Int32Array(BATCH * 2)
  /** What was read ahead: a compiler leaves out reads that nothing comes of. */
  private sum = 0

  /** Reads the cache lines that records are going to need, all at once. */
  private lookAhead(words: Int32Array, positions: Int32Array, count: number): void {
    const { sources, services, ahead } = this
    for (let i = 0; i < count; i++) {
      const at = positions[i]
      if ((words[at + TYPE] & OWNER_TYPE_MASK) === OWNER_LEFT) {
        ahead[i * 2] = this.ownersOf[words[at + ENTRY] * 2]
        ahead[i * 2 + 1] = this.ownersOf[words[at + ENTRY] * 2 + 1]
      } else {
        ahead[i * 2] = sources.firstOf(this.sourceOf(words, at)) - 1
        ahead[i * 2 + 1] = services.firstOf(this.serviceOf(words, at)) - 1
      }
    }
    let sum = this.sum
    for (let i = 0; i < count; i++) {
      if (ahead[i * 2] >= 0) sum ^= sources.touch(ahead[i * 2])
      if (ahead[i * 2 + 1] >= 0) sum ^= services.touch(ahead[i * 2 + 1])
    }
    this.sum = sum
  }

  /** Takes the records numbered from `from` up to `to` out of a queue of `capacity`, a power of two. */
  takeAll(words: Int32Array, doubles: Float64Array, capacity: number, from: number, to: number): void {
    const { positions } = this
    for (let n = from; n < to; n += BATCH) {
      const count = Math.min(to - n, BATCH)
      for (let i = 0; i < count; i++) positions[i] = ((n + i) & (capacity - 1)) << RECORD_SHIFT
      this.lookAhead(words, positions, count)
      for (let i = 0; i < count; i++) this.take(words, doubles, positions[i])
    }
  }

  /** Takes a record that an OwnerFeed has written. */
  private take(words: Int32Array, doubles: Float64Array, at: number): void {
    const ct = words[at + ENTRY]
    const time = doubles[(at >> 1) + TIME]
    switch (words[at + TYPE] & OWNER_TYPE_MASK) {
      case OWNER_ENTERED:
        this.enter(words, at, ct, time)
        break
      case OWNER_LEFT:
        this.sources.leave(this.ownersOf[ct * 2], time)
        this.services.leave(this.ownersOf[ct * 2 + 1], time)
        break
    }
  }

  /** @param end nanoseconds from the first frame to the last */
  largest(end: number): LargestOwners {
    const sources = this.sources.largest(NAMED_OWNERS, end)
    const services = this.services.largest(NAMED_OWNERS, end)
    return {
      sources: sources.atPeak,
      services: services.atPeak,
      sourcesByTime: sources.held,
      servicesByTime: services.held,
      heldError: Math.max(this.sources.heldError, this.services.heldError),
    }
  }

  private enter(words: Int32Array, at: number, ct: number, time: number): void {
    if (ct * 2 >= this.ownersOf.length) this.grow(ct)
    this.ownersOf[ct * 2] = this.sources.enter(this.sourceOf(words, at), time)
    this.ownersOf[ct * 2 + 1] = this.services.enter(this.serviceOf(words, at), time)
    if ((words[at + TYPE] & OWNER_PEAK) === 0) return
    this.sources.markPeak()
    this.services.markPeak()
  }

  private sourceOf(words: Int32Array, at: number): OwnerKey {
    const { key } = this
    key.kind = words[at + KIND] & KIND_IPV6
    key.port = 0
    readAddress(words, at + SOURCE, at + SOURCE_REST, key)
    return key
  }

  private serviceOf(words: Int32Array, at: number): OwnerKey {
    const { key } = this
    key.kind = words[at + KIND]
    key.port = keepsPorts(key.kind & 0xff, words[at + PORTS]) ? words[at + PORTS] & 0xffff : 0
    readAddress(words, at + DESTINATION, at + DESTINATION_REST, key)
    return key
  }

  private grow(ct: number): void {
    const larger = new Int32Array(Math.max(ct + 1, Math.ceil(this.ownersOf.length * 0.75)) * 2)
    larger.set(this.ownersOf)
    this.ownersOf = larger
  }
}

/** Whoever counts the owners of what an OwnerFeed writes into its queue. */
export interface OwnerSink {
  readonly queue: RecordQueue
  /** To be asked once, after the last record. @param end nanoseconds from the first frame to the last */
  largest(end: number): LargestOwners | Promise<LargestOwners>
}

/** Counts owners on the thread that replays. */
export class LocalOwners implements OwnerSink {
  readonly queue: RecordQueue
  private readonly owners = new Owners()

  constructor() {
    this.queue = localQueue(BATCH, (...records) => this.owners.takeAll(...records))
  }

  /** @param end nanoseconds from the first frame to the last */
  largest(end: number): LargestOwners {
    this.queue.flush()
    return this.owners.largest(end)
  }
}

function readAddress(words: Int32Array, first: number, rest: number, key: OwnerKey): void {
  const isIpv6 = key.kind >= KIND_IPV6
  key.word0 = words[first]
  key.word1 = isIpv6 ? words[rest] : 0
  key.word2 = isIpv6 ? words[rest + 1] : 0
  key.word3 = isIpv6 ? words[rest + 2] : 0
}
