// nf_conntrack_in() and nf_conntrack_confirm(): a packet finds or makes its entry, its tracker judges it, the entry is kept.
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, TCP_ACK, TCP_SYN } from '../net/numbers.ts'
import { TIME_ZERO } from '../net/time.ts'
import { type Packet, PROXY_CARRIED, PROXY_STOLEN } from '../packet/packet.ts'
import { ACCEPT, Context, REPEAT } from './context.ts'
import {
  CAUSE_DELETED,
  CAUSE_GC_EARLY_DROP,
  CAUSE_REOPENED,
  CAUSE_RESET,
  CAUSE_TIMEOUT,
  type Observer,
} from './events.ts'
import { Eviction } from './eviction.ts'
import { Assigned, isRelated } from './expect/assigned.ts'
import type { ExpectationObserver } from './expect/expectations.ts'
import type { Gate } from './gate.ts'
import { GarbageCollector } from './gc.ts'
import type { HelperName } from './helper-assignment.ts'
import { judgeTranslation, NAT_AGREES, NAT_CLASHES, NAT_LEARNT, NAT_REMADE, type Translation } from './nat.ts'
import { occupancyClass } from './occupancy-class.ts'
import { type Companion, type KeyCompanion, Prefetch } from './prefetch.ts'
import { handlePacket } from './proto/handle.ts'
import { ERROR_NONE, ERROR_RELATED, ERROR_UNTRACKED, IcmpErrors } from './proto/icmp-error.ts'
import { plainSegment } from './proto/tcp-plain.ts'
import type { Settings } from './settings.ts'
import {
  DIRECTION_ORIGINAL,
  DIRECTION_REPLY,
  IPCT_REPLY,
  IPCT_SEQADJ,
  IPS_CONFIRMED,
  IPS_DYING,
  IPS_FIXED_TIMEOUT,
  IPS_NAT_CLASH,
  IPS_SEEN_REPLY,
  STATE_DROPPED,
  STATE_ESTABLISHED,
  STATE_INVALID,
  STATE_NEW,
  STATE_RELATED,
  STATE_UNTRACKED,
  STATUS_EXPIRED,
} from './status.ts'
import { Table } from './table.ts'
import { ENTRY_SHIFT, EVENTS, OCCUPANCY, STATUS, TIMEOUT } from './table-layout.ts'
import { hashTuple, hasTracker, invertTuple, Tuple, trackedTuple, ZONE_SHIFT } from './tuple.ts'
import { Wheel } from './wheel.ts'

/**
 * One connection table with its clock. `track()` judges a packet; the fields below say what conntrack made of it
 * until the next call. Time never runs backwards in it: a packet stamped earlier counts as simultaneous.
 */
export class Engine {
  readonly table: Table
  readonly context: Context
  /** STATE_* of the packet tracked last. */
  state = STATE_INVALID
  /** Its direction, or -1 where there is none (invalid, untracked). */
  direction = -1
  /** Its entry, or -1. The columns of an entry that died with the packet stay readable until the next call. */
  ct = -1
  /** The key it found or made, or -1: also of a packet that its tracker called INVALID. */
  key = -1
  /** IPS_* of its entry after the packet; 0 without an entry. */
  status = 0
  /** Frame of the packet being tracked; 0 while time passes before it: the collector's events have no frame. */
  frame = 0
  /** Packets refused because the table was full. */
  dropped = 0
  /** Entries evicted for new ones. kernel: early_drop in `conntrack -S` */
  earlyDrops = 0

  private readonly prefetch: Prefetch
  private readonly wheel: Wheel
  private readonly gc: GarbageCollector
  private readonly eviction: Eviction
  private readonly icmpErrors: IcmpErrors
  /** Entries with helpers; null where the rules assign none. */
  protected assigned: Assigned | null = null
  private readonly tuple = new Tuple()
  private readonly reply = new Tuple()
  private readonly observer: Observer
  /** Entries that traffic of the capture may have when nf_conntrack_max is enforced, else infinite. */
  private readonly room: number
  private readonly gate: Gate | null
  /** Capture time at which the next jiffy begins. */
  private nextTick = TIME_ZERO
  /** An entry that died with the packet tracked last; its slot is free at the next call. */
  private dead = -1
  /** Bits of `kind` in which the tuple of a reply to the packet is of another zone. kernel: nf_ct_zone_id() of a direction */
  protected replyZoneFlip = 0

