// What a full table refused, and for how long it was full: the kernel's "nf_conntrack: table full, dropping packet".
import { CAUSE_EARLY_DROP, CAUSE_GC_EARLY_DROP } from '../../conntrack/events.ts'
import type { Gate } from '../../conntrack/gate.ts'
import type { Settings } from '../../conntrack/settings.ts'
import { KIND_IPV6, keepsPorts, type Tuple } from '../../conntrack/tuple.ts'
import { IPPROTO_TCP, TCP_ACK, TCP_SYN } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'
import { OwnerKey, OwnerTable } from '../owners/owner-table.ts'
import { RefusedExamples } from './refused-examples.ts'
import { FLOW_REFUSED, FLOW_REFUSED_REPLY, FLOW_UNKNOWN, RefusedFlows } from './refused-flows.ts'
import { roomOf } from './room.ts'

/**
 * The gate of an engine that enforces nf_conntrack_max. The capture may come from a host whose table had room: then it
 * shows replies and data that a refused connection would never have had. They are kept out; only what the opening side
 * would have sent again anyway (a SYN; every packet, where there is no handshake) may try once more.
 */
export class Refusals implements Gate {
  /** Packets refused, and connections: a connection that tries again counts once. */
  packets = 0
  connections = 0
  /** Connections among them that got in with a later try. */
  late = 0
  /** Packets of refused connections that would not have been sent. */
  unsent = 0
  /** The first refused packet, and the time of the last one. */
  firstCapture = 0
  firstFrame = 0
  firstTime = -1
  lastTime = -1
  /** Nanoseconds for which a new entry would not have found room, up to the last change of the count. */
  fullTime = 0
  /** Entries evicted for new ones (early_drop of `conntrack -S`), and by the collector because the table was 95 % full. */
  earlyDrops = 0
  collected = 0
  /** Refused connections by source address and by service: their number is in `held`. */
  readonly sources = new OwnerTable()
  readonly services = new OwnerTable()

  /** The first of the refused connections. */
  readonly examples = new RefusedExamples()

  private readonly room: number
  private readonly flows = new RefusedFlows()
  private readonly key = new OwnerKey()
  /** Whether the packet under way is a retry: between admits() and refused(). */
  private isRetry = false
  private fullSince = -1

  constructor(settings: Settings) {
    this.room = roomOf(settings)
  }

  admits(tuple: Tuple, reply: Tuple, packet: Packet): boolean {
    this.isRetry = false
    const kind = this.flows.look(tuple, packet.time)
    if (kind === FLOW_UNKNOWN) return true
    if (kind === FLOW_REFUSED && opens(packet)) {
      // it gets in, unless refused() follows
      this.isRetry = true
      this.late++
      this.examples.entered(tuple, reply)
      this.flows.note(tuple, FLOW_UNKNOWN, packet.time)
      this.flows.note(reply, FLOW_UNKNOWN, packet.time)
      return true
    }
    this.unsent++
    this.examples.contradicted(tuple)
    return false
  }

  refused(tuple: Tuple, reply: Tuple, packet: Packet): void {
    this.packets++
    this.lastTime = packet.time
    if (this.firstTime < 0) {
      this.firstTime = packet.time
      this.firstCapture = packet.capture
      this.firstFrame = packet.frame
    }
    if (this.isRetry) this.late--
    else this.count(tuple)
    this.examples.refused(tuple, reply)
    this.flows.note(reply, FLOW_REFUSED_REPLY, packet.time)
    this.flows.note(tuple, FLOW_REFUSED, packet.time)
  }

  /** An entry left the table for `cause`, a CAUSE_*. */
  destroyed(cause: number): void {
    if (cause === CAUSE_EARLY_DROP) this.earlyDrops++
    else if (cause === CAUSE_GC_EARLY_DROP) this.collected++
  }

  /** There are `count` entries in the table from `time` on. */
  resized(count: number, time: number): void {
    if (this.fullSince >= 0) this.fullTime += time - this.fullSince
    this.fullSince = count >= this.room ? time : -1
  }

  private count(tuple: Tuple): void {
    this.connections++
    const { key } = this
    const isIpv6 = tuple.kind >= KIND_IPV6
    key.kind = isIpv6 ? KIND_IPV6 : 0
    key.port = 0
    key.word0 = isIpv6 ? tuple.source0 : tuple.source
    key.word1 = isIpv6 ? tuple.source1 : 0
    key.word2 = isIpv6 ? tuple.source2 : 0
    key.word3 = isIpv6 ? tuple.source3 : 0
    this.sources.leave(this.sources.enter(key, 0), 1)
    key.kind = tuple.kind
    key.port = keepsPorts(tuple.kind & 0xff, tuple.ports) ? tuple.ports & 0xffff : 0
    key.word0 = isIpv6 ? tuple.destination0 : tuple.destination
    key.word1 = isIpv6 ? tuple.destination1 : 0
    key.word2 = isIpv6 ? tuple.destination2 : 0
    key.word3 = isIpv6 ? tuple.destination3 : 0
    this.services.leave(this.services.enter(key, 0), 1)
  }
}

/** Whether a host sends such a packet before it has heard from the other side. */
function opens(packet: Packet): boolean {
  return packet.protocol !== IPPROTO_TCP || (packet.tcpFlags & (TCP_SYN | TCP_ACK)) === TCP_SYN
}
