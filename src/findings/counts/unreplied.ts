// Flows that never got a reply, by destination: who was asked, by how many flows, from which frame on.
import { CAUSE_RESET } from '../../conntrack/events.ts'
import { TCP_CLOSE, TCP_STATE_NAMES, TCP_SYN_SENT } from '../../conntrack/proto/tcp-table.ts'
import { IPS_SEEN_REPLY } from '../../conntrack/status.ts'
import type { Table } from '../../conntrack/table.ts'
import { keepsPorts } from '../../conntrack/tuple.ts'
import {
  IPPROTO_TCP,
  IPPROTO_UDP,
  isOverlayPort,
  LINKTYPE_ETHERNET,
  PACKET_BROADCAST,
  PACKET_MULTICAST,
  protocolName,
} from '../../net/numbers.ts'
import { isGroup } from '../../net/special-ranges.ts'
import type { Packet } from '../../packet/packet.ts'
import { destinationOf } from '../../sizing/flow.ts'

/** Destinations told apart; a scan has more, and its further ones are counted together. */
const MOST_DESTINATIONS = 4096

/** Why a flow has no reply. */
export type UnrepliedKind =
  /** Nothing came back. */
  | 'silent'
  /** A RST answered the first packet: the entry died with it, unreplied. */
  | 'refused'
  /** Only an ICMP error came back. */
  | 'icmp-error'
  /** What came back was INVALID. */
  | 'invalid-answer'
  /** Picked up in mid-stream and seen in one direction only. */
  | 'one-way'
  /** Sent to many at once, by its address or in a broadcast or multicast frame: nobody need answer. */
  | 'multicast'
  /** The outer packets of an overlay network: one flow a direction, by design. */
  | 'tunnel'

export interface UnrepliedGroup {
  kind: UnrepliedKind
  protocol: string
  protocolNumber: number
  /** TCP state of the last such flow, `''` for the other trackers. */
  state: string
  /** Destination address; `''` for the flows beyond MOST_DESTINATIONS. */
  dst: string
  /** Destination port, or -1 where the protocol has none. */
  dport: number
  flows: number
  firstFrame: number
}

export class UnrepliedFlows {
  /** By kind and protocol, then by destination. */
  private readonly groups = new Map<string, Map<number | string, UnrepliedGroup>>()
  private destinations = 0
  /** Live entries whose first packet came in a broadcast or multicast frame. */
  private readonly toMany = new Set<number>()
  /** Live entries without a reply whose answer was INVALID. */
  private readonly misheard = new Set<number>()
  /** Live entries without a reply that an ICMP error was about. */
  private readonly failed = new Set<number>()

  /** `packet` has created entry `ct`. */
  created(ct: number, packet: Packet): void {
    if (isGroupFrame(packet)) this.toMany.add(ct)
  }

  /** An ICMP error is RELATED to entry `ct`. */
  related(table: Table, ct: number): void {
    if ((table.status(ct) & IPS_SEEN_REPLY) === 0) this.failed.add(ct)
  }

  /** A packet of entry `ct`, in its reply direction, was INVALID. */
  invalidAnswer(table: Table, ct: number): void {
    if ((table.status(ct) & IPS_SEEN_REPLY) === 0) this.misheard.add(ct)
  }

  /** An entry ended, or the capture did; `cause` is a CAUSE_*, `firstFrame` the first that shows the flow. */
  ended(table: Table, ct: number, cause: number, firstFrame = table.firstFrame(ct)): void {
    const toMany = this.toMany.size > 0 && this.toMany.delete(ct)
    const failed = this.failed.size > 0 && this.failed.delete(ct)
    const misheard = this.misheard.size > 0 && this.misheard.delete(ct)
    if ((table.status(ct) & IPS_SEEN_REPLY) !== 0) return
    const came = misheard ? 'invalid-answer' : failed ? 'icmp-error' : null
    const kind = toMany ? 'multicast' : (came ?? kindOf(table, ct, cause))
    const groups = this.groupsOf(table, ct, kind)
    const key = destinationKey(table, ct)
    const group = groups.get(key) ?? (this.destinations < MOST_DESTINATIONS ? undefined : groups.get(REST))
    if (group === undefined) {
      groups.set(...this.open(table, ct, kind, key, firstFrame))
      return
    }
    group.flows++
    group.firstFrame = Math.min(group.firstFrame, firstFrame)
  }