  /**
   * @param settings sysctls
   * @param observer hears of new, updated, expired and destroyed entries
   * @param enforceMaximum whether new packets are refused above nf_conntrack_max, as the kernel does
   * @param gate told of the refused packets
   */
  constructor(settings: Settings, observer: Observer, enforceMaximum = false, gate: Gate | null = null) {
    this.observer = observer
    this.gate = gate
    // 0 is no limit, as in the kernel
    const limited = enforceMaximum && settings.nf_conntrack_max > 0
    this.room = limited ? settings.nf_conntrack_max - settings.nf_conntrack_count : Number.POSITIVE_INFINITY
    this.table = new Table(settings.nf_conntrack_buckets, settings.kernel.hz)
    this.prefetch = new Prefetch(this.table)
    this.wheel = new Wheel(this.table, (ct, jiffy) => this.expire(ct, jiffy))
    this.gc = new GarbageCollector(this.table, settings, (ct, early) =>
      this.destroy(ct, early ? CAUSE_GC_EARLY_DROP : CAUSE_TIMEOUT),
    )
    this.eviction = new Eviction(this.table, (ct, cause) => this.destroy(ct, cause))
    this.context = new Context(settings, this.table, this.wheel)
    if (settings.helpers.length > 0) this.enableHelpers(settings)
    this.icmpErrors = new IcmpErrors(this.context, tuple => this.find(tuple))
  }

  protected enableHelpers(settings: Settings): void {
    this.assigned ??= new Assigned(settings, this.context)
  }

  /** Tells of expectations that begin and end. */
  watchExpectations(observer: ExpectationObserver): void {
    if (this.assigned !== null) this.assigned.expectations.observer = observer
  }

  /** The capture time at which a jiffy began, or will. */
  timeOf(jiffy: number): number {
    return (this.wheel.now + ((jiffy - this.context.jiffies) | 0)) * this.table.jiffy
  }

  /** To be called before packets that come are tracked, at most MOST_AHEAD: reads what they need of the table. */
  lookAhead(packets: readonly Packet[], count: number): void {
    this.prefetch.read(packets, count)
  }

  /** Has what somebody keeps beside the entries read ahead, too. */
  accompany(companion: Companion): void {
    this.prefetch.companion = companion
  }

  /** The same of what is kept by their keys. */
  protected accompanyKeys(companion: KeyCompanion): void {
    this.prefetch.keyCompanion = companion
  }

  /** Lets capture time pass: entries expire, the collector runs. */
  advance(time: number): void {
    this.bury()
    if (time <= this.context.time) return
    this.frame = 0
    this.context.time = time
    if (time >= this.nextTick) this.advanceTo(Math.floor(time / this.table.jiffy))
  }

  /**
   * Tracks one packet at `packet.time`.
   * @returns the packet's STATE_*, also in `state`
   */
  track(packet: Packet, translation: Translation | null = null): number {
    this.advance(packet.time)
    this.frame = packet.frame
    this.key = -1
    this.context.reasons.clear()
    // a later fragment that was not queued has no header to look at
    if (
      (packet.protocol === IPPROTO_ICMP || packet.protocol === IPPROTO_ICMPV6) &&
      packet.fragmentOffset === 0
    ) {
      const error = this.icmpErrors.handle(packet)
      if (error === ERROR_UNTRACKED) return this.settle(STATE_UNTRACKED, -1, -1)
      if (error === ERROR_RELATED) return this.settleRelated()
      if (error !== ERROR_NONE) return this.settle(STATE_INVALID, -1, -1)
    }
    if (!trackedTuple(packet, this.tuple, this.context.traits)) return this.settle(STATE_INVALID, -1, -1)
    if (packet.synproxy >= PROXY_CARRIED) return this.passProxied(packet)
    if (this.assigned !== null) this.assigned.addGreKey(this.tuple)
    let answer = REPEAT
    while (answer === REPEAT) answer = this.resolve(packet, translation)
    if (this.assigned !== null) this.endDoomed(this.assigned)
    return this.state
  }

  /** Takes in how a packet that was tracked earlier turned out to be translated. */
  learn(packet: Packet, translation: Translation): void {
    if (!trackedTuple(packet, this.tuple, this.context.traits)) return
    if (this.assigned !== null) this.assigned.addGreKey(this.tuple)
    const key = this.table.find(this.tuple, hashTuple(this.tuple))
    if (key >= 0 && (key & 1) === DIRECTION_ORIGINAL) this.learnOf(key >> 1, translation)
  }

