// Owners of entries in a hash: live entries, entries at the peak, entry-time. Of the idle ones the smallest are forgotten.
import { KIND_IPV6 } from '../../conntrack/tuple.ts'
import { alignedInt32, doublesOf } from '../../net/cache-line.ts'
import { seededFold, seededHash } from '../../net/seeded-hash.ts'
import { TopList } from './top-list.ts'

/** The reused record of whom an entry belongs to: a source address, or an address with its protocol and port. */
export class OwnerKey {
  /** An IPv4 address has word 0 alone. */
  word0 = 0
  word1 = 0
  word2 = 0
  word3 = 0
  /** Protocol number (0 for an address alone), plus KIND_IPV6. */
  kind = 0
  port = 0
}

export interface Owner {
  ipv6: boolean
  words: [number, number, number, number]
  /** 0 for an address alone. */
  protocol: number
  /** 0 for an address alone, and for protocols without ports. */
  port: number
  /** Live entries when the table stood at its peak. */
  atPeak: number
  /** Nanoseconds that the owner's entries have lived, summed over the entries. */
  held: number
}

/** Owners that are kept before any is forgotten. */
const LEAST_CAPACITY = 1 << 16
/** Owners of a chunk, 4 MB: what grows by chunks is never copied, and leaves nothing behind. */
const CHUNK_SHIFT = 16
const CHUNK_MASK = (1 << CHUNK_SHIFT) - 1
/** Words of an owner: the key's six, its live entries, those at the peak PEAK, its entry-time as a double. */
const SHIFT = 4
const KIND = 4
const PORT = 5
const LIVE = 6
const AT_PEAK = 7
const PEAK = 8
const HELD = 5

/**
 * Owners with live entries are all kept, and those of the peak; of the others those with most entry-time. Whoever comes
 * back after having been forgotten starts again at nothing: `heldError` bounds what is missing.
 */
export class OwnerTable {
  /** By how many nanoseconds `held` of any one owner may be too low. */
  heldError = 0
  private readonly chunks: Int32Array<ArrayBuffer>[] = []
  /**
   * The same memory: at HELD of an owner its entry-nanoseconds, short of those of its live entries since time 0; NaN
   * where there is no owner any more.
   */
  private readonly doubles: Float64Array<ArrayBuffer>[] = []
  /** One more than the highest owner ever used; owners in use; numbers to be used again. */
  private top = 0
  private size = 0
  private readonly freed: number[] = []
  /** Owner + 1 in each slot of an open hash, 0 for none. */
  private slots = new Int32Array(256)
  private readonly leastCapacity: number
  private capacity: number
  /** The peak there is: the counts of an owner that has not changed since belong to it. */
  private peak = 0

  /** @param capacity owners that are kept before any is forgotten */
  constructor(capacity = LEAST_CAPACITY) {
    this.leastCapacity = capacity
    this.capacity = capacity
    // whoever reads ahead may ask for owner 0 before there is any
    this.grow()
  }

  /**
   * An entry of an owner begins at `time`.
   * @returns the owner's number, for leave()
   */
  enter(key: OwnerKey, time: number): number {
    let slot = this.slotOf(hashOf(key))
    let owner = this.slots[slot] - 1
    while (owner >= 0 && !this.matches(owner, key)) {
      slot = (slot + 1) & (this.slots.length - 1)
      owner = this.slots[slot] - 1
    }
    if (owner < 0) owner = this.add(key, slot)
    this.change(owner, 1)
    this.hold(owner, -time)
    return owner
  }

  /** Owner + 1 in the first slot where a key may stand, 0 for none: where enter() will look. */
  firstOf(key: OwnerKey): number {
    return this.slots[this.slotOf(hashOf(key))]
  }

  /** Reads the cache line of an owner; the value means nothing. */
  touch(owner: number): number {
    return this.wordsOf(owner)[placeOf(owner)]
  }

  /** An entry of the owner ends. */
  leave(owner: number, time: number): void {
    this.change(owner, -1)
    this.hold(owner, time)
  }

  /** The counts as they stand are those of the peak, until there is another. */
  markPeak(): void {
    this.peak++
  }

  /** The `count` largest in each respect that have any, largest first; `held` is up to `time`. */
  largest(count: number, time: number): Record<'atPeak' | 'held', Owner[]> {
    const atPeak = new TopList<number>(count)
    const held = new TopList<number>(count)
    for (let owner = 0; owner < this.top; owner++) {
      if (Number.isNaN(this.held(owner))) continue
      const entries = this.atPeak(owner)
      if (entries > 0 && atPeak.admits(entries, owner)) atPeak.add(entries, owner, owner)
      const life = this.heldBy(owner, time)
      if (life > 0 && held.admits(life, owner)) held.add(life, owner, owner)
    }
    const describe = (owner: number): Owner => this.describe(owner, time)
    return { atPeak: atPeak.sorted().map(describe), held: held.sorted().map(describe) }
  }

  private describe(owner: number, time: number): Owner {
    const words = this.wordsOf(owner)
    const at = placeOf(owner)
    return {
      ipv6: words[at + KIND] >= KIND_IPV6,
      words: [words[at], words[at + 1], words[at + 2], words[at + 3]],
      protocol: words[at + KIND] & 0xff,
      port: words[at + PORT],
      atPeak: this.atPeak(owner),
      held: this.heldBy(owner, time),
    }
  }

