// Listings of a table: what conntrack 1.4.7 and /proc printed of one table in every form, and lines that are none.
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { KnownEntry } from '../../src/conntrack/known-entry.ts'
import { SCTP_STATE_NAMES } from '../../src/conntrack/proto/sctp-table.ts'
import { TCP_STATE_NAMES } from '../../src/conntrack/proto/tcp-table.ts'
import { IPS_ASSURED, IPS_DST_NAT, IPS_SEEN_REPLY, IPS_SRC_NAT } from '../../src/conntrack/status.ts'
import { zoneOf } from '../../src/conntrack/tuple.ts'
import { TableListing, TableListingError } from '../../src/host/listing/table-listing.ts'
import { formatIpv4 } from '../../src/net/address.ts'

function parse(text: string): KnownEntry[] {
  const listing = new TableListing()
  for (const line of text.split('\n')) listing.add(line)
  listing.finish()
  return listing.entries
}

const parseOne = (line: string): KnownEntry => {
  const entries = parse(line)
  expect(entries).toHaveLength(1)
  return entries[0]
}

/** The message of the error that a text is refused with. */
function refusal(text: string): string {
  try {
    parse(text)
  } catch (error) {
    if (error instanceof TableListingError) return `${error.line}: ${error.message}`
    throw error
  }
  return 'accepted'
}

const tupleOf = ({ source, destination, ports, kind }: KnownEntry['original']) =>
  `${kind & 0xff} ${formatIpv4(source)}:${ports >>> 16} ${formatIpv4(destination)}:${ports & 0xffff}`

describe.each(['every-protocol', 'every-protocol-accounted'])('%s', name => {
  const recorded = (form: string) => parse(readFileSync(`fixtures/conntrack-output/${name}.${form}`, 'utf8'))
  /** Each was listed a moment after the other, so that seconds differ; the order is that of a hash. */
  const comparable = (entries: KnownEntry[], without: readonly (keyof KnownEntry)[] = []) =>
    entries
      .map(entry => {
        const kept = Object.entries(entry).filter(
          ([key]) => !['seconds', 'age', ...without].includes(key as keyof KnownEntry),
        )
        return JSON.stringify(Object.fromEntries(kept))
      })
      .sort()
  const plain = recorded('list.txt')

  it('is not empty, and has every protocol', () => {
    expect(plain.length).toBeGreaterThan(10)
    expect(new Set(plain.map(({ original }) => original.kind & 0xff))).toEqual(
      new Set([1, 6, 17, 33, 47, 50, 58, 132, 136, 200]),
    )
  })

  it.each(['extended.txt', 'proc.txt'])('%s has the same entries', form => {
    expect(comparable(recorded(form))).toEqual(comparable(plain))
  })

  it('save.txt has them with verification tags and without counters', () => {
    const without = ['tags', 'packets', 'bytes'] as const
    expect(comparable(recorded('save.txt'), without)).toEqual(comparable(plain, without))
  })

  it('xml has them, of ICMP without types and ids', () => {
    const isIcmp = ({ original }: KnownEntry) => [1, 58].includes(original.kind & 0xff)
    const xml = recorded('xml')
    expect(comparable(xml.filter(entry => !isIcmp(entry)))).toEqual(
      comparable(plain.filter(entry => !isIcmp(entry))),
    )
    expect(xml.filter(isIcmp).map(({ isPartial }) => isPartial)).toEqual(plain.filter(isIcmp).map(() => true))
  })
})