  /** kernel: resolve_normal_ct(), nf_conntrack_handle_packet() and what nf_conntrack_in() makes of the answer */
  private resolve(packet: Packet, translation: Translation | null): number {
    let key = this.find(this.tuple)
    this.key = key
    if (key >= 0 && packet.protocol === IPPROTO_TCP && translation === null) {
      const ct = key >> 1
      if (plainSegment(this.context, ct, packet, key & 1)) {
        if (this.passesHelper(ct, packet, STATE_ESTABLISHED, key & 1) && this.hasEvents(ct)) this.deliver(ct)
        this.settle(STATE_ESTABLISHED, key & 1, ct)
        return ACCEPT
      }
    }
    if (translation !== null && key >= 0 && (key & 1) === DIRECTION_ORIGINAL) {
      const verdict = this.learnOf(key >> 1, translation)
      if (verdict === NAT_CLASHES) return this.resolveClash(packet, translation)
      if (verdict === NAT_REMADE && !isSyn(packet)) {
        this.destroy(key >> 1, CAUSE_DELETED)
        key = -1
      }
    }
    const isNew = key < 0
    const direction = isNew ? DIRECTION_ORIGINAL : key & 1
    const ct = isNew ? this.create(packet, translation) : key >> 1
    if (isNew) this.key = ct < 0 ? -1 : ct * 2
    if (ct < 0) {
      this.settle(ct === CREATE_FULL ? STATE_DROPPED : STATE_INVALID, -1, -1)
      return ACCEPT
    }
    const seenReply = (this.table.status(ct) & IPS_SEEN_REPLY) !== 0
    const answer = this.handle(ct, packet, direction, isNew)
    if (answer !== ACCEPT) {
      if (isNew) {
        this.discard(ct)
        this.key = -1
      } else if (answer === REPEAT) this.destroy(ct, CAUSE_REOPENED)
      else if (this.hasEvents(ct)) this.reclassify(ct)
      this.settle(STATE_INVALID, -1, -1)
      return answer
    }
    if (direction === DIRECTION_REPLY && !seenReply) {
      this.table.entries[(ct << ENTRY_SHIFT) + STATUS] |= IPS_SEEN_REPLY
      this.table.entries[(ct << ENTRY_SHIFT) + EVENTS] |= IPCT_REPLY
    }
    const isAnswered = direction === DIRECTION_REPLY || seenReply
    const first = isRelated(this.table.status(ct), direction) ? STATE_RELATED : STATE_NEW
    const state = isAnswered ? STATE_ESTABLISHED : first
    const leaves =
      packet.synproxy !== PROXY_STOLEN &&
      (!isNew || this.leaves(ct, packet, state)) &&
      this.passesHelper(ct, packet, state, direction)
    if (isNew && !leaves) {
      this.discard(ct)
      this.key = -1
      this.settle(state, DIRECTION_ORIGINAL, -1)
      return ACCEPT
    }
    if (isNew) this.confirm(ct)
    else if (leaves && this.hasEvents(ct)) this.deliver(ct)
    this.settle(state, direction, ct)
    return ACCEPT
  }

  /** What no lookup is made for: the SYN of a client, and what SYNPROXY sends it with the entry of the server's answer. kernel: synproxy_send_client_ack() */
  private passProxied(packet: Packet): number {
    const key = packet.synproxy === PROXY_CARRIED ? this.find(this.tuple) : -1
    if (key < 0 || (key & 1) === DIRECTION_ORIGINAL) return this.settle(STATE_UNTRACKED, -1, -1)
    this.key = key
    this.table.entries[((key >> 1) << ENTRY_SHIFT) + EVENTS] |= IPCT_SEQADJ
    this.deliver(key >> 1)
    return this.settle(STATE_ESTABLISHED, DIRECTION_REPLY, key >> 1)
  }

  /** Fills the reply tuple; false where the kernel knows none. */
  private invert(): boolean {
    if (!invertTuple(this.tuple, this.reply)) return false
    this.reply.kind ^= this.replyZoneFlip
    return true
  }

  /** Whether the entry's helper, if it has one, lets the packet go; events of one that it drops wait for the next. kernel: nf_confirm() */
  private passesHelper(ct: number, packet: Packet, state: number, direction: number): boolean {
    return this.assigned === null || this.assigned.help(ct, packet, state, direction)
  }

  /** Ends flows that a helper said are over. */
  private endDoomed(assigned: Assigned): void {
    if (assigned.hasDoomed) assigned.endDoomed(ct => this.destroy(ct, CAUSE_DELETED))
  }

