// Keys of entries whose timeout has passed, by the kernel's buckets: no lookup finds them, but one that misses may meet them.
import { ENTRY_SHIFT, EXPIRED_PREVIOUS, KEY_NEXT, KEY_SHIFT } from './table-layout.ts'

/** The table's memory, which moves as it grows. */
interface Memory {
  readonly keys: Int32Array
  readonly entries: Int32Array
}

/** Chains that know both ways, in words that an expired entry does not need: a flood may crowd one bucket. */
export class ExpiredKeys {
  private readonly memory: Memory
  private readonly heads: Int32Array

  constructor(memory: Memory, buckets: number) {
    this.memory = memory
    this.heads = new Int32Array(buckets).fill(-1)
  }

  /** The key in a bucket that was added last, -1 for none. */
  first(bucket: number): number {
    return this.heads[bucket]
  }

  add(key: number, bucket: number): void {
    const { keys, entries } = this.memory
    const next = this.heads[bucket]
    keys[(key << KEY_SHIFT) + KEY_NEXT] = next
    entries[previousAt(key)] = -1
    if (next >= 0) entries[previousAt(next)] = key
    this.heads[bucket] = key
  }

  remove(key: number, bucket: number): void {
    const { keys, entries } = this.memory
    const next = keys[(key << KEY_SHIFT) + KEY_NEXT]
    const previous = entries[previousAt(key)]
    if (next >= 0) entries[previousAt(next)] = previous
    if (previous >= 0) keys[(previous << KEY_SHIFT) + KEY_NEXT] = next
    else this.heads[bucket] = next
  }
}

/** Where a key has the one before it: a word of its entry for each direction. */
function previousAt(key: number): number {
  return ((key >> 1) << ENTRY_SHIFT) + EXPIRED_PREVIOUS + (key & 1)
}
