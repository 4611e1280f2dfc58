// The way of an entry's packets through the host: by which points they came in and left, how many did not leave, and when.

import { RecordPool } from '../../net/record-pool.ts'
import { pointOfSide } from '../../vantage/record/points.ts'
import type { Sightings } from '../../vantage/record/sighting.ts'

/** Points that a mask has room for; what others show counts for none. */
const MASKED_POINTS = 32

// words of a record: those of the original direction, then the same of the reply's
/** Points that showed packets before they were routed, and after, a bit each. */
const IN_POINTS = 0
const OUT_POINTS = 1
/** Packets that were seen to leave, and that were not. */
const PASSED = 2
const STAYED = 3
/** Frame of the first and the last of each, and the captures of those that passed << 16 | that stayed. */
const FIRST_PASSED = 4
const LAST_PASSED = 5
const FIRST_STAYED = 6
const LAST_STAYED = 7
const CAPTURES = 8
/** Of requests alone: those since the last answer. */
const SILENT = 9
/** Doubles: when the last packet passed, when the first stayed of those since then, when the last packet came. */
const PASSED_TIME = 10
const STAYED_TIME = 12
const LAST_TIME = 14
const DIRECTION_WORDS = 16
/** Of requests alone, in the answers' word for SILENT: those that were seen translated. */
const TRANSLATED = DIRECTION_WORDS + SILENT

const NOTHING = 0

/** Kept where a capture shows several points alone. Directions are 0 for the original, 1 for the reply. */
export class Transits {
  private readonly pool = new RecordPool(DIRECTION_WORDS * 2)
  /** Record of an entry, plus one. */
  private records = new Int32Array(1 << 10)
  /** When each point showed a packet that left the host there. */
  private readonly exits = new Float64Array(MASKED_POINTS).fill(Number.NEGATIVE_INFINITY)

  /** A packet of an entry, with all that saw it. @param key ct * 2 + direction */
  packet(sightings: Sightings, key: number): void {
    const ct = key >> 1
    if (sightings.isLate || ct < 0) return
    const record = this.recordOf(ct)
    const base = (key & 1) * DIRECTION_WORDS
    const { pool } = this
    const ttl = sightings.ttl(0)
    let ins = pool.get(record, base + IN_POINTS)
    let outs = 0
    let exit = -1
    for (let i = 0; i < sightings.count; i++) {
      const bit = bitOf(sightings.point(i))
      if (sightings.ttl(i) >= ttl) ins |= bit
      else {
        outs |= bit
        exit = i
      }
    }
    pool.set(record, base + IN_POINTS, ins)
    pool.set(record, SILENT, base === 0 ? pool.get(record, SILENT) + 1 : 0)
    if (base === 0 && sightings.translated !== 0)
      pool.set(record, TRANSLATED, pool.get(record, TRANSLATED) + 1)
    // times are stored where they are read: as arguments they would be boxed
    const { doubles } = pool
    const at = pool.at(record) + base
    doubles[(at + LAST_TIME) >> 1] = sightings.time(0)
    if (exit >= 0) {
      doubles[(at + PASSED_TIME) >> 1] = sightings.time(exit)
      doubles[(at + STAYED_TIME) >> 1] = 0
      const point = pointOfSide(sightings.point(exit))
      if (point < MASKED_POINTS) this.exits[point] = sightings.time(exit)
      this.passed(record, base, outs, sightings, exit)
      return
    }
    const isFirst = doubles[(at + STAYED_TIME) >> 1] === 0
    if (isFirst) doubles[(at + STAYED_TIME) >> 1] = sightings.time(0)
    this.stayed(record, base, sightings, isFirst)
  }

  /** The record of an entry, or -1. */
  of(ct: number): number {
    return ct < this.records.length ? this.records[ct] - 1 : -1
  }

  /** The entry has ended: nothing is known of it any more. */
  forget(ct: number): void {
    const record = this.of(ct)
    if (record < 0) return
    this.pool.free(record)
    this.records[ct] = NOTHING
  }

  inPoints(record: number, direction: number): number {
    return this.word(record, direction, IN_POINTS)
  }

  outPoints(record: number, direction: number): number {
    return this.word(record, direction, OUT_POINTS)
  }

  passedCount(record: number, direction: number): number {
    return this.word(record, direction, PASSED)
  }

  stayedCount(record: number, direction: number): number {
    return this.word(record, direction, STAYED)
  }

