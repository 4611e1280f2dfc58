// Entries as `conntrack -L -o xml` prints them (libnetfilter_conntrack's snprintf_xml.c).
import { TCP_STATE_NAMES } from '../conntrack/proto/tcp-table.ts'
import { IPS_ASSURED, IPS_SEEN_REPLY } from '../conntrack/status.ts'
import type { Table } from '../conntrack/table.ts'
import { IPPROTO_DCCP, protocolName } from '../net/numbers.ts'
import { type Shown, stateName } from './conntrack-entry.ts'
import { formatDestination, formatSource, PORTS_GRE, PORTS_PORTS, portsOf } from './conntrack-tuple.ts'

export const XML_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<conntrack>\n'
export const XML_TAIL = '</conntrack>\n'

/**
 * One `<flow>` element. Kernel ids are a keyed hash; ours is the number of the frame that made the entry.
 */
export function formatXmlFlow(table: Table, ct: number, shown: Shown): string {
  const status = table.status(ct)
  // the library names SCTP states by the table of the TCP ones
  const name = stateName(table, ct) === '' ? '' : TCP_STATE_NAMES[table.state(ct)]
  return (
    `<flow>${formatMeta(table, ct * 2, 'original', shown)}${formatMeta(table, ct * 2 + 1, 'reply', shown)}` +
    `<meta direction="independent">${name === '' ? '' : element('state', name)}${element('timeout', shown.seconds ?? 0)}` +
    `<mark>0</mark><use>1</use>${element('id', table.firstFrame(ct))}` +
    `${(status & IPS_ASSURED) === 0 ? '' : '<assured/>'}${(status & IPS_SEEN_REPLY) === 0 ? '<unreplied/>' : ''}` +
    `${shown.age === null ? '' : element('deltatime', shown.age)}</meta></flow>`
  )
}

function formatMeta(table: Table, key: number, direction: string, shown: Shown): string {
  const protocol = table.protocol(key >> 1)
  const family = table.isIpv6(key >> 1) ? 'protonum="10" protoname="ipv6"' : 'protonum="2" protoname="ipv4"'
  const counters = shown.counters
    ? `<counters>${element('packets', table.packets(key))}${element('bytes', table.bytes(key))}</counters>`
    : ''
  return (
    `<meta direction="${direction}"><layer3 ${family}>` +
    `${element('src', formatSource(table, key))}${element('dst', formatDestination(table, key))}</layer3>` +
    `<layer4 protonum="${protocol}" protoname="${protocolName(protocol)}">${formatPorts(protocol, table.ports(key))}</layer4>` +
    `${counters}</meta>`
  )
}

/** Types and ids of ICMP are not in this form. */
function formatPorts(protocol: number, ports: number): string {
  if (protocol === IPPROTO_DCCP) return '<sport>0</sport><dport>0</dport>'
  switch (portsOf(protocol)) {
    case PORTS_PORTS:
      return `${element('sport', ports >>> 16)}${element('dport', ports & 0xffff)}`
    case PORTS_GRE:
      return `${element('srckey', `0x${(ports >>> 16).toString(16)}`)}${element('dstkey', `0x${(ports & 0xffff).toString(16)}`)}`
    default:
      return ''
  }
}

function element(name: string, value: string | number): string {
  return `<${name}>${value}</${name}>`
}
