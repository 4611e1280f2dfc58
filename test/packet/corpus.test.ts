// Holds the decoders against tshark, field by field, on the captures of others and of the lab under CTPCAP_CORPUS.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { openCaptures } from '../../src/capture/open/open.ts'
import { formatIpv4, formatIpv6 } from '../../src/net/address.ts'
import { CHECKSUM_BAD, CHECKSUM_OK, transportChecksum } from '../../src/packet/checksum.ts'
import { decode, supportsLinkType } from '../../src/packet/encapsulation/decode.ts'
import { decodeInner } from '../../src/packet/encapsulation/tunnel.ts'
import {
  FAULT_IP_CHECKSUM,
  FAULT_IP_HEADER,
  FAULT_LINK_TYPE,
  FAULT_NONE,
  FAULT_NOT_IP,
} from '../../src/packet/fault.ts'
import { Packet } from '../../src/packet/packet.ts'
import { Folder } from '../support/capture-builder.ts'
import { pcapRecords } from '../support/pcap-records.ts'

const CORPUS = process.env.CTPCAP_CORPUS ?? ''
const HAS_TSHARK = spawnSync('tshark', ['--version']).status === 0
const CAPTURE = /\.(pcap|pcapng|ntar|pcap\.gz)$/
/** tshark numbers records that are no packets, or gives up where libpcap's rules still find one. */
const READ_OTHERWISE =
  /test017-custom|test102-nrb|test202-multi-section|invalid-vers|option-too-long|clusterfuzz-5766899836387328/

const FIELDS = [
  'frame.number',
  'frame.protocols',
  'ip.src',
  'ip.dst',
  'ip.proto',
  'ip.len',
  'ip.id',
  'ip.ttl',
  'ip.flags.mf',
  'ip.frag_offset',
  'ip.checksum.status',
  'ipv6.src',
  'ipv6.dst',
  'ipv6.plen',
  'ipv6.hlim',
  'vlan.id',
  'sll.ifindex',
  'sll.pkttype',
  'tcp.srcport',
  'tcp.dstport',
  'tcp.flags',
  'tcp.seq_raw',
  'tcp.ack_raw',
  'tcp.window_size_value',
  'tcp.hdr_len',
  'tcp.checksum.status',
  'udp.srcport',
  'udp.dstport',
  'udp.length',
  'udp.checksum.status',
  'icmp.type',
  'icmp.code',
  'icmp.checksum.status',
  'icmpv6.type',
  'icmpv6.code',
  'icmpv6.checksum.status',
  'sctp.srcport',
  'sctp.dstport',
] as const

const PREFERENCES = [
  'ip.defragment:FALSE',
  'ipv6.defragment:FALSE',
  'ip.check_checksum:TRUE',
  'tcp.check_checksum:TRUE',
  'udp.check_checksum:TRUE',
  'tcp.desegment_tcp_streams:FALSE',
]

type Row = Record<(typeof FIELDS)[number], string[]>

function dissect(path: string): Row[] {
  const preferences = PREFERENCES.flatMap(preference => ['-o', preference])
  const fields = FIELDS.flatMap(field => ['-e', field])
  const options = ['-T', 'fields', '-E', 'occurrence=a', '-E', 'aggregator=;', '-d', 'udp.port==8472,vxlan']
  const run = spawnSync('tshark', ['-n', '-r', path, ...preferences, ...options, ...fields], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  })
  const lines = run.stdout.split('\n').filter(line => line !== '')
  return lines.map(line => {
    const cells = line.split('\t').map(cell => (cell === '' ? [] : cell.split(';')))
    return Object.fromEntries(FIELDS.map((field, index) => [field, cells[index] ?? []])) as Row
  })
}

/** Rows of captures that have one header, of one run of tshark: it takes half a second to start. */
function dissectTogether(all: readonly string[]): Map<string, Row[]> {
  const byHeader = new Map<string, { path: string; records: Uint8Array[] }[]>()
  for (const path of all) {
    const { header, records } = pcapRecords(readFileSync(path))
    const key = Buffer.from(header).toString('hex')
    byHeader.set(key, [...(byHeader.get(key) ?? []), { path, records }])
  }
  using folder = new Folder()
  const rows = new Map<string, Row[]>()
  for (const [header, captures] of byHeader) {
    const bytes = Buffer.concat([Buffer.from(header, 'hex'), ...captures.flatMap(({ records }) => records)])
    const dissected = dissect(folder.write('all.pcap', bytes))
    let end = 0
    for (const { path, records } of captures) {
      rows.set(path, dissected.slice(end, end + records.length))
      end += records.length
    }
    expect(dissected.length).toBe(end)
  }
  return rows
}

