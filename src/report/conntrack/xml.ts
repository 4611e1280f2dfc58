// Entries as `conntrack -L -o xml` prints them (libnetfilter_conntrack's snprintf_xml.c).
import { TCP_STATE_NAMES } from '../../conntrack/proto/tcp-table.ts'
import { IPS_ASSURED, IPS_SEEN_REPLY } from '../../conntrack/status.ts'
import type { Table } from '../../conntrack/table.ts'
import { IPPROTO_DCCP, protocolName } from '../../net/numbers.ts'
import type { Ascii } from '../text/ascii.ts'
import { commonZone, ownZone, type Shown, stateName } from './entry.ts'
import { PORTS_GRE, PORTS_PORTS, portsOf, writeDestination, writeSource } from './tuple.ts'

export const XML_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<conntrack>\n'
export const XML_TAIL = '</conntrack>\n'

/** Appends a `<flow>` element. Kernel ids are a keyed hash; ours is the number of the frame that made the entry. */
export function writeXmlFlow(out: Ascii, table: Table, ct: number, shown: Shown): void {
  const status = table.status(ct)
  const zone = commonZone(table, ct)
  out.text('<flow><meta direction="original">')
  writeDirection(out, table, ct * 2, shown)
  out.text('</meta><meta direction="reply">')
  writeDirection(out, table, ct * 2 + 1, shown)
  out.text('</meta><meta direction="independent">')
  // the library names SCTP states by the table of the TCP ones
  if (stateName(table, ct) !== '') out.text(`<state>${TCP_STATE_NAMES[table.state(ct)]}</state>`)
  out.text(
    `<timeout>${shown.seconds ?? 0}</timeout><mark>0</mark>${zoneElement(zone)}<use>1</use><id>${table.firstFrame(ct)}</id>`,
  )
  if ((status & IPS_ASSURED) !== 0) out.text('<assured/>')
  if ((status & IPS_SEEN_REPLY) === 0) out.text('<unreplied/>')
  if (shown.age !== null) out.text(`<deltatime>${shown.age}</deltatime>`)
  out.text('</meta></flow>')
}

function writeDirection(out: Ascii, table: Table, key: number, shown: Shown): void {
  const protocol = table.protocol(key >> 1)
  out.text(
    table.isIpv6(key >> 1)
      ? '<layer3 protonum="10" protoname="ipv6"><src>'
      : '<layer3 protonum="2" protoname="ipv4"><src>',
  )
  writeSource(out, table, key)
  out.text('</src><dst>')
  writeDestination(out, table, key)
  out.text(`</dst></layer3><layer4 protonum="${protocol}" protoname="${protocolName(protocol)}">`)
  out.text(portElements(protocol, table.ports(key)))
  out.text(`</layer4>${zoneElement(ownZone(table, key))}`)
  if (!shown.counters) return
  out.text(`<counters><packets>${table.packets(key)}</packets><bytes>${table.bytes(key)}</bytes></counters>`)
}

/** The default zone goes without saying. */
function zoneElement(zone: number): string {
  return zone === 0 ? '' : `<zone>${zone}</zone>`
}

/** Types and ids of ICMP are not in this form. */
function portElements(protocol: number, ports: number): string {
  if (protocol === IPPROTO_DCCP) return '<sport>0</sport><dport>0</dport>'
  const source = ports >>> 16
  const destination = ports & 0xffff
  switch (portsOf(protocol)) {
    case PORTS_PORTS:
      return `<sport>${source}</sport><dport>${destination}</dport>`
    case PORTS_GRE:
      return `<srckey>0x${source.toString(16)}</srckey><dstkey>0x${destination.toString(16)}</dstkey>`
    default:
      return ''
  }
}