describe('a line of conntrack -L', () => {
  it('has protocol, seconds, state, both tuples and flags', () => {
    const entry = parseOne(
      'tcp      6 431999 ESTABLISHED src=10.0.0.5 dst=203.0.113.9 sport=40001 dport=443 packets=3 bytes=180 src=203.0.113.9 dst=192.0.2.1 sport=443 dport=61000 packets=2 bytes=120 [ASSURED] mark=1 secctx=system_u:object_r:x zone=7 delta-time=12 [start=Wed Nov 25 02:45:23 2026] use=1 id=3024005727',
    )
    expect(tupleOf(entry.original)).toBe('6 10.0.0.5:40001 203.0.113.9:443')
    expect(tupleOf(entry.reply)).toBe('6 203.0.113.9:443 192.0.2.1:61000')
    expect(entry).toMatchObject({
      status: IPS_SEEN_REPLY | IPS_ASSURED | IPS_SRC_NAT,
      state: TCP_STATE_NAMES.indexOf('ESTABLISHED'),
      seconds: 431999,
      age: 12,
      packets: [3, 2],
      bytes: [180, 120],
      isPartial: false,
      isOffloaded: false,
    })
    expect(zoneOf(entry.original.kind)).toBe(7)
  })

  it.each([
    [
      'no translation',
      '10.0.0.1 dst=10.0.0.2 sport=9 dport=53 src=10.0.0.2 dst=10.0.0.1 sport=53 dport=9',
      0,
    ],
    [
      'a source port',
      '10.0.0.1 dst=10.0.0.2 sport=9 dport=53 src=10.0.0.2 dst=10.0.0.1 sport=53 dport=8',
      IPS_SRC_NAT,
    ],
    [
      'a destination',
      '10.0.0.1 dst=10.0.0.2 sport=9 dport=53 src=10.0.0.3 dst=10.0.0.1 sport=53 dport=9',
      IPS_DST_NAT,
    ],
    [
      'a redirected port',
      '10.0.0.1 dst=10.0.0.2 sport=9 dport=53 src=10.0.0.2 dst=10.0.0.1 sport=54 dport=9',
      IPS_DST_NAT,
    ],
    [
      'both',
      '10.0.0.1 dst=10.0.0.2 sport=9 dport=53 src=10.0.0.3 dst=10.0.0.4 sport=53 dport=9',
      IPS_SRC_NAT | IPS_DST_NAT,
    ],
  ])('tells %s by its tuples', (_what, tuples, bits) => {
    expect(parseOne(`udp 17 29 src=${tuples} mark=0 use=1`).status).toBe(IPS_SEEN_REPLY | bits)
  })

  it('tells a translated ICMP id, and an id of the entry from that of the tuple', () => {
    const entry = parseOne(
      'icmp     1 28 src=10.244.0.6 dst=203.0.113.10 type=8 code=0 id=4242 src=203.0.113.10 dst=192.168.56.11 type=0 code=0 id=62224 mark=0 use=1 id=99',
    )
    expect(entry.status).toBe(IPS_SEEN_REPLY | IPS_SRC_NAT)
    expect([entry.original.ports >>> 16, entry.reply.ports >>> 16]).toEqual([4242, 62224])
    expect(entry.reply.ports & 0xffff).toBe(0)
  })

  it('without time and state is offloaded', () => {
    const line =
      'tcp      6 src=10.0.0.1 dst=10.0.0.2 sport=9 dport=80 src=10.0.0.2 dst=10.0.0.1 sport=80 dport=9 [OFFLOAD] mark=0 use=2'
    const offloaded = {
      state: TCP_STATE_NAMES.indexOf('ESTABLISHED'),
      status: IPS_SEEN_REPLY | IPS_ASSURED,
      isOffloaded: true,
      seconds: 86400,
    }
    expect(parseOne(line)).toMatchObject(offloaded)
    expect(parseOne(`ipv4     2 ${line.replace('[OFFLOAD]', '[HW_OFFLOAD]')}`)).toMatchObject(offloaded)
  })

  it('is offloaded or not in every form that names status bits', () => {
    const saved = (bits: string) =>
      `-A -t 118 -u ${bits} -s 10.0.0.1 -d 10.0.0.2 -r 10.0.0.2 -q 10.0.0.1 -p tcp --sport 9 --dport 80 --reply-port-src 80 --reply-port-dst 9 --state ESTABLISHED`
    const fields = { proto: 'tcp', proto_number: 6, timeout: 118, state: 'ESTABLISHED' }
    const original = { orig_src: '10.0.0.1', orig_dst: '10.0.0.2', orig_sport: 9, orig_dport: 80 }
    const reply = { reply_src: '10.0.0.2', reply_dst: '10.0.0.1', reply_sport: 80, reply_dport: 9 }
    const json = (status: string[]) =>
      JSON.stringify({ family: 'ipv4', family_number: 2, ...fields, ...original, ...reply, status })
    const isOffloaded = (line: string) => parseOne(line).isOffloaded
    for (const bit of ['OFFLOAD', 'HW_OFFLOAD']) {
      expect(isOffloaded(saved(`SEEN_REPLY,ASSURED,${bit}`))).toBe(true)
      expect(isOffloaded(json(['ASSURED', bit]))).toBe(true)
    }
    expect([isOffloaded(saved('SEEN_REPLY,ASSURED')), isOffloaded(json(['ASSURED']))]).toEqual([false, false])
  })

  it('of a direction-bound zone has that direction alone in it', () => {
    const entry = parseOne(
      'udp      17 19 src=10.0.0.7 dst=10.0.0.2 sport=1002 dport=53 zone-orig=7 [UNREPLIED] src=10.0.0.2 dst=10.0.0.7 sport=53 dport=1002 mark=0 use=1',
    )
    expect([zoneOf(entry.original.kind), zoneOf(entry.reply.kind), entry.status]).toEqual([7, 0, 0])
  })

  it('knows the states that other kernels have', () => {
    const tuples = 'src=10.0.0.1 dst=10.0.0.2 sport=9 dport=80 src=10.0.0.2 dst=10.0.0.1 sport=80 dport=9'
    expect(parseOne(`tcp 6 5 LISTEN ${tuples}`).state).toBe(TCP_STATE_NAMES.indexOf('SYN_SENT2'))
    expect(parseOne(`sctp 132 5 HEARTBEAT_ACKED ${tuples}`).state).toBe(
      SCTP_STATE_NAMES.indexOf('ESTABLISHED'),
    )
    expect(parseOne(`dccp 33 5 OPEN ${tuples}`).state).toBe(0)
  })
})

