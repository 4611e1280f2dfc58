// What to call a flow of any protocol: as it was meant, and as NAT made it.
import type { Table } from '../../conntrack/table.ts'
import { KIND_IPV6, type Tuple } from '../../conntrack/tuple.ts'
import { formatIpv4, formatIpv6 } from '../../net/address.ts'
import { protocolName } from '../../net/numbers.ts'
import { hasPorts } from '../../sizing/owners/owners.ts'
import { endpoint } from './whereabouts.ts'

/** The flow of entry `ct`. */
export function nameOfEntry(table: Table, ct: number): string {
  const end = (key: number, isSource: boolean): string => {
    const text = endpoint(table, key, isSource)
    return hasPorts(table.protocol(ct)) ? text : text.slice(0, text.lastIndexOf(':'))
  }
  const original = ct * 2
  const reply = original + 1
  return nameOf(
    table.protocol(ct),
    [end(original, true), end(original, false)],
    [end(reply, false), end(reply, true)],
  )
}

/** The flow whose first packet has `tuple`, and whose replies have `reply`. */
export function nameOfTuples(tuple: Tuple, reply: Tuple): string {
  return nameOf(
    tuple.kind & 0xff,
    [endOf(tuple, true), endOf(tuple, false)],
    [endOf(reply, false), endOf(reply, true)],
  )
}

function nameOf(protocol: number, meant: [string, string], made: [string, string]): string {
  const name = protocolName(protocol)
  const text = `${name === 'unknown' ? `protocol ${protocol}` : name} ${meant[0]} -> ${meant[1]}`
  if (meant[0] !== made[0]) return `${text}, translated to ${made[0]} -> ${made[1]}`
  return meant[1] === made[1] ? text : `${text}, translated to ${made[1]}`
}

function endOf(tuple: Tuple, isSource: boolean): string {
  const isIpv6 = tuple.kind >= KIND_IPV6
  const address = isIpv6
    ? isSource
      ? formatIpv6(tuple.source0, tuple.source1, tuple.source2, tuple.source3)
      : formatIpv6(tuple.destination0, tuple.destination1, tuple.destination2, tuple.destination3)
    : formatIpv4(isSource ? tuple.source : tuple.destination)
  const named = isIpv6 ? `[${address}]` : address
  const port = isSource ? tuple.ports >>> 16 : tuple.ports & 0xffff
  return hasPorts(tuple.kind & 0xff) ? `${named}:${port}` : named
}
