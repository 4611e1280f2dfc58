// How high nf_conntrack_count can have been: gc_worker() comes once a minute at the latest, at a phase no capture shows.

/** Nanoseconds a bucket of expiries lasts, and buckets that cover the longest pause of the collector and the present. */
const BUCKET = 1e9
const BUCKETS = 61

/**
 * The most live entries plus those that expired within the collector's longest pause (GC_SCAN_INTERVAL_MAX): had none
 * of them been met by a lookup, they would all still count. Times never decrease.
 */
export class CountBound {
  peak = 0
  private readonly expiries = new Int32Array(BUCKETS)
  private waiting = 0
  private bucket = 0

  /** An entry was created; there are `live` now. */
  created(live: number, time: number): void {
    this.pass(time)
    if (live + this.waiting > this.peak) this.peak = live + this.waiting
  }

  expired(time: number): void {
    this.pass(time)
    this.expiries[this.bucket % BUCKETS]++
    this.waiting++
  }

  private pass(time: number): void {
    const bucket = Math.floor(time / BUCKET)
    if (bucket === this.bucket) return
    const first = Math.max(this.bucket + 1, bucket - BUCKETS + 1)
    for (let i = first; i <= bucket; i++) {
      this.waiting -= this.expiries[i % BUCKETS]
      this.expiries[i % BUCKETS] = 0
    }
    this.bucket = bucket
  }
}
