// Zones for packets out of tunnels: flows of different networks may have the same addresses (nf_conntrack_zones.h).
import { IPPROTO_ICMP, IPPROTO_ICMPV6 } from '../net/numbers.ts'
import { destinationWord, type Packet, sourceWord } from '../packet/packet.ts'
import { plainHash } from './plain-hash.ts'

/** Flows remembered at a time, in buckets; in each the one not seen for longest makes room. */
const BUCKETS = 1 << 13
const WAYS = 8

/** Words of a flow; which flows meet in a bucket decides who makes room, so that their hash has no secret. */
const FLOW_SHIFT = 3
/** Two hashes of it, the same for both directions; a used one has the lowest bit of the second set. */
const FIRST = 0
const SECOND = 1
/** Tunnel ids (VNI, key, TEID) of its two directions. */
const IDS = 2
/** Bits: which directions have been seen. */
const SEEN = 4
const ZONE = 5
/** Counts up, and wraps after two billion packets. */
const AGE = 6

/**
 * A tunnel's id does not tell a network for sure: Cilium has the sender's identity in it, OVN the receiver's switch, GTP
 * an id for each direction. So flows are told apart only where one direction of the same addresses and ports comes
 * with two ids: the first flow is of zone 0, the next of zone 1, as if somebody had configured zones by id. A reply
 * belongs to the flow that has its id; where none has, to one that is still without a reply.
 */
export class TunnelZones {
  private readonly flows = new Int32Array((BUCKETS * WAYS) << FLOW_SHIFT)
  private age = 0
  private first = 0
  private second = 0
  private direction = 0

  /** Sets the packet's zone by its tunnel id. */
  assign(packet: Packet): void {
    packet.zone = 0
    if (!packet.hasTuple) return
    this.hash(packet)
    const id = packet.tunnelId
    let at = this.find(id)
    if (at < 0) at = this.add()
    const { flows } = this
    flows[at + IDS + this.direction] = id
    flows[at + SEEN] |= 1 << this.direction
    flows[at + AGE] = this.age = (this.age + 1) & 0x7fffffff
    packet.zone = flows[at + ZONE]
  }

  /** The flow a packet belongs to: by its id, by its other direction's, or as the reply that is missing; -1 for none. */
  private find(id: number): number {
    const { flows, direction } = this
    let best = -1
    let bestRank = 0
    const from = this.bucket()
    for (let at = from; at < from + (WAYS << FLOW_SHIFT); at += 1 << FLOW_SHIFT) {
      if (flows[at + FIRST] !== this.first || flows[at + SECOND] !== this.second) continue
      const seen = flows[at + SEEN]
      let rank = 0
      if ((seen & (1 << direction)) !== 0) rank = flows[at + IDS + direction] === id ? 3 : 0
      else rank = flows[at + IDS + 1 - direction] === id ? 2 : 1
      if (rank <= bestRank) continue
      best = at
      bestRank = rank
    }
    return best
  }

  /** Makes room for a flow, in the lowest zone that none of its equals has. */
  private add(): number {
    const { flows } = this
    const from = this.bucket()
    let oldest = from
    let taken = 0
    for (let at = from; at < from + (WAYS << FLOW_SHIFT); at += 1 << FLOW_SHIFT) {
      if (flows[at + SECOND] === 0) oldest = at
      else {
        if (flows[oldest + SECOND] !== 0 && flows[at + AGE] < flows[oldest + AGE]) oldest = at
        if (flows[at + FIRST] === this.first && flows[at + SECOND] === this.second)
          taken |= 1 << flows[at + ZONE]
      }
    }
    let zone = 0
    while ((taken & (1 << zone)) !== 0) zone++
    flows[oldest + FIRST] = this.first
    flows[oldest + SECOND] = this.second
    flows[oldest + SEEN] = 0
    flows[oldest + ZONE] = zone
    return oldest
  }

  private bucket(): number {
    return ((this.first & (BUCKETS - 1)) * WAYS) << FLOW_SHIFT
  }

  /** Hashes addresses, ports and protocol, from the lower end to the higher one. */
  private hash(packet: Packet): void {
    const isIcmp = packet.protocol === IPPROTO_ICMP || packet.protocol === IPPROTO_ICMPV6
    const source = sourceWord(packet)
    const destination = destinationWord(packet)
    // type and code differ between a request and its reply
    const sourcePort = packet.sourcePort
    const destinationPort = isIcmp ? sourcePort : packet.destinationPort
    const isForward = source < destination || (source === destination && sourcePort <= destinationPort)
    const low = isForward ? source : destination
    const high = isForward ? destination : source
    const ports = isForward ? (sourcePort << 16) | destinationPort : (destinationPort << 16) | sourcePort
    const kind = (packet.protocol << 8) | packet.family
    this.direction = isForward ? 0 : 1
    this.first = plainHash(low, high, ports, kind)
    this.second = plainHash(high, ports, low, kind + 1) | 1
  }
}
