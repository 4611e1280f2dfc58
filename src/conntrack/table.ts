// The connection table: two keys an entry in one hash, entries as records of 32-bit words. nf_conntrack_hash, struct nf_conn.
import { GrowingMemory } from '../net/growing-memory.ts'
import { seededHash } from '../net/seeded-hash.ts'
import { ExpiredKeys } from './expired-keys.ts'
import { DEFAULT_HZ } from './kernel.ts'
import { LiveBuckets } from './live-buckets.ts'
import { plainHash } from './plain-hash.ts'
import { IPS_CONFIRMED, IPS_NAT_CLASH, STATUS_EXPIRED } from './status.ts'
import {
  ENTRY_SHIFT,
  KEY_BYTES,
  KEY_DESTINATION,
  KEY_KIND,
  KEY_NEXT,
  KEY_PACKETS,
  KEY_PORTS,
  KEY_SHIFT,
  KEY_SOURCE,
  LAST_TIME,
  MET,
  OCCUPANCY,
  PROTO,
  RECORD,
  STATE,
  STATUS,
  TIMEOUT,
  WIDE,
} from './table-layout.ts'
import { KIND_IPV6, type Tuple, zoneOf } from './tuple.ts'
import { WideAddresses } from './wide-addresses.ts'

/** Entries that there is room for at first, four times the default nf_conntrack_max: untouched, it costs nothing. */
const INITIAL_CAPACITY = 1 << 20
/** A power of two, and of at least as many heads an entry that chains are short: a key met in vain is a cache miss. */
const INITIAL_HEADS = 1 << 18
const HEADS_PER_ENTRY = 2

/**
 * Entries and their keys. The arrays are replaced when the table grows, so nobody keeps one across a call that may
 * create an entry. An entry costs 204 bytes, and 64 more for IPv6.
 */
export class Table {
  /** Entries allocated, also those expired and not yet collected: what nf_conntrack_count shows. */
  count = 0
  /** Entries among them whose timeout has passed. */
  expiredCount = 0
  /** Buckets of the kernel's table; ours has heads of its own, by a secret hash. */
  readonly buckets: number
  /** Jiffies a second, in which timeouts are kept. */
  readonly hz: number
  /** Nanoseconds a jiffy. */
  readonly jiffy: number
  /** One more than the highest entry ever used. */
  top = 0

  private readonly keyMemory = new GrowingMemory((INITIAL_CAPACITY * 2) << KEY_SHIFT)
  private readonly entryMemory = new GrowingMemory(INITIAL_CAPACITY << ENTRY_SHIFT)
  private readonly startMemory = new GrowingMemory(INITIAL_CAPACITY * 2)
  private readonly frameMemory = new GrowingMemory(INITIAL_CAPACITY)
  keys = this.keyMemory.words
  keyBytes = this.keyMemory.doubles
  entries = this.entryMemory.words
  entryTimes = this.entryMemory.doubles
  /** Capture time of the first packet in nanoseconds, and its frame number. */
  private starts = this.startMemory.doubles
  private firstFrames = this.frameMemory.words
  private readonly wide = new WideAddresses()

  private capacity = INITIAL_CAPACITY
  private freeEntry = -1
  private heads = new Int32Array(INITIAL_HEADS).fill(-1)
  private mask = INITIAL_HEADS - 1
  private readonly expired: ExpiredKeys
  /** Live entries by the kernel's buckets, from when they are first asked for. */
  private live: LiveBuckets | null = null

  /** @param buckets nf_conntrack_buckets; taken as the next power of two @param hz jiffies a second */
  constructor(buckets: number, hz = DEFAULT_HZ) {
    this.hz = hz
    this.jiffy = 1e9 / hz
    let size = 1
    while (size < buckets && size < INITIAL_HEADS) size *= 2
    this.buckets = size
    this.expired = new ExpiredKeys(this, size)
  }

  // what a reader may ask of an entry

  /** IPS_* bits and STATUS_EXPIRED; 0 for an entry not in use. */
  status(ct: number): number {
    return this.entries[(ct << ENTRY_SHIFT) + STATUS]
  }

  /** TCP or SCTP state. */
  state(ct: number): number {
    return this.entries[(ct << ENTRY_SHIFT) + STATE]
  }

