// INVALID packets grouped by the kernel's reason, each group with its first frames.
import type { Reasons } from '../../conntrack/reason.ts'
import {
  REASON_COUNT,
  REASON_TCP_ACK_UNDER,
  REASON_TCP_OVERSHOT,
  REASON_TCP_SEQ_OVER,
  REASON_TCP_SEQ_UNDER,
  reasonTitle,
} from '../../conntrack/reason.ts'
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'
import { FrameGroup } from '../facts/frame-group.ts'

// reasons the kernel does not log; told by the packet, counted behind the logged ones
const NO_TUPLE = REASON_COUNT
const ICMP_ERROR = REASON_COUNT + 1
const ICMP_REPLY = REASON_COUNT + 2
const TCP_STRICT = REASON_COUNT + 3
const OTHER = REASON_COUNT + 4

const SILENT_TITLES = [
  'header too short or malformed for a tuple',
  'ICMP error about a flow that is not in the table',
  'ICMP answer without its request, or a type that opens no flow',
  'TCP without a flow (nf_conntrack_tcp_loose=0), or too short',
  'refused without a reason',
]

/** INVALID packets of one reason. */
export interface InvalidGroup {
  /** The kernel's words without the numbers. */
  reason: string
  /** Whether the kernel logs it (nf_conntrack_log_invalid); the words are ours where it does not. */
  logged: boolean
  /** Packets of it that only a host that saw no more than the capture calls so. */
  partial: number
  group: FrameGroup
}

class Group extends FrameGroup {
  partial = 0
}

export class InvalidPackets {
  private readonly groups = new Map<number, Group>()

  /**
   * Takes an INVALID packet; the last complaint is the one that decided.
   * @param isPartial whether the other direction of its connection, or the start, is not in the capture
   */
  add(packet: Packet, reasons: Reasons, isPartial: boolean): void {
    const code = reasons.count > 0 ? reasons.codes[reasons.count - 1] : silentReason(packet)
    let group = this.groups.get(code)
    if (group === undefined) {
      group = new Group()
      this.groups.set(code, group)
    }
    group.add(packet)
    if (isPartial) group.partial++
  }

  /** Most frequent first. */
  byReason(): InvalidGroup[] {
    return [...this.groups]
      .sort(([a, first], [b, second]) => second.count - first.count || a - b)
      .map(([code, group]) =>
        code < REASON_COUNT
          ? { reason: reasonTitle(code), logged: true, partial: group.partial, group }
          : { reason: SILENT_TITLES[code - REASON_COUNT], logged: false, partial: group.partial, group },
      )
  }
}

/**
 * Whether the complaint that decided is about sequence numbers: outside the window of the connection. An acknowledgment
 * of what was not seen tells of the capture rather.
 */
export function isOutsideWindow({ count, codes }: Reasons): boolean {
  if (count === 0) return false
  switch (codes[count - 1]) {
    case REASON_TCP_OVERSHOT:
    case REASON_TCP_SEQ_OVER:
    case REASON_TCP_SEQ_UNDER:
    case REASON_TCP_ACK_UNDER:
      return true
    default:
      return false
  }
}

function silentReason(packet: Packet): number {
  if (!packet.hasTuple) return NO_TUPLE
  const type = packet.destinationPort >>> 8
  switch (packet.protocol) {
    case IPPROTO_ICMP:
      return type === 3 || type === 4 || type === 5 || type === 11 || type === 12 ? ICMP_ERROR : ICMP_REPLY
    case IPPROTO_ICMPV6:
      return type < 128 || type === 137 ? ICMP_ERROR : ICMP_REPLY
    case IPPROTO_TCP:
      return TCP_STRICT
    default:
      return OTHER
  }
}