  /** Changes the reply tuple as the packet was translated; returns IPS_*_NAT bits. */
  private translate(translation: Translation): number {
    const nat = translation.apply(this.reply)
    this.reply.kind = this.tuple.kind ^ this.replyZoneFlip
    if (!hasTracker(this.tuple.kind & 0xff, this.context.traits)) this.reply.ports = 0
    return nat
  }

  /** NAT_*: how the packet that found entry `ct` left; an entry without a translation learns it. */
  private learnOf(ct: number, translation: Translation): number {
    const { table } = this
    if ((table.status(ct) & IPS_SEEN_REPLY) !== 0 && translation.isOf(table, ct)) return NAT_AGREES
    if (!this.invert()) return NAT_AGREES
    const nat = this.translate(translation)
    // of a packet that is seen late nobody knows the zone but its entry
    this.reply.kind = this.tuple.kind ^ ((table.zone(ct * 2) ^ table.zone(ct * 2 + 1)) << ZONE_SHIFT)
    const isYoung = this.context.time - table.start(ct) <= RACE_TIME
    const verdict = judgeTranslation(table, ct, this.reply, nat, isYoung)
    if (verdict !== NAT_LEARNT) return verdict
    table.setReply(ct, this.reply)
    table.entries[(ct << ENTRY_SHIFT) + STATUS] |= nat
    return verdict
  }

  /** kernel: nf_ct_resolve_clash_harder(): a second entry that only replies find, for one second */
  private resolveClash(packet: Packet, translation: Translation): number {
    const ct = this.create(packet, translation)
    this.key = ct < 0 ? -1 : ct * 2
    if (ct < 0 || this.handle(ct, packet, DIRECTION_ORIGINAL, true) !== ACCEPT) {
      if (ct >= 0) this.discard(ct)
      this.key = -1
      this.settle(ct === CREATE_FULL ? STATE_DROPPED : STATE_INVALID, -1, -1)
      return ACCEPT
    }
    this.table.entries[(ct << ENTRY_SHIFT) + STATUS] |= IPS_FIXED_TIMEOUT | IPS_NAT_CLASH
    this.table.entries[(ct << ENTRY_SHIFT) + TIMEOUT] = this.table.hz
    this.confirm(ct)
    this.settle(STATE_NEW, DIRECTION_ORIGINAL, ct)
    return ACCEPT
  }

  /** The helper that a rule in front of conntrack assigned to the entry of the packet under way. kernel: xt_ct_target() */
  protected get helperInFront(): HelperName | null {
    return null
  }

  /** Whether the packet that made entry `ct` leaves the stack; without rules each does. kernel: nf_confirm() */
  protected leaves(_ct: number, _packet: Packet, _state: number): boolean {
    return true
  }

  private handle(ct: number, packet: Packet, direction: number, isNew: boolean): number {
    const answer = handlePacket(this.context, ct, packet, direction, isNew)
    if (this.context.killed) {
      this.context.killed = false
      this.kill(ct)
    }
    return answer
  }

  /** The key of a live entry, or -1. Expired ones met on the way are destroyed. kernel: ____nf_conntrack_find() */
  protected find(tuple: Tuple): number {
    const key = this.table.find(tuple, hashTuple(tuple))
    if (this.table.expiredCount > 0) this.eviction.collectMet(this.table.bucketOf(tuple), key)
    return key
  }

  /** kernel: init_conntrack(); the entry is in no bucket until its packet is accepted. */
  private create(packet: Packet, translation: Translation | null): number {
    if (!this.invert()) return CREATE_NO_INVERSE
    const nat = translation === null ? 0 : this.translate(translation)
    if (this.gate !== null && !this.gate.admits(this.tuple, this.reply, packet)) return CREATE_FULL
    if (this.table.count + 1 > this.room && !this.dropEarly()) {
      this.gc.earlyDrop = true
      this.dropped++
      this.gate?.refused(this.tuple, this.reply, packet)
      return CREATE_FULL
    }
    const ct = this.table.allocate(this.tuple, this.reply, this.context.time, packet.frame)
    const expected = this.assigned?.begins(ct, this.tuple, this.helperInFront) ?? 0
    this.table.entries[(ct << ENTRY_SHIFT) + STATUS] = nat | expected
    return ct
  }

  /** Whether entries went for a new one. */
  private dropEarly(): boolean {
    const drops = this.eviction.earlyDrop(this.table.bucketOf(this.tuple))
    this.earlyDrops += drops
    return drops > 0
  }

