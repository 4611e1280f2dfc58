// The connection table: entries as columns of typed arrays, two keys each in one hash. nf_conntrack_hash, struct nf_conn.
import { IPS_CONFIRMED } from './status.ts'
import { hashTuple, KIND_IPV6, type Tuple } from './tuple.ts'

/** Words of `proto` and bytes of `small` an entry has; see the tracker that owns them (proto/*.ts). */
export const PROTO_SHIFT = 4
export const SMALL_SHIFT = 3
/** Byte of `small` that holds the TCP or SCTP state, 0 (NONE) for the other trackers. */
export const SMALL_STATE = 0

const INITIAL_CAPACITY = 4096
const INITIAL_WIDE = 256

/**
 * A connection is an integer `ct`; its two keys are `ct * 2 + direction`. Columns are replaced when the table grows,
 * so nobody keeps one across a call that may create an entry. An entry costs 178 bytes here, and 64 more for IPv6.
 */
export class Table {
  /** Entries allocated, also those expired and not yet collected: what nf_conntrack_count shows. */
  count = 0
  /** Entries among them whose timeout has passed. */
  expiredCount = 0
  /** One more than the highest entry ever used. */
  top = 0

  // per key
  source = new Int32Array(INITIAL_CAPACITY * 2)
  destination = new Int32Array(INITIAL_CAPACITY * 2)
  ports = new Int32Array(INITIAL_CAPACITY * 2)
  packets = new Uint32Array(INITIAL_CAPACITY * 2)
  bytes = new Float64Array(INITIAL_CAPACITY * 2)
  /** Next key of the same bucket, -1 at the end. */
  private chain = new Int32Array(INITIAL_CAPACITY * 2)

  // per entry
  kind = new Uint16Array(INITIAL_CAPACITY) // protocol | KIND_IPV6
  status = new Int32Array(INITIAL_CAPACITY) // IPS_*, STATUS_EXPIRED
  timeout = new Int32Array(INITIAL_CAPACITY) // jiffies; relative until confirmed
  events = new Uint8Array(INITIAL_CAPACITY) // IPCT_* cached for the end of the packet
  occupancy = new Uint8Array(INITIAL_CAPACITY) // the occupancyClass() last reported (occupancy-class.ts)
  proto = new Int32Array(INITIAL_CAPACITY << PROTO_SHIFT) // the tracker's words: one cache line
  small = new Uint8Array(INITIAL_CAPACITY << SMALL_SHIFT) // the tracker's bytes
  start = new Float64Array(INITIAL_CAPACITY) // capture time of the first packet, ns
  last = new Float64Array(INITIAL_CAPACITY) // capture time of the last packet counted, ns
  firstFrame = new Uint32Array(INITIAL_CAPACITY)
  // the expiry wheel's links (expiry.ts)
  wheelNext = new Int32Array(INITIAL_CAPACITY)
  wheelPrevious = new Int32Array(INITIAL_CAPACITY)
  wheelDue = new Int32Array(INITIAL_CAPACITY)
  /** Slot of the entry's IPv6 addresses in `wideWords`; for a free entry the next free one. */
  private wide = new Int32Array(INITIAL_CAPACITY)

  private freeEntry = -1
  /** 16 words a slot: source and destination of the original key, then of the reply key. */
  private wideWords = new Int32Array(0)
  private wideTop = 0
  private freeWide = -1

  private heads: Int32Array
  private mask: number

  /** @param buckets the least number of hash buckets, rounded up to a power of two */
  constructor(buckets: number) {
    let size = 1024
    while (size < buckets && size < 1 << 26) size *= 2
    this.heads = new Int32Array(size).fill(-1)
    this.mask = size - 1
  }

  get capacity(): number {
    return this.kind.length
  }

