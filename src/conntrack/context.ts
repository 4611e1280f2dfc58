// What a tracker may read and do while it judges a packet: table, timeouts, the jiffy, refresh, events, complaints.
import { TIME_ZERO } from '../net/time.ts'
import type { Packet } from '../packet/packet.ts'
import type { Traits } from './kernel.ts'
import { Reasons } from './reason.ts'
import type { Settings } from './settings.ts'
import { IPCT_ASSURED, IPS_ASSURED, IPS_CONFIRMED, IPS_FIXED_TIMEOUT } from './status.ts'
import type { Table } from './table.ts'
import {
  ENTRY_SHIFT,
  EVENTS,
  KEY_BYTES,
  KEY_PACKETS,
  KEY_SHIFT,
  LAST_TIME,
  MET,
  STATUS,
  TIMEOUT,
} from './table-layout.ts'
import { type Timeouts, timeoutsOf } from './timeouts.ts'
import type { Wheel } from './wheel.ts'

/** What a tracker answers. kernel: NF_ACCEPT, -NF_ACCEPT, -NF_REPEAT */
export const ACCEPT = 1
/** The packet is INVALID; the reasons, if any, are in `context.reasons`. */
export const REFUSE = 0
/** Delete this entry and look the packet up again: a closed connection is being reopened. */
export const REPEAT = 2

export class Context {
  readonly table: Table
  private readonly wheel: Wheel
  /** The current jiffy, wrapped to 32 bits as the kernel's nfct_time_stamp. */
  jiffies = 0
  /** Capture time of the packet in nanoseconds, never running backwards. */
  time = TIME_ZERO
  readonly reasons: Reasons
  readonly timeouts: Timeouts
  /** What the kernel does in its own way. */
  readonly traits: Traits
  readonly loose: boolean
  readonly beLiberal: boolean
  readonly ignoreInvalidRst: boolean
  readonly maxRetrans: number
  readonly checksum: boolean
  /** Nanoseconds between the packet counted last and the packet that its entry counted before. */
  idle = 0
  /** Set by a tracker for the engine: the entry dies with this packet. kernel: nf_ct_kill_acct() */
  killed = false
  /** Whether the packet is seen behind its translation (known-engine.ts): its addresses are not those its entry is found by. */
  behind = false

  constructor(settings: Settings, table: Table, wheel: Wheel) {
    this.table = table
    this.wheel = wheel
    this.timeouts = timeoutsOf(settings)
    this.traits = settings.kernel.traits
    this.reasons = new Reasons(this.traits)
    this.loose = settings.nf_conntrack_tcp_loose !== 0
    this.beLiberal = settings.nf_conntrack_tcp_be_liberal !== 0
    this.ignoreInvalidRst = settings.nf_conntrack_tcp_ignore_invalid_rst !== 0 && this.traits.tcpLenientRst
    this.maxRetrans = settings.nf_conntrack_tcp_max_retrans
    this.checksum = settings.nf_conntrack_checksum !== 0
  }

  /** Sets the timeout `extra` jiffies away and counts the packet. kernel: __nf_ct_refresh_acct() */
  refresh(ct: number, direction: number, packet: Packet, extra: number): void {
    this.extend(ct, extra)
    this.account(ct, direction, packet)
  }

  /** Sets the timeout `extra` jiffies away. kernel: nf_ct_refresh() */
  extend(ct: number, extra: number): void {
    const entries = this.table.entries
    const at = ct << ENTRY_SHIFT
    const status = entries[at + STATUS]
    if ((status & IPS_FIXED_TIMEOUT) !== 0) return
    // an entry not yet in the table has a relative timeout; confirm() starts it
    if ((status & IPS_CONFIRMED) === 0) entries[at + TIMEOUT] = extra
    else this.setTimeout(ct, extra)
  }

  /** Remembers that other kernels judge this packet of the entry otherwise. @param rule MET_* */
  meets(ct: number, rule: number): void {
    this.table.entries[(ct << ENTRY_SHIFT) + MET] |= rule
  }

  /** Lets a confirmed entry end `extra` jiffies from now. */
  setTimeout(ct: number, extra: number): void {
    this.table.entries[(ct << ENTRY_SHIFT) + TIMEOUT] = (this.jiffies + extra) | 0
    this.wheel.refresh(ct)
  }

  /** Counts a packet and its bytes. kernel: nf_ct_acct_update() */
  account(ct: number, direction: number, packet: Packet): void {
    const table = this.table
    const key = ct * 2 + direction
    table.keys[(key << KEY_SHIFT) + KEY_PACKETS]++
    table.keyBytes[(key << (KEY_SHIFT - 1)) + KEY_BYTES] += packet.networkLength
    const last = (ct << (ENTRY_SHIFT - 1)) + LAST_TIME
    this.idle = this.time - table.entryTimes[last]
    table.entryTimes[last] = this.time
  }

  /** The entry resists early drop from now on, and an UPDATE will say so. */
  setAssured(ct: number): void {
    const entries = this.table.entries
    const at = ct << ENTRY_SHIFT
    entries[at + STATUS] |= IPS_ASSURED
    entries[at + EVENTS] |= IPCT_ASSURED
  }

  /** Jiffies an entry has left, at least 0. kernel: nf_ct_expires() */
  expires(ct: number): number {
    const left = (this.table.timeout(ct) - this.jiffies) | 0
    return left > 0 ? left : 0
  }
}
