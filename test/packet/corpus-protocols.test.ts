// Frames by protocol equal those of tshark: of every capture below CTPCAP_CORPUS that the golden knows.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openCaptures } from '../../src/capture/open/open.ts'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'

const corpus = process.env.CTPCAP_CORPUS
const golden = new Map(
  readFileSync('fixtures/corpus-protocols.tsv', 'utf8')
    .trimEnd()
    .split('\n')
    .slice(2)
    .map(line => line.split('\t'))
    .map(([sum, frames, origin]) => [sum, { frames, origin }]),
)
const NAMES: Record<number, string> = {
  1: 'icmp',
  2: 'igmp',
  6: 'tcp',
  17: 'udp',
  47: 'gre',
  58: 'icmpv6',
  132: 'sctp',
}
/** What we count otherwise than tshark, and why. */
const COUNTED_OTHERWISE: Record<string, string> = {
  // netlink messages about flows, which hold no packets (link type 253)
  'mtottenh/pcapsql fuzz/corpus/fuzz_pcap_reader/netlink-conntrack.pcap': '',
  // six IP headers promise more than PPPoE carries: the kernel cuts to the latter and drops the packet
  'zeek/zeek testing/btest/Traces/pppoe-over-qinq.pcap': 'ipv4 tcp 80',
  // extension headers cut off by the snap length
  'zeek/zeek testing/btest/Traces/trunc/ip6-ext-trunc.pcap': '',
}
if (corpus === undefined)
  console.warn('corpus-protocols.test.ts: skipped, CTPCAP_CORPUS names no folder of captures')

describe.skipIf(corpus === undefined)('the corpus', () => {
  it('has the protocols tshark saw', async () => {
    const counts = new Map<string, string>()
    const expected = new Map<string, string>()
    for (const entry of readdirSync(corpus ?? '', { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const path = join(entry.parentPath, entry.name)
      const known = golden.get(createHash('sha256').update(readFileSync(path)).digest('hex'))
      if (known === undefined) continue
      expected.set(known.origin, COUNTED_OTHERWISE[known.origin] ?? known.frames)
      counts.set(known.origin, await countProtocols(path))
    }
    expect(expected.size).toBeGreaterThan(0)
    expect(Object.fromEntries(counts)).toEqual(Object.fromEntries(expected))
  })
})

/** `ipv4 tcp 12, ipv6 udp 3`: frames by their outermost IP header. */
async function countProtocols(path: string): Promise<string> {
  const source = await openCaptures([path])
  const packet = new Packet()
  const counts = new Map<string, number>()
  do {
    for (let frame = source.next(); frame !== null; frame = source.next()) {
      decode(frame, packet)
      if (packet.family === 0) continue
      const isFirst = packet.fragmentOffset === 0
      const name = (isFirst && NAMES[packet.protocol]) || 'other'
      const key = `ipv${packet.family} ${name}`
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
  } while (await source.fill())
  await source.close()
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, count]) => `${key} ${count}`)
    .join(', ')
}