  /** A fresh entry with both keys set, in no bucket yet. Counts at once, as __nf_conntrack_alloc() does. */
  allocate(original: Tuple, reply: Tuple): number {
    let ct = this.freeEntry
    if (ct >= 0) this.freeEntry = this.wide[ct]
    else {
      if (this.top === this.capacity) this.grow()
      ct = this.top++
    }
    this.count++
    this.kind[ct] = original.kind
    this.status[ct] = 0
    this.timeout[ct] = 0
    this.events[ct] = 0
    this.packets[ct * 2] = 0
    this.packets[ct * 2 + 1] = 0
    this.bytes[ct * 2] = 0
    this.bytes[ct * 2 + 1] = 0
    const words = ct << PROTO_SHIFT
    this.proto.fill(0, words, words + (1 << PROTO_SHIFT))
    const bytes = ct << SMALL_SHIFT
    this.small.fill(0, bytes, bytes + (1 << SMALL_SHIFT))
    this.wide[ct] = original.kind >= KIND_IPV6 ? this.allocateWide() : -1
    this.setKey(ct * 2, original)
    this.setKey(ct * 2 + 1, reply)
    return ct
  }

  /** Gives an entry back that is in no bucket (any more). */
  free(ct: number): void {
    if (this.wide[ct] >= 0) {
      this.wideWords[this.wide[ct] * 16] = this.freeWide
      this.freeWide = this.wide[ct]
    }
    this.status[ct] = 0
    this.wide[ct] = this.freeEntry
    this.freeEntry = ct
    this.count--
  }

  /** Puts both keys at the head of their buckets, the reply key last and so first found. */
  link(ct: number): void {
    if (this.count > this.heads.length) this.growBuckets()
    this.linkKey(ct * 2)
    this.linkKey(ct * 2 + 1)
  }

  unlink(ct: number): void {
    this.unlinkKey(ct * 2)
    this.unlinkKey(ct * 2 + 1)
  }

  /** The bucket of a tuple. */
  bucketOf(tuple: Tuple): number {
    return hashTuple(tuple.source, tuple.destination, tuple.ports, tuple.kind) & this.mask
  }

  /** First key of a bucket, -1 when it is empty. */
  firstKey(bucket: number): number {
    return this.heads[bucket]
  }

  /** Key after `key` in its bucket, -1 at the end. */
  nextKey(key: number): number {
    return this.chain[key]
  }

  get buckets(): number {
    return this.heads.length
  }

  /** Whether `key` is this tuple. */
  matches(key: number, tuple: Tuple): boolean {
    return (
      this.ports[key] === tuple.ports &&
      this.source[key] === tuple.source &&
      this.destination[key] === tuple.destination &&
      this.kind[key >> 1] === tuple.kind &&
      (tuple.kind < KIND_IPV6 || this.matchesWide(key, tuple))
    )
  }

  /** Word `index` (0–3) of the source address of a key; IPv4 has word 0 alone. */
  sourceWord(key: number, index: number): number {
    const wide = this.wide[key >> 1]
    return wide < 0 ? this.source[key] : this.wideWords[wide * 16 + (key & 1) * 8 + index]
  }

  /** Word `index` (0–3) of the destination address of a key; IPv4 has word 0 alone. */
  destinationWord(key: number, index: number): number {
    const wide = this.wide[key >> 1]
    return wide < 0 ? this.destination[key] : this.wideWords[wide * 16 + (key & 1) * 8 + 4 + index]
  }

  private matchesWide(key: number, tuple: Tuple): boolean {
    const words = this.wideWords
    const at = this.wide[key >> 1] * 16 + (key & 1) * 8
    return (
      words[at] === tuple.source0 &&
      words[at + 1] === tuple.source1 &&
      words[at + 2] === tuple.source2 &&
      words[at + 3] === tuple.source3 &&
      words[at + 4] === tuple.destination0 &&
      words[at + 5] === tuple.destination1 &&
      words[at + 6] === tuple.destination2 &&
      words[at + 7] === tuple.destination3
    )
  }