  /** The jiffy at which a confirmed entry ends, wrapped to 32 bits. */
  timeout(ct: number): number {
    return this.entries[(ct << ENTRY_SHIFT) + TIMEOUT]
  }

  /** The occupancy class the entry was last reported under. */
  occupancy(ct: number): number {
    return this.entries[(ct << ENTRY_SHIFT) + OCCUPANCY]
  }

  /** Word `index` (0–15) of the tracker's own; what it means stands in the tracker's file. */
  trackerWord(ct: number, index: number): number {
    return this.entries[(ct << ENTRY_SHIFT) + PROTO + index]
  }

  /** MET_*: where another kernel would have judged a packet of the entry otherwise. */
  met(ct: number): number {
    return this.entries[(ct << ENTRY_SHIFT) + MET]
  }

  /** What a listener keeps of the entry, which the table only carries; 0 for nothing, as a new entry has it. */
  record(ct: number): number {
    return this.entries[(ct << ENTRY_SHIFT) + RECORD]
  }

  setRecord(ct: number, record: number): void {
    this.entries[(ct << ENTRY_SHIFT) + RECORD] = record
  }

  /** Protocol number | zone << 8 | KIND_IPV6 of the original direction. */
  kind(ct: number): number {
    return this.keys[((ct * 2) << KEY_SHIFT) + KEY_KIND]
  }

  /** The zone that a key is found in. kernel: nf_ct_zone_id() of its direction */
  zone(key: number): number {
    return zoneOf(this.keys[(key << KEY_SHIFT) + KEY_KIND])
  }

  protocol(ct: number): number {
    return this.kind(ct) & 0xff
  }

  isIpv6(ct: number): boolean {
    return this.kind(ct) >= KIND_IPV6
  }

  /** Source port << 16 | destination port of a key; ICMP: id << 16 | type << 8 | code. */
  ports(key: number): number {
    return this.keys[(key << KEY_SHIFT) + KEY_PORTS]
  }

  /** The source address of a key, or its fold for IPv6: equal addresses have equal words, hardly any others do. */
  source(key: number): number {
    return this.keys[(key << KEY_SHIFT) + KEY_SOURCE]
  }

  destination(key: number): number {
    return this.keys[(key << KEY_SHIFT) + KEY_DESTINATION]
  }

  /** Packets counted in the direction of a key. */
  packets(key: number): number {
    return this.keys[(key << KEY_SHIFT) + KEY_PACKETS] >>> 0
  }

  bytes(key: number): number {
    return this.keyBytes[(key << (KEY_SHIFT - 1)) + KEY_BYTES]
  }

  /** Capture time of the entry's first packet in nanoseconds. */
  start(ct: number): number {
    return this.starts[ct]
  }

  /** Capture time of the last packet that was counted. */
  last(ct: number): number {
    return this.entryTimes[(ct << (ENTRY_SHIFT - 1)) + LAST_TIME]
  }

  /** Number of the frame that opened the entry, in its capture. */
  firstFrame(ct: number): number {
    return this.firstFrames[ct] >>> 0
  }

  /** Word `index` (0–3) of the source address of a key; IPv4 has word 0 alone. */
  sourceWord(key: number, index: number): number {
    const wide = this.wideOf(key >> 1)
    return wide < 0 ? this.source(key) : this.wide.word(wide, key & 1, index)
  }

  /** Word `index` (0–3) of the destination address of a key; IPv4 has word 0 alone. */
  destinationWord(key: number, index: number): number {
    const wide = this.wideOf(key >> 1)
    return wide < 0 ? this.destination(key) : this.wide.word(wide, key & 1, 4 + index)
  }

  // what the engine does

  /** A fresh entry with both keys set, in no bucket yet. Counts at once, as __nf_conntrack_alloc() does. */
  allocate(original: Tuple, reply: Tuple, time: number, frame: number): number {
    let ct = this.freeEntry
    if (ct >= 0) {
      this.freeEntry = this.wideOf(ct)
      const { entries } = this
      const at = ct << ENTRY_SHIFT
      // a loop: TypedArray.prototype.fill() costs more than these few stores; new memory is zero
      for (let word = at; word < at + (1 << ENTRY_SHIFT); word++) entries[word] = 0
    } else {
      if (this.top === this.capacity) this.grow()
      ct = this.top++
    }
    this.count++
    const entries = this.entries
    const at = ct << ENTRY_SHIFT
    this.starts[ct] = time
    this.entryTimes[(ct << (ENTRY_SHIFT - 1)) + LAST_TIME] = time
    this.firstFrames[ct] = frame
    entries[at + WIDE] = original.kind >= KIND_IPV6 ? this.wide.allocate() : -1
    this.setKey(ct * 2, original)
    this.setKey(ct * 2 + 1, reply)
    return ct
  }

