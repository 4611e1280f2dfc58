// An engine behind rules: some packets pass it by, and an entry is confirmed only when its packet leaves the stack.
import { foldAddress } from '../net/address.ts'
import { IPPROTO_TCP } from '../net/numbers.ts'
import type { Packet } from '../packet/packet.ts'
import type { Observer } from './events.ts'
import type { Gate } from './gate.ts'
import type { HelperName } from './helper-assignment.ts'
import { readKey } from './key-tuple.ts'
import { KnownEngine } from './known-engine.ts'
import type { Translation } from './nat.ts'
import { ENTERS, LEAVES, type Passage, type Redirection, type Seen, STAYS_RESET } from './passage.ts'
import { TCP_CLOSE } from './proto/tcp-table.ts'
import type { Settings } from './settings.ts'
import {
  DIRECTION_ORIGINAL,
  DIRECTION_REPLY,
  IPCT_PROTOINFO,
  IPS_DST_NAT,
  STATE_INVALID,
  STATE_UNTRACKED,
} from './status.ts'
import { ENTRY_SHIFT, EVENTS, STATE, STATUS } from './table-layout.ts'
import { hashTuple, invertTuple, KIND_IPV6, Tuple, ZONE_SHIFT } from './tuple.ts'

export class RuledEngine extends KnownEngine {
  private readonly passage: Passage
  private seen: Seen | null = null
  private readonly asked = new Tuple()
  /** Whether the packet under way has been told to the passage: one that makes an entry is before it is confirmed. */
  private isTold = false

  constructor(
    passage: Passage,
    settings: Settings,
    observer: Observer,
    enforced: boolean,
    gate: Gate | null,
  ) {
    super(settings, observer, enforced, gate)
    this.passage = passage
    this.accompanyKeys(passage)
    if (passage.assignsHelpers) this.enableHelpers(settings)
  }

  override track(packet: Packet, translation: Translation | null = null, seen: Seen | null = null): number {
    const { passage } = this
    this.advance(packet.time)
    this.seen = seen
    this.isTold = false
    if (passage.enter(packet, seen) !== ENTERS) {
      this.met = -1
      this.key = -1
      this.context.reasons.clear()
      this.settle(STATE_UNTRACKED, -1, -1)
      passage.leave(packet, seen, this.table, -1, STATE_UNTRACKED, -1, false, -1)
      return this.state
    }
    this.look(packet, translation)
    if (this.state === STATE_INVALID && !this.isTold && passage.entersAgain(packet))
      this.look(packet, translation)
    if (!this.isTold) {
      const { ct, state, direction } = this
      const end = passage.leave(packet, seen, this.table, ct, state, direction, false, this.key >> 1)
      if (end === STAYS_RESET && ct >= 0 && packet.protocol === IPPROTO_TCP) this.close(ct)
    }
    return this.state
  }

  /** Looks a packet up in the zone that rules gave it. */
  private look(packet: Packet, translation: Translation | null): void {
    const { passage } = this
    const { zone } = packet
    // rules are walked outside of tunnels alone, where packets are of no zone by themselves
    packet.zone = passage.zone
    this.replyZoneFlip = (passage.zone ^ passage.replyZone) << ZONE_SHIFT
    super.track(packet, translation)
    packet.zone = zone
  }

  /** An answer of the host to what was sent elsewhere is seen translated back: as the inverse of what was asked. */
  protected override find(tuple: Tuple): number {
    const key = this.findInZones(tuple)
    if (key >= 0 || !this.passage.isOwn || !invertTuple(tuple, this.asked)) return key
    const asked = this.table.find(this.asked, hashTuple(this.asked))
    if (asked < 0 || (asked & 1) !== DIRECTION_ORIGINAL) return -1
    const ct = asked >> 1
    if ((this.table.status(ct) & IPS_DST_NAT) === 0 || !this.passage.answers(this.table, ct)) return -1
    return asked ^ 1
  }

  /** Where the directions are of two zones: each key in its own. kernel: nf_ct_key_equal(), nf_conntrack_find_get() */
  private findInZones(tuple: Tuple): number {
    const key = super.find(tuple)
    if (this.replyZoneFlip === 0 || (key >= 0 && (key & 1) === DIRECTION_ORIGINAL)) return key
    tuple.kind ^= this.replyZoneFlip
    const reply = super.find(tuple)
    tuple.kind ^= this.replyZoneFlip
    return reply >= 0 && (reply & 1) === DIRECTION_REPLY ? reply : -1
  }

  protected override get helperInFront(): HelperName | null {
    return this.passage.helper
  }

  protected override leaves(ct: number, packet: Packet, state: number): boolean {
    this.isTold = true
    const { table, seen, passage } = this
    const end = passage.leave(packet, seen, table, ct, state, DIRECTION_ORIGINAL, true, ct)
    if (end === LEAVES && passage.redirection !== null) this.redirect(ct, passage.redirection)
    if (end === LEAVES && passage.helper !== null) this.assigned?.assign(ct, passage.helper)
    return end === LEAVES
  }

  /** The entry is in no bucket yet. kernel: nf_nat_setup_info() */
  private redirect(ct: number, { address, port }: Redirection): void {
    const { table, asked } = this
    readKey(table, ct * 2 + 1, asked)
    asked.source = address[0]
    if (asked.kind >= KIND_IPV6) {
      asked.source0 = address[0]
      asked.source1 = address[1]
      asked.source2 = address[2]
      asked.source3 = address[3]
      asked.source = foldAddress(address[0], address[1], address[2], address[3])
    }
    if (port >= 0) asked.ports = (port << 16) | (asked.ports & 0xffff)
    // what is there already keeps its answers
    if (table.find(asked, hashTuple(asked)) >= 0) return
    table.setKey(ct * 2 + 1, asked)
    table.entries[(ct << ENTRY_SHIFT) + STATUS] |= IPS_DST_NAT
  }

  /** kernel: nf_conntrack_tcp_set_closing() */
  private close(ct: number): void {
    const { context, table } = this
    const at = ct << ENTRY_SHIFT
    if (table.entries[at + STATE] === TCP_CLOSE) return
    table.entries[at + STATE] = TCP_CLOSE
    table.entries[at + EVENTS] |= IPCT_PROTOINFO
    context.setTimeout(ct, context.timeouts.tcp[TCP_CLOSE])
    this.deliver(ct)
  }
}