describe('a listing', () => {
  it('may be empty, and have lines that say how many entries there are', () => {
    expect(parse('')).toEqual([])
    expect(
      parse('\n# of node-1\nconntrack v1.4.7 (conntrack-tools): 0 flow entries have been shown.\n'),
    ).toEqual([])
    expect(
      parse('ctpcap 0.1.0: 8 flow entries have been shown. (0.000000 s after the first frame, …)'),
    ).toEqual([])
    expect(parse('<?xml version="1.0" encoding="utf-8"?>\n<conntrack>\n</conntrack>\n')).toEqual([])
  })

  it('in XML may be laid out over lines, or on one', () => {
    const xml = readFileSync('fixtures/conntrack-output/every-protocol.xml', 'utf8')
    const laidOut = xml.replaceAll('><', '>\n  <')
    expect(parse(laidOut)).toEqual(parse(xml))
    expect(parse(xml.replaceAll('\n', ''))).toEqual(parse(xml))
  })

  const good =
    'udp 17 29 src=10.0.0.1 dst=10.0.0.2 sport=9 dport=53 src=10.0.0.2 dst=10.0.0.1 sport=53 dport=9'
  it.each([
    ['words', 'hello world', 'expected a protocol and its number'],
    ['another number of a protocol', good.replace('udp 17', 'udp 6'), 'udp 6: expected tcp 6'],
    ['an event', `    [NEW] ${good}`, 'an event of conntrack -E'],
    ['a stamped event', `[1700000000.000001]\t [UPDATE] ${good}`, 'an event of conntrack -E'],
    ['a line cut off', good.slice(0, 60), 'expected two tuples'],
    ['no tuple', 'udp 17 29', 'the end of the line: expected the original tuple'],
    ['three tuples', `${good} src=1.2.3.4`, 'a third tuple'],
    ['a word among the fields', `${good} and so on`, 'and: expected name=value'],
    [
      'a port too high',
      good.replace('sport=9', 'sport=65536'),
      'sport of both tuples 65536: expected a number',
    ],
    [
      'an ICMP code too high',
      'icmp 1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=256 id=1 src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=1',
      'code of the ICMP tuple 256: expected a number from 0 to 255',
    ],
    ['a port that is missing', good.replace(' sport=9', ''), 'expected sport of both tuples'],
    ['a false address', good.replace('10.0.0.1', '10.0.0.256'), '10.0.0.256 is no IPv4 address'],
    ['two families', good.replaceAll('dst=10.0.0', 'dst=fd00::'), 'is no IPv4 address'],
    ['an unknown state', good.replace('udp 17 29', 'tcp 6 29 OPEN'), 'unknown state OPEN'],
    ['an arrived summary without entries', 'conntrack v1.4.7 (conntrack-tools): oops', 'expected a protocol'],
    ['an option without its value', '-A -t 20 -u', '-u: expected options with their values'],
    ['arguments without a protocol', '-A -t 20 -s 10.0.0.1', 'expected a protocol number'],
    ['other JSON', '[1, 2]', 'expected a protocol'],
    ['broken JSON', '{"proto"', 'expected a JSON object a line'],
    ['an event as JSON', '{"event":"NEW"}', 'an event'],
    ['other XML', '<html>', 'expected <flow> elements'],
    ['a flow without an end', '<flow><meta direction="original">', 'a <flow> without its end'],
    ['an empty flow', '<flow></flow>', 'expected <layer4'],
  ])('with %s is refused, and the line named', (_what, line, message) => {
    expect(refusal(`\n${good}\n${line}`)).toContain(`3: `)
    expect(refusal(`\n${good}\n${line}`)).toContain(message)
  })

  it('of bytes at random is read or refused, and nothing else', () => {
    const pieces = fc.constantFrom(
      'tcp',
      'udp',
      '6',
      '17',
      'src=1.2.3.4',
      'dst=::1',
      'sport=1',
      '[ASSURED]',
      '-A',
      '-t',
      '<flow>',
      '</flow>',
      '<meta direction="original">',
      '{',
      '"a":1}',
      '\n',
      '=',
      '[',
    )
    const text = fc.array(fc.oneof(pieces, fc.string()), { maxLength: 30 }).map(words => words.join(' '))
    fc.assert(
      fc.property(text, words => typeof refusal(words) === 'string'),
      { numRuns: 500 },
    )
  })
})