  /** Gives an entry back that is in no bucket (any more). */
  free(ct: number): void {
    const wide = this.wideOf(ct)
    if (wide >= 0) this.wide.free(wide)
    this.entries[(ct << ENTRY_SHIFT) + STATUS] = 0
    this.entries[(ct << ENTRY_SHIFT) + WIDE] = this.freeEntry
    this.freeEntry = ct
    this.count--
  }

  /** Puts both keys at the head of their chains, the reply key last and so first found. The entry is confirmed after. */
  link(ct: number): void {
    if (this.count * HEADS_PER_ENTRY > this.heads.length) this.growHeads()
    this.linkLive(ct)
  }

  unlink(ct: number): void {
    for (let key = ct * 2; key < ct * 2 + 2; key++) {
      this.unlinkKey(key)
      this.live?.remove(key)
    }
  }

  /** Gives a live entry another reply key. */
  setReply(ct: number, reply: Tuple): void {
    this.unlink(ct)
    this.setKey(ct * 2 + 1, reply)
    this.linkLive(ct)
  }

  /** Moves an entry whose timeout has passed to where no lookup finds it, but one that misses may meet it. */
  retire(ct: number): void {
    this.unlink(ct)
    for (let key = ct * 2; key < ct * 2 + 2; key++) this.expired.add(key, this.plainBucketOf(key))
    this.expiredCount++
  }

  unlinkExpired(ct: number): void {
    for (let key = ct * 2; key < ct * 2 + 2; key++) this.expired.remove(key, this.plainBucketOf(key))
    this.expiredCount--
  }

  /** The first key in the chain of a hash, -1 for none: where find() will look. */
  firstOf(hash: number): number {
    return this.heads[hash & this.mask]
  }

  /** Reads the cache lines of a key and its entry; the value means nothing. */
  touch(key: number): number {
    const at = (key >> 1) << ENTRY_SHIFT
    return this.keys[key << KEY_SHIFT] ^ this.entries[at] ^ this.entries[at + PROTO]
  }

  /** The key of a live entry, or -1. */
  find(tuple: Tuple, hash: number): number {
    let key = this.heads[hash & this.mask]
    while (key >= 0 && !this.matches(key, tuple)) key = this.nextKey(key)
    return key
  }

  /** The kernel's bucket of a tuple. */
  bucketOf(tuple: Tuple): number {
    return plainHash(tuple.source, tuple.destination, tuple.ports, tuple.kind) & (this.buckets - 1)
  }

  /** First expired key in a bucket of the kernel's; go on with nextKey(). -1 = none. */
  firstExpired(bucket: number): number {
    return this.expired.first(bucket)
  }

  /** The live keys of the kernel's buckets. Kept from the first call on: only a table that is full needs them. */
  liveBuckets(): LiveBuckets {
    if (this.live !== null) return this.live
    this.live = new LiveBuckets(this.buckets, this.capacity)
    for (let ct = 0; ct < this.top; ct++) if (this.isLive(ct)) this.addLive(this.live, ct)
    return this.live
  }

  /** Key after `key` in its chain, -1 at the end. */
  nextKey(key: number): number {
    return this.keys[(key << KEY_SHIFT) + KEY_NEXT]
  }

  /** plainHash() of a key as it stands. */
  plainHashOfKey(key: number): number {
    const { keys } = this
    const at = key << KEY_SHIFT
    const ports = keys[at + KEY_PORTS]
    return plainHash(keys[at + KEY_SOURCE], keys[at + KEY_DESTINATION], ports, keys[at + KEY_KIND])
  }

  /** Whether `key` is this tuple. */
  matches(key: number, tuple: Tuple): boolean {
    const keys = this.keys
    const at = key << KEY_SHIFT
    return (
      keys[at + KEY_PORTS] === tuple.ports &&
      keys[at + KEY_SOURCE] === tuple.source &&
      keys[at + KEY_DESTINATION] === tuple.destination &&
      keys[at + KEY_KIND] === tuple.kind &&
      (tuple.kind < KIND_IPV6 || this.wide.matches(this.wideOf(key >> 1), key & 1, tuple))
    )
  }

