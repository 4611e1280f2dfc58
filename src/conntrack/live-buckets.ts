// Live keys by the kernel's buckets, the youngest first: what early_drop() walks through.

const NONE = -1
/** In `previous` of a key that is not in. */
const OUT = -2

/** Chains that know both ways, so that a key leaves a crowded bucket as soon as an empty one. */
export class LiveBuckets {
  private readonly heads: Int32Array
  private next: Int32Array<ArrayBuffer>
  private previous: Int32Array<ArrayBuffer>
  /** By key, so that one that leaves needs no hash. */
  private bucketOf: Int32Array<ArrayBuffer>

  /** @param capacity entries; an entry has two keys */
  constructor(buckets: number, capacity: number) {
    this.heads = new Int32Array(buckets).fill(NONE)
    this.next = new Int32Array(capacity * 2)
    this.previous = new Int32Array(capacity * 2).fill(OUT)
    this.bucketOf = new Int32Array(capacity * 2)
  }

  /** The first key in a bucket, -1 for none. */
  first(bucket: number): number {
    return this.heads[bucket]
  }

  /** The key behind `key`, -1 at the end. */
  after(key: number): number {
    return this.next[key]
  }

  add(key: number, bucket: number): void {
    const next = this.heads[bucket]
    this.next[key] = next
    this.previous[key] = NONE
    this.bucketOf[key] = bucket
    if (next >= 0) this.previous[next] = key
    this.heads[bucket] = key
  }

  /** A key that is not in is left alone. */
  remove(key: number): void {
    const previous = this.previous[key]
    if (previous === OUT) return
    const next = this.next[key]
    if (next >= 0) this.previous[next] = previous
    if (previous >= 0) this.next[previous] = next
    else this.heads[this.bucketOf[key]] = next
    this.previous[key] = OUT
  }

  /** Makes room for the keys of `capacity` entries. */
  grow(capacity: number): void {
    const enlarged = (words: Int32Array, fill: number): Int32Array<ArrayBuffer> => {
      const larger = new Int32Array(capacity * 2).fill(fill)
      larger.set(words)
      return larger
    }
    this.next = enlarged(this.next, NONE)
    this.previous = enlarged(this.previous, OUT)
    this.bucketOf = enlarged(this.bucketOf, 0)
  }
}