  /** Requests of an entry since its last answer; 0 where its way is not known. */
  silentCount(ct: number): number {
    const record = this.of(ct)
    return record < 0 ? 0 : this.pool.get(record, SILENT)
  }

  /** Requests of an entry that were seen translated. */
  translatedCount(record: number): number {
    return this.pool.get(record, TRANSLATED)
  }

  /** Frames where the first and the last packet left, as their capture has them. */
  passedFrames(record: number, direction: number): { capture: number; first: number; last: number } {
    const word = (which: number): number => this.word(record, direction, which)
    return { capture: word(CAPTURES) >>> 16, first: word(FIRST_PASSED), last: word(LAST_PASSED) }
  }

  /** Frames of the first and the last packet that did not leave. */
  stayedFrames(record: number, direction: number): { capture: number; first: number; last: number } {
    const word = (which: number): number => this.word(record, direction, which)
    return { capture: word(CAPTURES) & 0xffff, first: word(FIRST_STAYED), last: word(LAST_STAYED) }
  }

  /** When the last packet left; 0 where none did. */
  passedTime(record: number, direction: number): number {
    return this.pool.getDouble(record, direction * DIRECTION_WORDS + PASSED_TIME)
  }

  /** When the first packet came of those that have not left since. */
  stayedTime(record: number, direction: number): number {
    return this.pool.getDouble(record, direction * DIRECTION_WORDS + STAYED_TIME)
  }

  /** When the last packet came. */
  lastTime(record: number, direction: number): number {
    return this.pool.getDouble(record, direction * DIRECTION_WORDS + LAST_TIME)
  }

  /** Whether any of some points showed a packet leaving after a time: then it still captured what leaves. */
  hasExitedSince(points: number, time: number): boolean {
    for (let point = 0; point < MASKED_POINTS; point++) {
      if ((points & (1 << point)) !== 0 && this.exits[point] >= time) return true
    }
    return false
  }

  private passed(record: number, base: number, outs: number, sightings: Sightings, exit: number): void {
    const { pool } = this
    const passed = pool.get(record, base + PASSED)
    const frame = sightings.frame(exit)
    pool.set(record, base + OUT_POINTS, pool.get(record, base + OUT_POINTS) | outs)
    if (passed === 0) pool.set(record, base + FIRST_PASSED, frame)
    pool.set(record, base + LAST_PASSED, frame)
    pool.set(record, base + PASSED, passed + 1)
    const captures = pool.get(record, base + CAPTURES)
    pool.set(record, base + CAPTURES, (captures & 0xffff) | (sightings.capture(exit) << 16))
  }

  private stayed(record: number, base: number, sightings: Sightings, isFirst: boolean): void {
    const { pool } = this
    const frame = sightings.frame(0)
    const stayed = pool.get(record, base + STAYED)
    if (isFirst) pool.set(record, base + FIRST_STAYED, frame)
    pool.set(record, base + LAST_STAYED, frame)
    pool.set(record, base + STAYED, stayed + 1)
    const captures = pool.get(record, base + CAPTURES)
    pool.set(record, base + CAPTURES, (captures & ~0xffff) | sightings.capture(0))
  }

  private word(record: number, direction: number, word: number): number {
    return this.pool.get(record, direction * DIRECTION_WORDS + word)
  }

  private recordOf(ct: number): number {
    if (ct >= this.records.length) {
      const larger = new Int32Array(2 ** Math.ceil(Math.log2(ct + 1)))
      larger.set(this.records)
      this.records = larger
    }
    if (this.records[ct] === NOTHING) this.records[ct] = this.pool.allocate() + 1
    return this.records[ct] - 1
  }
}

/** The bit of a sighting's point in a mask; 0 beyond those that are told apart. */
export function bitOf(side: number): number {
  const point = pointOfSide(side)
  return point < MASKED_POINTS ? 1 << point : 0
}

/** Whether a mask of points has that of a sighting. */
export function hasPoint(mask: number, side: number): boolean {
  return (mask & bitOf(side)) !== 0
}

/** The lowest point of a mask, or -1. */
export function firstPoint(mask: number): number {
  return 31 - Math.clz32(mask & -mask)
}

/** The points of a mask, by number. */
export function pointsOf(mask: number): number[] {
  return Array.from({ length: MASKED_POINTS }, (_, point) => point).filter(
    point => (mask & (1 << point)) !== 0,
  )
}