  private wideOf(ct: number): number {
    return this.entries[(ct << ENTRY_SHIFT) + WIDE]
  }

  setKey(key: number, tuple: Tuple): void {
    const keys = this.keys
    const at = key << KEY_SHIFT
    keys[at + KEY_SOURCE] = tuple.source
    keys[at + KEY_DESTINATION] = tuple.destination
    keys[at + KEY_PORTS] = tuple.ports
    keys[at + KEY_KIND] = tuple.kind
    keys[at + KEY_PACKETS] = 0
    this.keyBytes[(key << (KEY_SHIFT - 1)) + KEY_BYTES] = 0
    if (tuple.kind >= KIND_IPV6) this.wide.set(this.wideOf(key >> 1), key & 1, tuple)
  }

  /** bucketOf() the tuple of a key as it stands. */
  private plainBucketOf(key: number): number {
    return this.plainHashOfKey(key) & (this.buckets - 1)
  }

  /** hashTuple() of a key as it stands. */
  private hashOfKey(key: number): number {
    const keys = this.keys
    const at = key << KEY_SHIFT
    const kind = keys[at + KEY_KIND]
    const ports = keys[at + KEY_PORTS]
    if (kind < KIND_IPV6) return seededHash(keys[at + KEY_SOURCE], keys[at + KEY_DESTINATION], ports, kind)
    return this.wide.hash(this.wideOf(key >> 1), key & 1, ports, kind)
  }

  private linkKey(key: number): void {
    const head = this.hashOfKey(key) & this.mask
    this.keys[(key << KEY_SHIFT) + KEY_NEXT] = this.heads[head]
    this.heads[head] = key
  }

  private unlinkKey(key: number): void {
    const { heads } = this
    const head = this.hashOfKey(key) & this.mask
    const next = this.nextKey(key)
    let at = heads[head]
    if (at === key) heads[head] = next
    else {
      while (at >= 0 && this.nextKey(at) !== key) at = this.nextKey(at)
      if (at >= 0) this.keys[(at << KEY_SHIFT) + KEY_NEXT] = next
    }
  }

  private growHeads(): void {
    this.heads = new Int32Array(this.heads.length * 2).fill(-1)
    this.mask = this.heads.length - 1
    for (let ct = 0; ct < this.top; ct++) if (this.isLive(ct)) this.linkHeads(ct)
  }

  private isLive(ct: number): boolean {
    return (this.status(ct) & (IPS_CONFIRMED | STATUS_EXPIRED)) === IPS_CONFIRMED
  }

  private linkLive(ct: number): void {
    this.linkHeads(ct)
    if (this.live !== null) this.addLive(this.live, ct)
  }

  private linkHeads(ct: number): void {
    if (this.isFoundByBoth(ct)) this.linkKey(ct * 2)
    this.linkKey(ct * 2 + 1)
  }

  private addLive(live: LiveBuckets, ct: number): void {
    if (this.isFoundByBoth(ct)) live.add(ct * 2, this.plainBucketOf(ct * 2))
    live.add(ct * 2 + 1, this.plainBucketOf(ct * 2 + 1))
  }

  /** The entry of a packet that lost a clash is found by replies alone. kernel: nf_ct_resolve_clash_harder() */
  private isFoundByBoth(ct: number): boolean {
    return (this.status(ct) & IPS_NAT_CLASH) === 0
  }

  private grow(): void {
    // by half: the slack stays small beside the entries
    const capacity = Math.ceil(this.capacity * 1.5)
    this.keyMemory.grow((capacity * 2) << KEY_SHIFT)
    this.entryMemory.grow(capacity << ENTRY_SHIFT)
    this.startMemory.grow(capacity * 2)
    this.frameMemory.grow(capacity)
    this.keys = this.keyMemory.words
    this.keyBytes = this.keyMemory.doubles
    this.entries = this.entryMemory.words
    this.entryTimes = this.entryMemory.doubles
    this.starts = this.startMemory.doubles
    this.firstFrames = this.frameMemory.words
    this.capacity = capacity
    this.live?.grow(capacity)
  }
}
