// Occupancy classes: what a live entry is counted under, by tracker, state, and whether it saw a reply or is assured.
import {
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../net/numbers.ts'
import { SCTP_STATE_NAMES } from './proto/sctp-table.ts'
import { TCP_STATE_NAMES } from './proto/tcp-table.ts'
import { IPS_ASSURED, IPS_SEEN_REPLY } from './status.ts'
import type { Table } from './table.ts'

/** Trackers in the order of their occupancy classes; TCP and SCTP have a class a state. */
const CLASS_SCTP = 10
const CLASS_UDP = 20
const CLASS_UDPLITE = 21
const CLASS_ICMP = 22
const CLASS_ICMPV6 = 23
const CLASS_GRE = 24
const CLASS_GENERIC = 25

/** Number of occupancy classes: 26 trackers and states, times unreplied, replied, assured. */
export const OCCUPANCY_CLASSES = 78

/** What an entry is counted under: tracker and state, times 3, plus 0 unreplied, 1 replied, 2 assured. */
export function occupancyClass(table: Table, ct: number): number {
  const status = table.status(ct)
  const reply = (status & IPS_ASSURED) !== 0 ? 2 : (status & IPS_SEEN_REPLY) !== 0 ? 1 : 0
  return stateClass(table.protocol(ct), table.state(ct)) * 3 + reply
}

/** Protocol of an occupancy class by its `conntrack -L` name, and its TCP or SCTP state (`''` for the others). */
export function describeClass(occupancy: number): {
  protocol: string
  state: string
  reply: 'unreplied' | 'replied' | 'assured'
} {
  const at = Math.floor(occupancy / 3)
  const reply = (['unreplied', 'replied', 'assured'] as const)[occupancy % 3]
  if (at < CLASS_SCTP) return { protocol: 'tcp', state: TCP_STATE_NAMES[at], reply }
  if (at < CLASS_UDP) return { protocol: 'sctp', state: SCTP_STATE_NAMES[at - CLASS_SCTP], reply }
  return {
    protocol: ['udp', 'udplite', 'icmp', 'icmpv6', 'gre', 'unknown'][at - CLASS_UDP],
    state: '',
    reply,
  }
}

function stateClass(protocol: number, state: number): number {
  switch (protocol) {
    case IPPROTO_TCP:
      return state
    case IPPROTO_UDP:
      return CLASS_UDP
    case IPPROTO_SCTP:
      return CLASS_SCTP + state
    case IPPROTO_ICMP:
      return CLASS_ICMP
    case IPPROTO_ICMPV6:
      return CLASS_ICMPV6
    case IPPROTO_UDPLITE:
      return CLASS_UDPLITE
    case IPPROTO_GRE:
      return CLASS_GRE
    default:
      return CLASS_GENERIC
  }
}
