// What is known of a TCP responder at one observation point: its legs in the order they began, sums of those that ended.
import { RecordPool } from '../../net/record-pool.ts'
import { seededHash } from '../../net/seeded-hash.ts'
import { ChainedRecords } from './chained-records.ts'

// words of a record; word 0 is the pool's while it is free
/** Address, of IPv6 a fold. */
const ADDRESS = 0
/** IP version << 16 | port. */
const PORT = 1
const POINT = 2
/** Next record of the same hash. */
const NEXT = 3
/** The leg that began last, -1 for none. */
export const NEWEST = 4
/** Legs in that chain. */
export const LEGS = 5
/** Of legs that have ended: all, completed, refused, with repeated SYNs, answered, with repeated SYN-ACKs. */
export const ENDED = 6
export const COMPLETED = 7
export const REFUSED = 8
export const REPEATED = 9
export const ANSWERED = 10
export const REPEATED_ANSWERS = 11
/** When the latest connection began that was accepted, a double; NaN for never. */
export const ACCEPTED_START = 12
/** When an ended connection was last heard of whose responder had answered to the end, a double; NaN for never. */
export const ENDED_LAST = 14
/** Legs in the chain whose initiator has completed the handshake. */
export const OPEN = 16
/** Connections that were seen to leave the host again. */
export const FORWARDED = 17
/** SYNs in steps of five seconds: the latest step that had one, how many in it and in the one before, the most of two in a row. */
const STEP = 18
const IN_STEP = 19
const IN_STEP_BEFORE = 20
export const BUSIEST = 21
/** Who sent them: a bit of 32 for each address, by a hash. */
const SENDERS = 22
const WORDS = 23
const STEP_LENGTH = 5e9

/** A record lives as long as a leg of it, and longer where it has sums to keep. */
export class Responders {
  readonly pool = new RecordPool(WORDS)
  private readonly chains = new ChainedRecords(this.pool, NEXT)

  /** The record of a responder, or -1. */
  find(family: number, address: number, port: number, point: number): number {
    const key = (family << 16) | port
    let record = this.chains.first(hashOf(address, key, point))
    for (; record >= 0; record = this.chains.next(record)) {
      if (this.pool.get(record, ADDRESS) !== address || this.pool.get(record, PORT) !== key) continue
      if (this.pool.get(record, POINT) === point) return record
    }
    return -1
  }

  /** The record of a responder, a new one where there was none. */
  findOrAdd(family: number, address: number, port: number, point: number): number {
    const known = this.find(family, address, port, point)
    if (known >= 0) return known
    if (this.chains.grow(this.pool.count + 1)) this.relink()
    const record = this.pool.allocate()
    this.pool.set(record, ADDRESS, address)
    this.pool.set(record, PORT, (family << 16) | port)
    this.pool.set(record, POINT, point)
    this.pool.set(record, NEWEST, -1)
    this.pool.setDouble(record, ACCEPTED_START, Number.NaN)
    this.pool.setDouble(record, ENDED_LAST, Number.NaN)
    this.chains.link(record, this.hashOfRecord(record))
    return record
  }

  get(record: number, word: number): number {
    return this.pool.get(record, word)
  }

  point(record: number): number {
    return this.pool.get(record, POINT)
  }

  count(record: number, word: number): void {
    this.pool.set(record, word, this.pool.get(record, word) + 1)
  }

  discount(record: number, word: number): void {
    this.pool.set(record, word, this.pool.get(record, word) - 1)
  }

  /** A first SYN came, at `time`, from an address (of IPv6 a fold). */
  countSyn(record: number, time: number, sender: number): void {
    const { pool } = this
    const step = Math.floor(time / STEP_LENGTH)
    const known = pool.get(record, STEP)
    if (step > known) {
      pool.set(record, IN_STEP_BEFORE, step === known + 1 ? pool.get(record, IN_STEP) : 0)
      pool.set(record, IN_STEP, 0)
      pool.set(record, STEP, step)
    }
    this.count(record, IN_STEP)
    const recent = pool.get(record, IN_STEP) + pool.get(record, IN_STEP_BEFORE)
    if (recent > pool.get(record, BUSIEST)) pool.set(record, BUSIEST, recent)
    const bit = Math.imul(sender, 0x9e3779b1) >>> 27
    pool.set(record, SENDERS, pool.get(record, SENDERS) | (1 << bit))
  }

  /** How many addresses sent SYNs, at least; 32 at most. */
  senders(record: number): number {
    let count = 0
    for (let bits = this.pool.get(record, SENDERS); bits !== 0; bits &= bits - 1) count++
    return count
  }

  /** Moves a time on, ACCEPTED_START or ENDED_LAST, unless it is later already. */
  note(record: number, word: number, time: number): void {
    const known = this.pool.getDouble(record, word)
    if (!(known >= time)) this.pool.setDouble(record, word, time)
  }

  time(record: number, word: number): number {
    return this.pool.getDouble(record, word)
  }

  /** Visits every record. */
  forEach(visit: (record: number) => void): void {
    this.chains.forEach(visit)
  }

  remove(record: number): void {
    this.chains.unlink(record, this.hashOfRecord(record))
    this.pool.set(record, PORT, 0)
    this.pool.free(record)
  }

  /** Links all again, after the heads have grown: the old chains are lost, so the records themselves are gone over. */
  private relink(): void {
    for (let record = 0; record < this.pool.top; record++) {
      if (this.pool.get(record, PORT) > 0) this.chains.link(record, this.hashOfRecord(record))
    }
  }

  private hashOfRecord(record: number): number {
    const { pool } = this
    return hashOf(pool.get(record, ADDRESS), pool.get(record, PORT), pool.get(record, POINT))
  }
}

function hashOf(address: number, port: number, point: number): number {
  return seededHash(address, port, point, 0)
}
