// The connections a full table has refused, remembered in bounded memory: which packets are retries, which can not be.
import { hashTuple, type Tuple } from '../../conntrack/tuple.ts'

/** Directions remembered at most; a connection has two. Beyond, all are forgotten but the recent half. */
const MOST = 1 << 20
/** Nanoseconds after which a connection that was refused is another one: twice the longest pause between two SYNs. */
const MEMORY = 128e9

/** What is known of a tuple. */
export const FLOW_UNKNOWN = 0
/** Its connection was refused, and this is the side that opened it. */
export const FLOW_REFUSED = 1
/** Its connection was refused: a reply that was never sent. */
export const FLOW_REFUSED_REPLY = 2

/**
 * Tuples are kept as 64 bits of hash: of a million there is one chance in seven million that any two are taken for the
 * same.
 */
export class RefusedFlows {
  private first = new Int32Array(64)
  private second = new Int32Array(64)
  /** FLOW_* of a slot; FLOW_UNKNOWN of a used one is a connection that got in later. */
  private kinds = new Uint8Array(64)
  /** When the slot was last looked for; 0 = free. */
  private times = new Float64Array(64)
  private size = 0

  /** Whether the connection of `tuple` was refused of late, and which side of it the tuple is: FLOW_*. */
  look(tuple: Tuple, time: number): number {
    if (this.size === 0) return FLOW_UNKNOWN
    const slot = this.slotOf(hashTuple(tuple), secondHash(tuple))
    const seen = this.times[slot]
    return seen === 0 || time - seen > MEMORY ? FLOW_UNKNOWN : this.kinds[slot]
  }

  /** Remembers what the tuple is from `time` on. */
  note(tuple: Tuple, kind: number, time: number): void {
    if (this.size * 2 >= this.times.length) this.makeRoom(time)
    const first = hashTuple(tuple)
    const second = secondHash(tuple)
    const slot = this.slotOf(first, second)
    if (this.times[slot] === 0) {
      this.size++
      this.first[slot] = first
      this.second[slot] = second
    }
    this.kinds[slot] = kind
    // 0 is for free slots
    this.times[slot] = Math.max(time, 1)
  }

  /** The slot of these hashes, or the free one where they belong. */
  private slotOf(first: number, second: number): number {
    const mask = this.times.length - 1
    let slot = first & mask
    while (this.times[slot] !== 0 && (this.first[slot] !== first || this.second[slot] !== second)) {
      slot = (slot + 1) & mask
    }
    return slot
  }

  private makeRoom(time: number): void {
    const { first, second, kinds, times } = this
    const since = this.size < MOST ? time - MEMORY : median(times)
    let kept = 0
    for (const seen of times) if (seen > 0 && seen >= since) kept++
    let length = times.length
    while (kept * 4 > length) length *= 2
    this.first = new Int32Array(length)
    this.second = new Int32Array(length)
    this.kinds = new Uint8Array(length)
    this.times = new Float64Array(length)
    this.size = 0
    for (let old = 0; old < times.length; old++) {
      if (times[old] === 0 || times[old] < since) continue
      const slot = this.slotOf(first[old], second[old])
      this.first[slot] = first[old]
      this.second[slot] = second[old]
      this.kinds[slot] = kinds[old]
      this.times[slot] = times[old]
      this.size++
    }
  }
}

/** Half of the used slots were seen later than this. */
function median(times: Float64Array): number {
  const used = times.filter(time => time > 0).sort()
  return used[used.length >> 1]
}

/** Another hash than that of the connection table. */
function secondHash(tuple: Tuple): number {
  let h = Math.imul(tuple.destination ^ 0x7f4a7c15, 0xff51afd7)
  h = Math.imul((h ^ (h >>> 16)) + tuple.ports, 0xc4ceb9fe)
  h = Math.imul((h ^ (h >>> 15)) + tuple.source, 0x2c1b3c6d)
  return (h ^ (h >>> 16)) + tuple.kind
}