  private atPeak(owner: number): number {
    const words = this.wordsOf(owner)
    const at = placeOf(owner)
    return words[at + PEAK] === this.peak ? words[at + AT_PEAK] : words[at + LIVE]
  }

  private held(owner: number): number {
    return this.doubles[owner >> CHUNK_SHIFT][(placeOf(owner) >> 1) + HELD]
  }

  private heldBy(owner: number, time: number): number {
    return this.held(owner) + this.live(owner) * time
  }

  private change(owner: number, by: number): void {
    const words = this.wordsOf(owner)
    const at = placeOf(owner)
    if (words[at + PEAK] !== this.peak) {
      words[at + PEAK] = this.peak
      words[at + AT_PEAK] = words[at + LIVE]
    }
    words[at + LIVE] += by
  }

  private add(key: OwnerKey, slot: number): number {
    if (this.size === this.capacity) {
      this.forget()
      return this.add(key, this.freeSlot(hashOf(key)))
    }
    if (this.size * 2 >= this.slots.length) {
      this.rehash(this.slots.length * 2)
      return this.add(key, this.freeSlot(hashOf(key)))
    }
    const owner = this.freed.pop() ?? this.top++
    if (owner >> CHUNK_SHIFT === this.chunks.length) this.grow()
    this.slots[slot] = owner + 1
    this.size++
    const words = this.wordsOf(owner)
    const at = placeOf(owner)
    words[at] = key.word0
    words[at + 1] = key.word1
    words[at + 2] = key.word2
    words[at + 3] = key.word3
    words[at + KIND] = key.kind
    words[at + PORT] = key.port
    words[at + LIVE] = 0
    words[at + PEAK] = this.peak
    // whoever comes after the peak had none then
    words[at + AT_PEAK] = 0
    this.setHeld(owner, 0)
    return owner
  }

  private matches(owner: number, key: OwnerKey): boolean {
    const words = this.wordsOf(owner)
    const at = placeOf(owner)
    return (
      words[at] === key.word0 &&
      words[at + PORT] === key.port &&
      words[at + KIND] === key.kind &&
      words[at + 1] === key.word1 &&
      words[at + 2] === key.word2 &&
      words[at + 3] === key.word3
    )
  }

  /** Forgets the lesser half of the owners that have nothing in the table, and had nothing at the peak. */
  private forget(): void {
    const idle: number[] = []
    for (let owner = 0; owner < this.top; owner++) {
      if (Number.isNaN(this.held(owner)) || this.live(owner) > 0) continue
      if (this.atPeak(owner) === 0) idle.push(owner)
    }
    idle.sort((a, b) => this.held(a) - this.held(b) || a - b)
    idle.length = Math.ceil(idle.length / 2)
    if (idle.length > 0) this.heldError += this.held(idle[idle.length - 1])
    for (const owner of idle) {
      this.setHeld(owner, Number.NaN)
      this.freed.push(owner)
    }
    this.size -= idle.length
    this.capacity = Math.max(this.leastCapacity, this.size * 2)
    this.rehash(this.slots.length)
  }

  private rehash(length: number): void {
    this.slots = new Int32Array(length)
    for (let owner = 0; owner < this.top; owner++) {
      if (!Number.isNaN(this.held(owner))) this.slots[this.freeSlot(this.hashOfOwner(owner))] = owner + 1
    }
  }

  private freeSlot(hash: number): number {
    let slot = this.slotOf(hash)
    while (this.slots[slot] !== 0) slot = (slot + 1) & (this.slots.length - 1)
    return slot
  }

  private slotOf(hash: number): number {
    return hash & (this.slots.length - 1)
  }

  private hashOfOwner(owner: number): number {
    const words = this.wordsOf(owner)
    const at = placeOf(owner)
    return hash6(words[at], words[at + 1], words[at + 2], words[at + 3], words[at + KIND], words[at + PORT])
  }

  private grow(): void {
    const words = alignedInt32(1 << (CHUNK_SHIFT + SHIFT))
    this.chunks.push(words)
    this.doubles.push(doublesOf(words))
  }

  private wordsOf(owner: number): Int32Array {
    return this.chunks[owner >> CHUNK_SHIFT]
  }

  private live(owner: number): number {
    return this.wordsOf(owner)[placeOf(owner) + LIVE]
  }

  private hold(owner: number, time: number): void {
    this.doubles[owner >> CHUNK_SHIFT][(placeOf(owner) >> 1) + HELD] += time
  }

  private setHeld(owner: number, time: number): void {
    this.doubles[owner >> CHUNK_SHIFT][(placeOf(owner) >> 1) + HELD] = time
  }
}

/** Where an owner stands in its chunk. */
function placeOf(owner: number): number {
  return (owner & CHUNK_MASK) << SHIFT
}

function hashOf(key: OwnerKey): number {
  return hash6(key.word0, key.word1, key.word2, key.word3, key.kind, key.port)
}

function hash6(w0: number, w1: number, w2: number, w3: number, kind: number, port: number): number {
  const address = kind >= KIND_IPV6 ? seededFold(w0, w1, w2, w3) : w0
  return seededHash(address, port, kind, 0)
}
