// Entries as `conntrack -L -o save` prints them: arguments with which `conntrack -R` makes them again (conntrack-tools' conntrack.c).
import { IPS_ASSURED, IPS_SEEN_REPLY } from '../../conntrack/status.ts'
import type { Table } from '../../conntrack/table.ts'
import { IPPROTO_ICMPV6, IPPROTO_SCTP, protocolName } from '../../net/numbers.ts'
import type { Ascii } from '../text/ascii.ts'
import { commonZone, ownZone, type Shown, stateName } from './entry.ts'
import { PORTS_GRE, PORTS_ICMP, PORTS_PORTS, portsOf, writeDestination, writeSource } from './tuple.ts'

const STATUS_NAMES = ['UNSET', 'SEEN_REPLY', 'ASSURED', 'SEEN_REPLY,ASSURED']

/** Appends a line that adds the entry. */
export function writeSaveLine(out: Ascii, table: Table, ct: number, shown: Shown): void {
  const original = ct * 2
  const reply = original + 1
  const status = table.status(ct)
  const seen = (status & IPS_SEEN_REPLY) !== 0 ? 1 : 0
  const assured = (status & IPS_ASSURED) !== 0 ? 2 : 0
  out.text(`-A -t ${shown.seconds ?? 0} -u ${STATUS_NAMES[seen + assured]}${zoneArguments(table, ct)} -s `)
  writeSource(out, table, original)
  out.text(' -d ')
  writeDestination(out, table, original)
  // a translated address has a letter of its own; a translated port has not
  out.text(repliesFromElsewhere(table, ct) ? ' -g ' : ' -r ')
  writeSource(out, table, reply)
  out.text(repliesToElsewhere(table, ct) ? ' -n ' : ' -q ')
  writeDestination(out, table, reply)
  const protocol = table.protocol(ct)
  const name = protocolName(protocol)
  out.text(` -p ${name === 'unknown' ? protocol : name}`)
  out.text(portArguments(table, ct, protocol))
  out.text(stateArguments(table, ct, protocol))
}

function zoneArguments(table: Table, ct: number): string {
  const zones = [
    ['-w', commonZone(table, ct)],
    ['--orig-zone', ownZone(table, ct * 2)],
    ['--reply-zone', ownZone(table, ct * 2 + 1)],
  ] as const
  return zones.map(([option, zone]) => (zone === 0 ? '' : ` ${option} ${zone}`)).join('')
}

/** Destination NAT of the address. */
function repliesFromElsewhere(table: Table, ct: number): boolean {
  for (let i = 0; i < 4; i++) {
    if (table.sourceWord(ct * 2 + 1, i) !== table.destinationWord(ct * 2, i)) return true
  }
  return false
}

/** Source NAT of the address. */
function repliesToElsewhere(table: Table, ct: number): boolean {
  for (let i = 0; i < 4; i++) {
    if (table.destinationWord(ct * 2 + 1, i) !== table.sourceWord(ct * 2, i)) return true
  }
  return false
}

function portArguments(table: Table, ct: number, protocol: number): string {
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

function stateArguments(table: Table, ct: number, protocol: number): string {
  const state = stateName(table, ct)
  if (state === '') return ''
  if (protocol !== IPPROTO_SCTP) return ` --state ${state}`
  return ` --state ${state} --orig-vtag ${swapped(table.trackerWord(ct, 0))} --reply-vtag ${swapped(table.trackerWord(ct, 1))}`
}

/** conntrack prints verification tags as the host (a little-endian one) reads them from the wire. */
function swapped(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0
}
