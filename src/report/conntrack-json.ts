// Entries as flat JSON objects, with the field names that jc's parser of conntrack's output uses (kellyjonbrazil/jc, issue 646).
import { IPS_ASSURED, IPS_SEEN_REPLY } from '../conntrack/status.ts'
import type { Table } from '../conntrack/table.ts'
import { protocolName } from '../net/numbers.ts'
import { type Shown, stateName } from './conntrack-entry.ts'
import {
  formatDestination,
  formatSource,
  PORTS_GRE,
  PORTS_ICMP,
  PORTS_PORTS,
  portsOf,
} from './conntrack-tuple.ts'

/** The fields of an entry without braces; all texts in them are plain ASCII that needs no escape. */
export function formatEntryFields(table: Table, ct: number, shown: Shown): string {
  const protocol = table.protocol(ct)
  const state = shown.state ? stateName(table, ct) : ''
  return (
    `${table.isIpv6(ct) ? '"family":"ipv6","family_number":10' : '"family":"ipv4","family_number":2'},` +
    `"proto":"${protocolName(protocol)}","proto_number":${protocol},"timeout":${shown.seconds},` +
    `"state":${state === '' ? 'null' : `"${state}"`},${formatTupleFields(table, ct)},"status":${formatFlags(table.status(ct))}` +
    `${formatCounters(table, ct, shown)}${shown.age === null ? '' : `,"delta_time":${shown.age}`}`
  )
}

/** `"orig_src":"10.0.0.1",…,"reply_dport":1234`: both tuples of an entry. */
export function formatTupleFields(table: Table, ct: number): string {
  return `${formatTuple(table, ct * 2, 'orig')},${formatTuple(table, ct * 2 + 1, 'reply')}`
}

function formatTuple(table: Table, key: number, direction: string): string {
  const addresses = `"${direction}_src":"${formatSource(table, key)}","${direction}_dst":"${formatDestination(table, key)}"`
  const ports = table.ports(key)
  switch (portsOf(table.protocol(key >> 1))) {
    case PORTS_PORTS:
      return `${addresses},"${direction}_sport":${ports >>> 16},"${direction}_dport":${ports & 0xffff}`
    case PORTS_ICMP:
      return `${addresses},"${direction}_type":${(ports >>> 8) & 0xff},"${direction}_code":${ports & 0xff},"${direction}_id":${ports >>> 16}`
    case PORTS_GRE:
      return `${addresses},"${direction}_srckey":${ports >>> 16},"${direction}_dstkey":${ports & 0xffff}`
    default:
      return addresses
  }
}

/** The flags in brackets of conntrack's lines. */
function formatFlags(status: number): string {
  if ((status & IPS_SEEN_REPLY) === 0)
    return (status & IPS_ASSURED) === 0 ? '["UNREPLIED"]' : '["UNREPLIED","ASSURED"]'
  return (status & IPS_ASSURED) === 0 ? '[]' : '["ASSURED"]'
}

function formatCounters(table: Table, ct: number, shown: Shown): string {
  if (!shown.counters) return ''
  const original = ct * 2
  const reply = original + 1
  return (
    `,"orig_packets":${table.packets(original)},"orig_bytes":${table.bytes(original)}` +
    `,"reply_packets":${table.packets(reply)},"reply_bytes":${table.bytes(reply)}`
  )
}
