// Entries as `conntrack -L -o save` prints them: arguments with which `conntrack -R` makes them again (conntrack-tools' conntrack.c).
import { IPS_ASSURED, IPS_SEEN_REPLY } from '../conntrack/status.ts'
import type { Table } from '../conntrack/table.ts'
import { IPPROTO_ICMPV6, IPPROTO_SCTP, protocolName } from '../net/numbers.ts'
import { type Shown, stateName } from './conntrack-entry.ts'
import {
  formatDestination,
  formatSource,
  PORTS_GRE,
  PORTS_ICMP,
  PORTS_PORTS,
  portsOf,
} from './conntrack-tuple.ts'

/** A line that adds the entry. */
export function formatSaveLine(table: Table, ct: number, shown: Shown): string {
  const original = ct * 2
  const reply = original + 1
  const source = formatSource(table, original)
  const destination = formatDestination(table, original)
  const replySource = formatSource(table, reply)
  const replyDestination = formatDestination(table, reply)
  const protocol = table.protocol(ct)
  const name = protocolName(protocol)
  return (
    `-A -t ${shown.seconds ?? 0} -u ${formatStatus(table.status(ct))} -s ${source} -d ${destination}` +
    // a translated address has a letter of its own; a translated port has not
    ` ${replySource === destination ? '-r' : '-g'} ${replySource} ${replyDestination === source ? '-q' : '-n'} ${replyDestination}` +
    ` -p ${name === 'unknown' ? protocol : name}${formatPorts(table, ct, protocol)}${formatState(table, ct, protocol)}`
  )
}

function formatStatus(status: number): string {
  const names = []
  if ((status & IPS_SEEN_REPLY) !== 0) names.push('SEEN_REPLY')
  if ((status & IPS_ASSURED) !== 0) names.push('ASSURED')
  return names.length === 0 ? 'UNSET' : names.join(',')
}

function formatPorts(table: Table, ct: number, protocol: number): string {
  const original = table.ports(ct * 2)
  const reply = table.ports(ct * 2 + 1)
  switch (portsOf(protocol)) {
    case PORTS_PORTS:
      return ` --sport ${original >>> 16} --dport ${original & 0xffff} --reply-port-src ${reply >>> 16} --reply-port-dst ${reply & 0xffff}`
    case PORTS_GRE:
      return ` --srckey ${original >>> 16} --dstkey ${original & 0xffff} --reply-key-src ${reply >>> 16} --reply-key-dst ${reply & 0xffff}`
    case PORTS_ICMP: {
      const name = protocol === IPPROTO_ICMPV6 ? 'icmpv6' : 'icmp'
      return ` --${name}-type ${(original >>> 8) & 0xff} --${name}-code ${original & 0xff} --${name}-id ${original >>> 16}`
    }
    default:
      return ''
  }
}

function formatState(table: Table, ct: number, protocol: number): string {
  const state = stateName(table, ct)
  if (state === '') return ''
  if (protocol !== IPPROTO_SCTP) return ` --state ${state}`
  return ` --state ${state} --orig-vtag ${swapped(table.trackerWord(ct, 0))} --reply-vtag ${swapped(table.trackerWord(ct, 1))}`
}

/** conntrack prints verification tags as the host (a little-endian one) reads them from the wire. */
function swapped(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0
}