  /** kernel: __nf_conntrack_confirm(): the timeout starts now, the entry can be found from now on */
  protected confirm(ct: number): void {
    const table = this.table
    const entries = table.entries
    const at = ct << ENTRY_SHIFT
    entries[at + TIMEOUT] = (entries[at + TIMEOUT] + this.context.jiffies) | 0
    table.link(ct)
    entries[at + STATUS] |= IPS_CONFIRMED
    entries[at + EVENTS] = 0
    entries[at + OCCUPANCY] = occupancyClass(table, ct)
    this.observer.created(ct, this.context.time)
    this.wheel.add(ct)
  }

  protected deliver(ct: number): void {
    const table = this.table
    if ((table.status(ct) & IPS_DYING) !== 0) return
    const at = (ct << ENTRY_SHIFT) + EVENTS
    const events = table.entries[at]
    table.entries[at] = 0
    this.reclassify(ct)
    this.observer.updated(ct, events, this.context.time)
  }

  private hasEvents(ct: number): boolean {
    return this.table.entries[(ct << ENTRY_SHIFT) + EVENTS] !== 0
  }

  private reclassify(ct: number): void {
    const before = this.table.occupancy(ct)
    const after = occupancyClass(this.table, ct)
    if (before === after) return
    this.table.entries[(ct << ENTRY_SHIFT) + OCCUPANCY] = after
    this.observer.reclassified(ct, before, after, this.context.time)
  }

  private advanceTo(jiffy: number): void {
    this.nextTick = (jiffy + 1) * this.table.jiffy
    const table = this.table
    while (this.gc.nextRun <= jiffy) {
      if (table.count === 0) {
        this.gc.skipTo(jiffy + 1)
        break
      }
      this.setClock(this.gc.nextRun)
      this.gc.run()
      if (this.assigned !== null) this.endDoomed(this.assigned)
    }
    this.setClock(jiffy)
    this.assigned?.expectations.expire(this.context.jiffies)
  }

  private setClock(jiffy: number): void {
    this.wheel.advance(jiffy)
    this.context.jiffies = jiffy | 0
  }

  private expire(ct: number, jiffy: number): void {
    this.table.entries[(ct << ENTRY_SHIFT) + STATUS] |= STATUS_EXPIRED
    this.table.retire(ct)
    this.observer.expired(ct, jiffy * this.table.jiffy)
  }

  /** Gives back an entry whose first packet was refused, or dropped on its way. */
  private discard(ct: number): void {
    this.assigned?.ends(ct)
    this.table.free(ct)
  }

  /** Takes an entry out of the table. */
  private destroy(ct: number, cause: number): void {
    this.remove(ct, cause)
    this.table.free(ct)
  }

  /** As destroy(), but the columns stay readable until the next packet. */
  private kill(ct: number): void {
    this.table.entries[(ct << ENTRY_SHIFT) + STATUS] |= IPS_DYING
    if ((this.table.status(ct) & IPS_CONFIRMED) === 0) return
    this.remove(ct, CAUSE_RESET)
    this.dead = ct
  }

  private remove(ct: number, cause: number): void {
    const table = this.table
    if ((table.status(ct) & STATUS_EXPIRED) !== 0) table.unlinkExpired(ct)
    else table.unlink(ct)
    this.assigned?.ends(ct)
    const time = this.frame === 0 ? this.wheel.now * table.jiffy : this.context.time
    this.observer.destroyed(ct, cause, time)
  }

  /** Frees the slot of an entry that died with the packet before: time that passes must not meet it any more. */
  private bury(): void {
    if (this.dead < 0) return
    this.table.free(this.dead)
    this.dead = -1
  }

  private settleRelated(): number {
    const key = this.icmpErrors.key
    const ct = key >> 1
    if (this.hasEvents(ct)) this.deliver(ct)
    return this.settle(STATE_RELATED, key & 1, ct)
  }

  protected settle(state: number, direction: number, ct: number): number {
    this.state = state
    this.direction = direction
    this.ct = ct
    this.status = ct >= 0 ? this.table.status(ct) : 0
    return state
  }
}

/** How long after an entry was made a packet that raced its own may come, in nanoseconds: the second entry lives as long. */
const RACE_TIME = 1e9

/** What create() answers where there is no new entry. */
const CREATE_NO_INVERSE = -1
const CREATE_FULL = -2

/** What may open a closed connection again, with whatever translation. */
function isSyn({ protocol, tcpFlags }: Packet): boolean {
  return protocol === IPPROTO_TCP && (tcpFlags & (TCP_SYN | TCP_ACK)) === TCP_SYN
}
