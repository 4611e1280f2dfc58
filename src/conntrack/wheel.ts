// A hierarchical timing wheel over the table's timeouts, for an exact count of live entries; the kernel has no such thing.
import { IPS_CONFIRMED, STATUS_EXPIRED } from './status.ts'
import type { Table } from './table.ts'
import { ENTRY_SHIFT, STATUS, TIMEOUT, WHEEL_DUE } from './table-layout.ts'

const LEVELS = 4
const SLOT_BITS = 8
const SLOTS = 1 << SLOT_BITS
const SLOT_MASK = SLOTS - 1
/** Longest step of one advance in jiffies: keeps all differences within 31 bits. */
const LONGEST_STEP = 2 ** 30

/** A slot is a list of blocks of entries: [next block, entries used, entry …]. */
const BLOCK_SHIFT = 6
const BLOCK_NEXT = 0
const BLOCK_USED = 1
const BLOCK_ENTRIES = 2
const BLOCK_CAPACITY = (1 << BLOCK_SHIFT) - BLOCK_ENTRIES

/**
 * Finds the entries whose timeout passes, in order of time. An entry is filed once under its timeout; a refresh that
 * moves the timeout further away leaves it there, and it is filed anew when its slot comes up. A shortened timeout is
 * filed a second time, and so is an entry whose number is used again; a filing that is not where the entry says it is
 * due (WHEEL_DUE) is passed over. Nothing is ever unlinked: that would touch two neighbours, a cache miss each.
 */
export class Wheel {
  /** The jiffy up to which all expiries were found. */
  now = 0
  private readonly table: Table
  /** Called with an entry at its expiry; `jiffy` is the exact one. */
  private readonly expire: (ct: number, jiffy: number) => void
  /** First block of each slot, -1 for none. */
  private readonly slots = new Int32Array(LEVELS * SLOTS).fill(-1)
  /** Filings a level holds. */
  private readonly filed = new Int32Array(LEVELS)
  private blocks = new Int32Array(1024 << BLOCK_SHIFT)
  private blockTop = 0
  private freeBlock = -1

  constructor(table: Table, expire: (ct: number, jiffy: number) => void) {
    this.table = table
    this.expire = expire
  }

  /** Files a confirmed entry under its timeout; one that is over already is reported at once. */
  add(ct: number): void {
    const due = this.table.timeout(ct)
    if (((due - this.now) | 0) > 0) this.file(ct, due)
    else this.expire(ct, this.now)
  }

  /** To be called when an entry's timeout was set; costs a comparison unless it was shortened. */
  refresh(ct: number): void {
    const at = ct << ENTRY_SHIFT
    const entries = this.table.entries
    if (((entries[at + TIMEOUT] - entries[at + WHEEL_DUE]) | 0) < 0) this.add(ct)
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
      this.empty(0, this.now & SLOT_MASK)
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
      this.empty(level, index & SLOT_MASK)
    }
  }

  /** Takes all filings out of a slot: each is over, or is filed anew, or is passed over. */
  private empty(level: number, slot: number): void {
    const at = level * SLOTS + slot
    let block = this.slots[at]
    this.slots[at] = -1
    while (block >= 0) {
      const start = block << BLOCK_SHIFT
      const used = this.blocks[start + BLOCK_USED]
      this.filed[level] -= used
      for (let i = 0; i < used; i++) this.comeUp(this.blocks[start + BLOCK_ENTRIES + i], level)
      const next = this.blocks[start + BLOCK_NEXT]
      this.blocks[start + BLOCK_NEXT] = this.freeBlock
      this.freeBlock = block
      block = next
    }
  }

  private comeUp(ct: number, level: number): void {
    const entries = this.table.entries
    const at = ct << ENTRY_SHIFT
    if ((entries[at + STATUS] & (IPS_CONFIRMED | STATUS_EXPIRED)) !== IPS_CONFIRMED) return
    const due = entries[at + WHEEL_DUE]
    if (level > 0) {
      // of the right slot when all digits from this level up are those of now
      if ((due ^ this.now) >>> (level * SLOT_BITS) === 0) this.file(ct, due)
      return
    }
    if (due !== (this.now | 0)) return
    if (((entries[at + TIMEOUT] - this.now) | 0) > 0) this.file(ct, entries[at + TIMEOUT])
    else this.expire(ct, this.now)
  }

  private file(ct: number, due: number): void {
    this.table.entries[(ct << ENTRY_SHIFT) + WHEEL_DUE] = due
    const level = this.levelOf(due)
    const slot = level * SLOTS + ((due >>> (level * SLOT_BITS)) & SLOT_MASK)
    this.filed[level]++
    let block = this.slots[slot]
    if (block < 0 || this.blocks[(block << BLOCK_SHIFT) + BLOCK_USED] === BLOCK_CAPACITY) {
      block = this.allocateBlock(block)
      this.slots[slot] = block
    }
    const start = block << BLOCK_SHIFT
    this.blocks[start + BLOCK_ENTRIES + this.blocks[start + BLOCK_USED]++] = ct
  }

  /** An empty block in front of `next`. */
  private allocateBlock(next: number): number {
    let block = this.freeBlock
    if (block >= 0) this.freeBlock = this.blocks[(block << BLOCK_SHIFT) + BLOCK_NEXT]
    else {
      block = this.blockTop++
      if (this.blockTop << BLOCK_SHIFT > this.blocks.length) {
        const larger = new Int32Array(this.blocks.length * 2)
        larger.set(this.blocks)
        this.blocks = larger
      }
    }
    this.blocks[(block << BLOCK_SHIFT) + BLOCK_NEXT] = next
    this.blocks[(block << BLOCK_SHIFT) + BLOCK_USED] = 0
    return block
  }

  /** The highest base-256 digit in which a due jiffy differs from now. */
  private levelOf(due: number): number {
    const differing = (due ^ this.now) >>> 0
    if (differing < 1 << SLOT_BITS) return 0
    if (differing < 1 << (2 * SLOT_BITS)) return 1
    return differing < 1 << (3 * SLOT_BITS) ? 2 : 3
  }
}
