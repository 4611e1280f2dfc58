// What every form of an entry needs of it beside its tuples: names, state, zones, and what a line is to show.
import { SCTP_STATE_NAMES } from '../../conntrack/proto/sctp-table.ts'
import { TCP_STATE_NAMES } from '../../conntrack/proto/tcp-table.ts'
import type { Table } from '../../conntrack/table.ts'
import { IPPROTO_SCTP, IPPROTO_TCP } from '../../net/numbers.ts'

/** The kinds of events, as `conntrack -E` names them. */
export type EventName = 'NEW' | 'UPDATE' | 'DESTROY'

/** What is shown of an entry beside its tuples and flags. */
export interface Shown {
  /** Seconds it has left; null where conntrack prints none. */
  seconds: number | null
  /** Whether the TCP or SCTP state is shown: updates show it only when it changed. */
  state: boolean
  /** Packets and bytes of both directions. sysctl: nf_conntrack_acct */
  counters: boolean
  /** Whole seconds since it was made, or null. sysctl: nf_conntrack_timestamp */
  age: number | null
}

/** The name of its TCP or SCTP state, `''` for other protocols. */
export function stateName(table: Table, ct: number): string {
  const state = table.state(ct)
  switch (table.protocol(ct)) {
    case IPPROTO_TCP:
      return TCP_STATE_NAMES[state] ?? ''
    case IPPROTO_SCTP:
      return SCTP_STATE_NAMES[state] ?? ''
    default:
      return ''
  }
}

/** The zone of both directions of an entry; 0 for the default one, and where only one of them is in a zone. */
export function commonZone(table: Table, ct: number): number {
  return table.zone(ct * 2) === table.zone(ct * 2 + 1) ? table.zone(ct * 2) : 0
}

/** The zone of one key of an entry whose other key is not there; 0 for none. kernel: NF_CT_ZONE_DIR_ORIG, NF_CT_ZONE_DIR_REPL */
export function ownZone(table: Table, key: number): number {
  return table.zone(key) === table.zone(key ^ 1) ? 0 : table.zone(key)
}
