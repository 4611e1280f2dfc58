// A hierarchical timing wheel over the table's timeouts, for an exact count of live entries; the kernel has no such thing.
import { IPS_CONFIRMED } from './status.ts'
import { ENTRY_SHIFT, type Table, WHEEL_DUE, WHEEL_NEXT, WHEEL_PREVIOUS } from './table.ts'

const LEVELS = 4
const SLOT_BITS = 8
const SLOTS = 1 << SLOT_BITS
const SLOT_MASK = SLOTS - 1
/** Longest step of one advance in jiffies: keeps all differences within 31 bits. */
const LONGEST_STEP = 2 ** 30

/**
 * Finds the entries whose timeout passes, in order of time. An entry is filed once under its timeout; a refresh that
 * moves the timeout further away leaves it there, and it is filed anew when its slot comes up. Only a shortened
 * timeout is filed at once.
 */
export class Wheel {
  /** The jiffy up to which all expiries were found. */
  now = 0
  private readonly table: Table
  /** Called with an entry at its expiry; `jiffy` is the exact one. */
  private readonly expire: (ct: number, jiffy: number) => void
  private readonly slots = new Int32Array(LEVELS * SLOTS).fill(-1)
  private readonly filed = new Int32Array(LEVELS)

  constructor(table: Table, expire: (ct: number, jiffy: number) => void) {
    this.table = table
    this.expire = expire
  }

  /** Files a confirmed entry under its timeout; one that is over already is reported at once. */
  add(ct: number): void {
    const due = this.table.timeout(ct)
    if (((due - this.now) | 0) > 0) this.file(ct, due)
    else {
      this.table.entries[(ct << ENTRY_SHIFT) + WHEEL_PREVIOUS] = UNFILED
      this.expire(ct, this.now)
    }
  }

  /** Takes an entry out again; harmless for one that is not filed. */
  remove(ct: number): void {
    const entries = this.table.entries
    const at = ct << ENTRY_SHIFT
    const previous = entries[at + WHEEL_PREVIOUS]
    if (previous === UNFILED) return
    const next = entries[at + WHEEL_NEXT]
    if (previous < 0) this.slots[~previous] = next
    else entries[(previous << ENTRY_SHIFT) + WHEEL_NEXT] = next
    if (next >= 0) entries[(next << ENTRY_SHIFT) + WHEEL_PREVIOUS] = previous
    this.filed[this.levelOf(entries[at + WHEEL_DUE])]--
    entries[at + WHEEL_PREVIOUS] = UNFILED
  }

  /** To be called when an entry's timeout was set; costs a comparison unless it was shortened. */
  refresh(ct: number): void {
    const due = this.table.timeout(ct)
    if (((due - this.table.entries[(ct << ENTRY_SHIFT) + WHEEL_DUE]) | 0) >= 0) return
    this.remove(ct)
    this.add(ct)
  }

  /** Reports all expiries up to and including jiffy `to` (a whole number, not wrapped). */
  advance(to: number): void {
    while (to - this.now > LONGEST_STEP) this.step(this.now + LONGEST_STEP)
    this.step(to)
  }

  private step(to: number): void {
    while (this.now < to) {
      const gap = this.emptyUntil()
      if (gap >= to) {
        this.now = to
        return
      }
      if (gap > this.now) this.now = gap
      this.now++
      this.cascade()
      this.expireSlot(this.now & SLOT_MASK)
    }
  }

  /** The jiffy before the next one at which anything can come up. */
  private emptyUntil(): number {
    if (this.filed[0] !== 0) return this.now
    let span = SLOTS
    for (let level = 1; level < LEVELS; level++) {
      if (this.filed[level] !== 0) return Math.floor(this.now / span) * span + span - 1
      span *= SLOTS
    }
    return Number.POSITIVE_INFINITY
  }

  /** Brings the slots of the coarser levels that begin at `now` down. */
  private cascade(): void {
    let index = this.now
    for (let level = 1; level < LEVELS && (index & SLOT_MASK) === 0; level++) {
      index = Math.floor(index / SLOTS)
      const slot = level * SLOTS + (index & SLOT_MASK)
      let ct = this.slots[slot]
      this.slots[slot] = -1
      while (ct >= 0) {
        const next = this.table.entries[(ct << ENTRY_SHIFT) + WHEEL_NEXT]
        this.filed[level]--
        this.file(ct, this.table.entries[(ct << ENTRY_SHIFT) + WHEEL_DUE])
        ct = next
      }
    }
  }

  private expireSlot(slot: number): void {
    const entries = this.table.entries
    let ct = this.slots[slot]
    this.slots[slot] = -1
    while (ct >= 0) {
      const next = entries[(ct << ENTRY_SHIFT) + WHEEL_NEXT]
      this.filed[0]--
      entries[(ct << ENTRY_SHIFT) + WHEEL_PREVIOUS] = UNFILED
      const timeout = this.table.timeout(ct)
      if (((timeout - this.now) | 0) > 0) this.file(ct, timeout)
      else if ((this.table.status(ct) & IPS_CONFIRMED) !== 0) this.expire(ct, this.now)
      ct = next
    }
  }

  private file(ct: number, due: number): void {
    const entries = this.table.entries
    const at = ct << ENTRY_SHIFT
    entries[at + WHEEL_DUE] = due
    const level = this.levelOf(due)
    const slot = level * SLOTS + ((due >>> (level * SLOT_BITS)) & SLOT_MASK)
    const first = this.slots[slot]
    entries[at + WHEEL_NEXT] = first
    entries[at + WHEEL_PREVIOUS] = ~slot
    if (first >= 0) entries[(first << ENTRY_SHIFT) + WHEEL_PREVIOUS] = ct
    this.slots[slot] = ct
    this.filed[level]++
  }

  /** The highest base-256 digit in which a due jiffy differs from now: the same when filed and when taken out. */
  private levelOf(due: number): number {
    const differing = due ^ (this.now | 0)
    if (differing >>> 0 < 1 << SLOT_BITS) return 0
    if (differing >>> 0 < 1 << (2 * SLOT_BITS)) return 1
    return differing >>> 0 < 1 << (3 * SLOT_BITS) ? 2 : 3
  }
}

/** In WHEEL_PREVIOUS: filed nowhere. Other negative values name the slot the entry is first in. */
const UNFILED = -0x80000000