  private setKey(key: number, tuple: Tuple): void {
    this.source[key] = tuple.source
    this.destination[key] = tuple.destination
    this.ports[key] = tuple.ports
    if (tuple.kind < KIND_IPV6) return
    const words = this.wideWords
    const at = this.wide[key >> 1] * 16 + (key & 1) * 8
    words[at] = tuple.source0
    words[at + 1] = tuple.source1
    words[at + 2] = tuple.source2
    words[at + 3] = tuple.source3
    words[at + 4] = tuple.destination0
    words[at + 5] = tuple.destination1
    words[at + 6] = tuple.destination2
    words[at + 7] = tuple.destination3
  }

  private allocateWide(): number {
    const slot = this.freeWide
    if (slot >= 0) {
      this.freeWide = this.wideWords[slot * 16]
      return slot
    }
    if ((this.wideTop + 1) * 16 > this.wideWords.length) {
      this.wideWords = enlarge(this.wideWords, Math.max(INITIAL_WIDE * 16, this.wideWords.length * 2))
    }
    return this.wideTop++
  }

  private linkKey(key: number): void {
    const bucket = this.bucketOfKey(key)
    this.chain[key] = this.heads[bucket]
    this.heads[bucket] = key
  }

  private unlinkKey(key: number): void {
    const bucket = this.bucketOfKey(key)
    const chain = this.chain
    if (this.heads[bucket] === key) {
      this.heads[bucket] = chain[key]
      return
    }
    for (let at = this.heads[bucket]; at >= 0; at = chain[at]) {
      if (chain[at] !== key) continue
      chain[at] = chain[key]
      return
    }
  }

  private bucketOfKey(key: number): number {
    return hashTuple(this.source[key], this.destination[key], this.ports[key], this.kind[key >> 1]) & this.mask
  }

  /** Keeps chains at two keys on average; the kernel's table never grows by itself, its chains do. */
  private growBuckets(): void {
    this.heads = new Int32Array(this.heads.length * 2).fill(-1)
    this.mask = this.heads.length - 1
    for (let ct = 0; ct < this.top; ct++) {
      if ((this.status[ct] & IPS_CONFIRMED) === 0) continue
      this.linkKey(ct * 2)
      this.linkKey(ct * 2 + 1)
    }
  }

  private grow(): void {
    // half as much again when large: the copy and the slack stay small beside the entries themselves
    const capacity = this.capacity < 1 << 18 ? this.capacity * 2 : Math.ceil(this.capacity * 1.5)
    this.source = enlarge(this.source, capacity * 2)
    this.destination = enlarge(this.destination, capacity * 2)
    this.ports = enlarge(this.ports, capacity * 2)
    this.packets = enlarge(this.packets, capacity * 2)
    this.bytes = enlarge(this.bytes, capacity * 2)
    this.chain = enlarge(this.chain, capacity * 2)
    this.status = enlarge(this.status, capacity)
    this.timeout = enlarge(this.timeout, capacity)
    this.events = enlarge(this.events, capacity)
    this.occupancy = enlarge(this.occupancy, capacity)
    this.proto = enlarge(this.proto, capacity << PROTO_SHIFT)
    this.small = enlarge(this.small, capacity << SMALL_SHIFT)
    this.start = enlarge(this.start, capacity)
    this.last = enlarge(this.last, capacity)
    this.firstFrame = enlarge(this.firstFrame, capacity)
    this.wheelNext = enlarge(this.wheelNext, capacity)
    this.wheelPrevious = enlarge(this.wheelPrevious, capacity)
    this.wheelDue = enlarge(this.wheelDue, capacity)
    this.wide = enlarge(this.wide, capacity)
    this.kind = enlarge(this.kind, capacity)
  }
}

type Column = Int32Array | Uint32Array | Uint16Array | Uint8Array | Float64Array

function enlarge<C extends Column>(column: C, length: number): C {
  const larger = new (column.constructor as new (length: number) => C)(length)
  larger.set(column)
  return larger
}