  /** The groups of a kind, largest first. */
  byDestination(kind: UnrepliedKind): UnrepliedGroup[] {
    return [...this.groups.values()]
      .flatMap(groups => [...groups.values()])
      .filter(group => group.kind === kind)
      .sort((a, b) => b.flows - a.flows || a.firstFrame - b.firstFrame)
  }

  private groupsOf(table: Table, ct: number, kind: UnrepliedKind): Map<number | string, UnrepliedGroup> {
    const name = `${kind} ${table.kind(ct)}`
    let groups = this.groups.get(name)
    if (groups === undefined) {
      groups = new Map()
      this.groups.set(name, groups)
    }
    return groups
  }

  private open(
    table: Table,
    ct: number,
    kind: UnrepliedKind,
    key: number | string,
    firstFrame: number,
  ): [number | string, UnrepliedGroup] {
    const protocol = table.protocol(ct)
    const ports = table.ports(ct * 2)
    const known = this.destinations < MOST_DESTINATIONS
    if (known) this.destinations++
    const group = {
      kind,
      protocol: protocolName(protocol),
      protocolNumber: protocol,
      state: protocol === IPPROTO_TCP ? TCP_STATE_NAMES[table.state(ct)] : '',
      dst: known ? destinationOf(table, ct * 2) : '',
      dport: known && keepsPorts(protocol, ports) ? ports & 0xffff : -1,
      flows: 1,
      firstFrame,
    }
    return [known ? key : REST, group]
  }
}

/** Key of the group that holds the destinations beyond MOST_DESTINATIONS. */
const REST = 'rest'

function kindOf(table: Table, ct: number, cause: number): UnrepliedKind {
  const protocol = table.protocol(ct)
  if (cause === CAUSE_RESET) return 'refused'
  if (protocol === IPPROTO_TCP && isUnderWay(table.state(ct))) return 'one-way'
  if (isMulticast(table, ct)) return 'multicast'
  return protocol === IPPROTO_UDP && isOverlayPort(table.ports(ct * 2) & 0xffff) ? 'tunnel' : 'silent'
}

/** Without a reply a flow that began with a SYN gets no further than SYN_SENT, or CLOSE by its own RST. */
function isUnderWay(state: number): boolean {
  return state !== TCP_SYN_SENT && state !== TCP_CLOSE
}

function isMulticast(table: Table, ct: number): boolean {
  return isGroup(table.isIpv6(ct) ? 6 : 4, table.destinationWord(ct * 2, 0))
}

/** Whether the frame went to more than one station: the destination's group bit, or the cooked header's packet type. */
function isGroupFrame(packet: Packet): boolean {
  // a reassembled datagram has left its link headers behind
  const hasLink = packet.linkOffset < packet.networkOffset
  if (packet.linkType === LINKTYPE_ETHERNET) return hasLink && (packet.bytes[packet.linkOffset] & 1) !== 0
  return packet.packetType === PACKET_BROADCAST || packet.packetType === PACKET_MULTICAST
}

function destinationKey(table: Table, ct: number): number | string {
  const protocol = table.protocol(ct)
  const ports = table.ports(ct * 2)
  const port = keepsPorts(protocol, ports) ? ports & 0xffff : 0
  if (table.isIpv6(ct)) return `${destinationOf(table, ct * 2)} ${port}`
  return (table.destination(ct * 2) >>> 0) * 0x10000 + port
}