/** What we make of a packet, and what tshark does, under the same names; only where both can tell. */
function compareFields(packet: Packet, row: Row): [ours: object, theirs: object] {
  const ours: Record<string, unknown> = {}
  const theirs: Record<string, unknown> = {}
  const put = (name: string, mine: unknown, other: unknown) => {
    ours[name] = mine
    theirs[name] = other
  }
  put(
    'vlan',
    packet.vlan === -1 ? [] : [packet.vlan, packet.innerVlan].filter(id => id !== -1),
    row['vlan.id'].map(Number).slice(0, 2),
  )
  if (packet.linkType === 276) put('interface', packet.interfaceIndex, Number(row['sll.ifindex'][0]))
  if (packet.linkType === 113 || packet.linkType === 276)
    put('type', packet.packetType, Number(row['sll.pkttype'][0]))
  if (packet.family === 4) compareIpv4(packet, row, put)
  if (packet.family === 6) {
    put('hops', packet.ttl, Number(row['ipv6.hlim'][0]))
    if (row['ipv6.plen'][0] !== '0') put('length', packet.networkLength - 40, Number(row['ipv6.plen'][0]))
  }
  const decoded = packet.fault === FAULT_NONE || packet.fault === FAULT_IP_CHECKSUM
  if (packet.family !== 0 && decoded && packet.fragmentOffset === 0) compareTransport(packet, row, put)
  return [ours, theirs]
}

type Put = (name: string, mine: unknown, other: unknown) => void

function compareIpv4(packet: Packet, row: Row, put: Put): void {
  put('protocol', packet.protocol, Number(row['ip.proto'][0]))
  put('id', packet.identification, Number(row['ip.id'][0]))
  put('ttl', packet.ttl, Number(row['ip.ttl'][0]))
  put('more', packet.moreFragments, ['1', 'True'].includes(row['ip.flags.mf'][0]))
  put('offset', packet.fragmentOffset / 8, Number(row['ip.frag_offset'][0]))
  if (row['ip.len'][0] !== '0') put('length', packet.networkLength, Number(row['ip.len'][0]))
  put(
    'sound',
    packet.fault !== FAULT_IP_CHECKSUM && !packet.headerUnsummed,
    row['ip.checksum.status'][0] === '1',
  )
}

function compareTransport(packet: Packet, row: Row, put: Put): void {
  const ports = [packet.sourcePort, packet.destinationPort]
  const typeAndCode = [packet.destinationPort >> 8, packet.destinationPort & 0xff]
  const first = (...fields: (typeof FIELDS)[number][]) => fields.map(field => Number(row[field][0]))
  const sum = (status: string | undefined) => {
    // 0 is bad, 1 good; tshark knows more ways not to tell than we do
    if (status !== '0' && status !== '1') return
    const verdict = transportChecksum(packet)
    if (verdict === CHECKSUM_OK || verdict === CHECKSUM_BAD)
      put('checksum', verdict === CHECKSUM_OK, status === '1')
  }
  if (packet.protocol === 6 && packet.transportLength >= 20) {
    put('ports', ports, first('tcp.srcport', 'tcp.dstport'))
    put('numbers', [packet.sequence >>> 0, packet.acknowledgment >>> 0], first('tcp.seq_raw', 'tcp.ack_raw'))
    put('window', packet.window, Number(row['tcp.window_size_value'][0]))
    put('header', packet.tcpHeaderLength, Number(row['tcp.hdr_len'][0]))
    put('flags', packet.tcpFlags, Number(row['tcp.flags'][0]) & 0xff)
    if (!packet.moreFragments) sum(row['tcp.checksum.status'][0])
  } else if (packet.protocol === 17 && packet.transportLength >= 8) {
    put('ports', ports, first('udp.srcport', 'udp.dstport'))
    // the kernel's sum goes to the end of the IP packet, tshark's to the end of the datagram
    const whole = Number(row['udp.length'][0]) === packet.transportLength
    if (!packet.moreFragments && whole) sum(row['udp.checksum.status'][0])
  } else if (packet.protocol === 1 && packet.family === 4) {
    put('icmp', typeAndCode, first('icmp.type', 'icmp.code'))
    if (!packet.moreFragments) sum(row['icmp.checksum.status'][0])
  } else if (packet.protocol === 58 && packet.family === 6) {
    put('icmpv6', typeAndCode, first('icmpv6.type', 'icmpv6.code'))
    if (!packet.moreFragments) sum(row['icmpv6.checksum.status'][0])
  } else if (packet.protocol === 132) {
    put('ports', ports, first('sctp.srcport', 'sctp.dstport'))
  }
}

