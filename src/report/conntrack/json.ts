// Entries as flat JSON objects, with the field names that jc's parser of conntrack's output uses (kellyjonbrazil/jc, issue 646).
import { IPS_ASSURED, IPS_SEEN_REPLY } from '../../conntrack/status.ts'
import type { Table } from '../../conntrack/table.ts'
import { protocolName } from '../../net/numbers.ts'
import { type Ascii, flat } from '../text/ascii.ts'
import { commonZone, ownZone, type Shown, stateName } from './entry.ts'
import { PORTS_GRE, PORTS_ICMP, PORTS_PORTS, portsOf, writeDestination, writeSource } from './tuple.ts'

/** `"family":"ipv4","family_number":2,"proto":"tcp","proto_number":6` by family and protocol number. */
const IPV4_FIELDS = allProtocolFields('"family":"ipv4","family_number":2')
const IPV6_FIELDS = allProtocolFields('"family":"ipv6","family_number":10')

function allProtocolFields(family: string): string[] {
  return Array.from({ length: 256 }, (_, protocol) =>
    flat(`${family},"proto":"${protocolName(protocol)}","proto_number":${protocol}`),
  )
}

/** Appends the fields of an entry, without braces. */
export function writeEntryFields(out: Ascii, table: Table, ct: number, shown: Shown): void {
  out.text(protocolFields(table.isIpv6(ct), table.protocol(ct)))
  if (shown.seconds === null) out.text(',"timeout":null')
  else {
    out.text(',"timeout":')
    out.decimal(shown.seconds)
  }
  const state = shown.state ? stateName(table, ct) : ''
  if (state === '') out.text(',"state":null')
  else {
    out.text(',"state":"')
    out.text(state)
    out.text('"')
  }
  writeTupleFields(out, table, ct)
  out.text(',"status":')
  out.text(flagList(table.status(ct)))
  if (shown.counters) writeCounters(out, table, ct)
  if (shown.age !== null) out.text(`,"delta_time":${shown.age}`)
  const zone = commonZone(table, ct)
  const originalZone = ownZone(table, ct * 2)
  const replyZone = ownZone(table, ct * 2 + 1)
  if (zone !== 0) out.text(`,"zone":${zone}`)
  if (originalZone !== 0) out.text(`,"orig_zone":${originalZone}`)
  if (replyZone !== 0) out.text(`,"reply_zone":${replyZone}`)
}

/** Family and protocol as JSON fields. */
export function protocolFields(isIpv6: boolean, protocol: number): string {
  return (isIpv6 ? IPV6_FIELDS : IPV4_FIELDS)[protocol] ?? ''
}

/** Names of a tuple's fields with what stands around them; whole, since joining them for each line takes time. */
interface TupleNames {
  source: string
  destination: string
  sport: string
  dport: string
  type: string
  code: string
  id: string
  srckey: string
  dstkey: string
}

const tupleNames = (direction: 'orig' | 'reply'): TupleNames => ({
  source: flat(`,"${direction}_src":"`),
  destination: flat(`","${direction}_dst":"`),
  sport: flat(`","${direction}_sport":`),
  dport: flat(`,"${direction}_dport":`),
  type: flat(`","${direction}_type":`),
  code: flat(`,"${direction}_code":`),
  id: flat(`,"${direction}_id":`),
  srckey: flat(`","${direction}_srckey":`),
  dstkey: flat(`,"${direction}_dstkey":`),
})

const ORIGINAL_NAMES = tupleNames('orig')
const REPLY_NAMES = tupleNames('reply')

/** Appends `,"orig_src":"10.0.0.1",…,"reply_dport":1234`: both tuples of an entry. */
export function writeTupleFields(out: Ascii, table: Table, ct: number): void {
  writeTuple(out, table, ct * 2, ORIGINAL_NAMES)
  writeTuple(out, table, ct * 2 + 1, REPLY_NAMES)
}

function writeTuple(out: Ascii, table: Table, key: number, names: TupleNames): void {
  out.text(names.source)
  writeSource(out, table, key)
  out.text(names.destination)
  writeDestination(out, table, key)
  const ports = table.ports(key)
  switch (portsOf(table.protocol(key >> 1))) {
    case PORTS_PORTS:
      out.text(names.sport)
      out.decimal(ports >>> 16)
      out.text(names.dport)
      out.decimal(ports & 0xffff)
      return
    case PORTS_ICMP:
      out.text(names.type)
      out.decimal((ports >>> 8) & 0xff)
      out.text(names.code)
      out.decimal(ports & 0xff)
      out.text(names.id)
      out.decimal(ports >>> 16)
      return
    case PORTS_GRE:
      out.text(names.srckey)
      out.decimal(ports >>> 16)
      out.text(names.dstkey)
      out.decimal(ports & 0xffff)
      return
    default:
      out.text('"')
  }
}

/** The flags in brackets of conntrack's lines. */
function flagList(status: number): string {
  if ((status & IPS_SEEN_REPLY) === 0)
    return (status & IPS_ASSURED) === 0 ? '["UNREPLIED"]' : '["UNREPLIED","ASSURED"]'
  return (status & IPS_ASSURED) === 0 ? '[]' : '["ASSURED"]'
}

function writeCounters(out: Ascii, table: Table, ct: number): void {
  const original = ct * 2
  const reply = original + 1
  out.text(
    `,"orig_packets":${table.packets(original)},"orig_bytes":${table.bytes(original)}` +
      `,"reply_packets":${table.packets(reply)},"reply_bytes":${table.bytes(reply)}`,
  )
}
