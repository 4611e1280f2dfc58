// The garbage collector: gc_worker() of nf_conntrack_core.c, its schedule and what it evicts.
import { IPPROTO_SCTP, IPPROTO_TCP } from '../net/numbers.ts'
import { SCTP_SHUTDOWN_ACK_SENT, SCTP_SHUTDOWN_SENT } from './proto/sctp-table.ts'
import { TCP_CLOSE, TCP_FIN_WAIT } from './proto/tcp-table.ts'
import type { Settings } from './settings.ts'
import { IPS_ASSURED, IPS_CONFIRMED } from './status.ts'
import type { Table } from './table.ts'

/** In seconds. kernel: GC_SCAN_INTERVAL_MIN, GC_SCAN_INTERVAL_MAX */
const INTERVAL_MIN = 1
const INTERVAL_MAX = 60
/** Timeouts count for at most so many seconds when the next scan is planned. */
const INTERVAL_CLAMP = 300
/** The average starts as if there were this many entries at INTERVAL_MAX. */
const INITIAL_COUNT = 100
/** Entries a second that runs evict at most, each of which then yields for a jiffy. */
const EXPIRED_MAX = 64000

/**
 * One worker for the table. The kernel walks hash buckets, we walk entries: the order within a scan differs (it is
 * random in the kernel), the schedule and the numbers do not. A run is taken to last no time: the kernel's pause after
 * 10 ms of scanning is not modelled. The phase is unknown to a capture; it starts with the replay.
 */
export class GarbageCollector {
  /** The jiffy of the next run, not wrapped. */
  nextRun: number
  /** Set when early_drop() found nothing to drop: the next runs evict down to 95 % of the maximum. */
  earlyDrop = false
  private nextEntry = 0
  private average: number
  private samples = INITIAL_COUNT
  private scanStart = 0

  private readonly table: Table
  /** The constants above, in jiffies and entries a run. */
  private readonly intervalMin: number
  private readonly intervalMax: number
  private readonly intervalClamp: number
  private readonly expiredMax: number
  /** Entries above which closing ones go after a failed early drop: nf_conntrack_max95 of the kernel, 0 = never. */
  private readonly threshold: number
  /** Entries outside the capture: taken to be ASSURED, and to outlive it. */
  private readonly held: number
  private readonly evict: (ct: number, early: boolean) => void

  constructor(table: Table, settings: Settings, evict: (ct: number, early: boolean) => void) {
    this.table = table
    this.intervalMin = INTERVAL_MIN * table.hz
    this.intervalMax = INTERVAL_MAX * table.hz
    this.intervalClamp = INTERVAL_CLAMP * table.hz
    this.expiredMax = Math.floor(EXPIRED_MAX / table.hz)
    this.nextRun = table.hz
    this.average = this.intervalMax
    this.threshold = Math.floor(settings.nf_conntrack_max / 100) * 95
    this.held = settings.nf_conntrack_count
    this.evict = evict
  }

  /** The run that is due at `nextRun`; plans the one after. */
  run(): void {
    const now = this.nextRun
    const threshold = this.earlyDrop ? this.threshold : 0
    if (this.nextEntry === 0) {
      // each of the entries outside would have drawn the average towards INTERVAL_CLAMP, by both its keys
      const outside = this.held * 2
      this.samples = INITIAL_COUNT + outside
      this.average = Math.floor(
        (this.intervalMax * INITIAL_COUNT + this.intervalClamp * outside) / this.samples,
      )
      this.scanStart = now
    }
    if (!this.scan(now, threshold)) {
      // goes on in the next jiffy, or at once when the whole cycle has taken too long
      const pause = now - this.scanStart < this.intervalMax ? 1 : 0
      this.nextRun = now + pause
      if (pause > 0) this.earlyDrop = false
      return
    }
    this.nextEntry = 0
    const interval = Math.min(Math.max(this.average, this.intervalMin), this.intervalMax)
    const elapsed = Math.max(now - this.scanStart, 1)
    this.nextRun = now + (interval > elapsed ? interval - elapsed : 1)
    this.earlyDrop = false
  }

  /** When the table has been empty since the last run, moves the schedule on as the idle runs would have. */
  skipTo(jiffy: number): void {
    const idle = this.intervalMax - 1
    if (jiffy > this.nextRun) this.nextRun += Math.ceil((jiffy - this.nextRun) / idle) * idle
  }

  private scan(now: number, threshold: number): boolean {
    const { table, intervalMin, intervalClamp } = this
    let average = this.average
    let samples = this.samples
    let evicted = 0
    let ct = this.nextEntry
    let finished = true
    for (; ct < table.top; ct++) {
      if ((table.status(ct) & IPS_CONFIRMED) === 0) continue
      if (evicted > this.expiredMax) {
        finished = false
        break
      }
      const left = (table.timeout(ct) - now) | 0
      if (left <= 0) {
        this.evict(ct, false)
        evicted++
        continue
      }
      // each entry is met twice, by both its keys, unless the first makes it go
      const clamped = left < intervalMin ? intervalMin : left > intervalClamp ? intervalClamp : left
      average += Math.trunc((clamped - average) / ++samples)
      if (threshold !== 0 && table.count + this.held >= threshold && this.canEarlyDrop(ct)) {
        this.evict(ct, true)
        evicted++
        continue
      }
      average += Math.trunc((clamped - average) / ++samples)
    }
    this.average = average
    this.samples = samples
    this.nextEntry = ct
    return finished
  }

  private canEarlyDrop(ct: number): boolean {
    if ((this.table.status(ct) & IPS_ASSURED) === 0) return true
    const state = this.table.state(ct)
    switch (this.table.protocol(ct)) {
      case IPPROTO_TCP:
        return state >= TCP_FIN_WAIT && state <= TCP_CLOSE
      case IPPROTO_SCTP:
        return state >= SCTP_SHUTDOWN_SENT && state <= SCTP_SHUTDOWN_ACK_SENT
      default:
        return false
    }
  }
}