function addresses(packet: Packet): string {
  const p = packet
  if (p.family === 4) return `${formatIpv4(p.source0)} ${formatIpv4(p.destination0)}`
  const source = formatIpv6(p.source0, p.source1, p.source2, p.source3)
  return `${source} ${formatIpv6(p.destination0, p.destination1, p.destination2, p.destination3)}`
}

/** tshark's address pairs from the outside in; the versions in the order of the protocol names. */
function dissectedAddresses(row: Row): string[] {
  const four = row['ip.src'].map((source, index) => `${source} ${row['ip.dst'][index]}`)
  const six = row['ipv6.src'].map((source, index) => `${source} ${row['ipv6.dst'][index]}`)
  const names = (row['frame.protocols'][0] ?? '').split(':').filter(name => name === 'ip' || name === 'ipv6')
  return names.flatMap(name => (name === 'ip' ? four : six).shift() ?? [])
}

/** Captures of all kinds; those that only one kind of machine made would each cost half a second of tshark. */
const COLLECTIONS = ['captures', 'faults', 'helpers', 'lab']
const paths =
  CORPUS === ''
    ? []
    : COLLECTIONS.map(name => join(CORPUS, name))
        .filter(existsSync)
        .flatMap(capturesBelow)

function capturesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return entries
    .filter(entry => CAPTURE.test(entry))
    .map(entry => join(folder, entry))
    .sort()
}

if (paths.length === 0 || !HAS_TSHARK) {
  const missing = HAS_TSHARK ? 'CTPCAP_CORPUS names no folder of captures' : 'there is no tshark'
  console.warn(`corpus.test.ts: skipped, ${missing}`)
  test.skip('the corpus', () => {})
}

/** Those of the lab are whole, and little-endian. */
const ofLab = paths.filter(path => path.startsWith(join(CORPUS, 'lab')) && path.endsWith('.pcap'))
let labRows: Map<string, Row[]> | undefined

function rowsOf(path: string): Row[] {
  if (!ofLab.includes(path)) return dissect(path)
  labRows ??= dissectTogether(ofLab)
  return labRows.get(path) ?? []
}

for (const path of HAS_TSHARK ? paths : []) {
  test.skipIf(READ_OTHERWISE.test(path))(relative(CORPUS, path), async () => {
    const source = await openCaptures([path]).catch(() => null)
    if (source === null) return
    const rows = rowsOf(path)
    const packet = new Packet()
    let number = 0
    do {
      for (let frame = source.next(); frame !== null; frame = source.next()) {
        const row = rows[number++]
        decode(frame, packet)
        const where = `frame ${number}`
        if (packet.fault === FAULT_LINK_TYPE) {
          expect(supportsLinkType(frame.linkType)).toBe(false)
          continue
        }
        const [ours, theirs] = compareFields(packet, row)
        expect([where, ours]).toEqual([where, theirs])
        compareNesting(where, packet, row)
      }
    } while (await source.fill())
    expect(number).toBe(rows.length)
    await source.close()
  })
}

function compareNesting(where: string, packet: Packet, row: Row): void {
  const expected = dissectedAddresses(row)
  // tshark shows what the kernel refuses
  if (packet.fault === FAULT_IP_HEADER) return
  if (packet.fault === FAULT_NOT_IP) {
    expect([where, expected]).toEqual([where, []])
    return
  }
  const nested: string[] = []
  const inner = new Packet()
  if (packet.family !== 0) nested.push(addresses(packet))
  if (packet.fault === FAULT_NONE && decodeInner(packet, inner)) nested.push(addresses(inner))
  expect([where, nested]).toEqual([where, expected.slice(0, nested.length)])
}
