// Entries at random, listed by our own renderers, are read back as the same entries.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { DEFAULT_HZ as HZ } from '../../src/conntrack/kernel.ts'
import { KnownEngine } from '../../src/conntrack/known-engine.ts'
import type { KnownEntry } from '../../src/conntrack/known-entry.ts'
import { defaultSettings } from '../../src/conntrack/settings.ts'
import { knownEntry, type ListedEntry, type ListedTuple } from '../../src/host/listing/listed-entry.ts'
import { TableListing } from '../../src/host/listing/table-listing.ts'
import { formatIpv4, formatIpv6 } from '../../src/net/address.ts'
import { writeEntryFields } from '../../src/report/conntrack/json.ts'
import { writeListLine, writeProcLine } from '../../src/report/conntrack/line.ts'
import { writeSaveLine } from '../../src/report/conntrack/save.ts'
import { writeXmlFlow } from '../../src/report/conntrack/xml.ts'
import { Ascii } from '../../src/report/text/ascii.ts'

const SILENT = {
  created: () => {},
  updated: () => {},
  reclassified: () => {},
  expired: () => {},
  destroyed: () => {},
}

const word = fc.integer({ min: -0x80000000, max: 0x7fffffff })
const port = fc.integer({ min: 0, max: 0xffff }).map(String)
const count = fc.integer({ min: 0, max: 0xffffffff }).map(String)
const ipv4 = word.map(formatIpv4)
const ipv6 = fc
  .tuple(word, fc.constantFrom(0, 1), fc.constantFrom(0, -1, 0x10000), word)
  .map(([a, b, c, d]) => formatIpv6(a, b, c, d))

interface Kind {
  protocol: number
  fields: (fields: fc.Arbitrary<string>) => Record<string, fc.Arbitrary<string>>
  states: readonly (string | null)[]
}

const ports: Kind['fields'] = () => ({ sport: port, dport: port })
const KINDS: Kind[] = [
  { protocol: 6, fields: ports, states: ['SYN_SENT', 'ESTABLISHED', 'TIME_WAIT', 'CLOSE', 'SYN_SENT2'] },
  { protocol: 17, fields: ports, states: [null] },
  { protocol: 136, fields: ports, states: [null] },
  { protocol: 132, fields: ports, states: ['CLOSED', 'ESTABLISHED', 'HEARTBEAT_SENT'] },
  { protocol: 47, fields: () => ({ srckey: port, dstkey: port }), states: [null] },
  { protocol: 50, fields: () => ({}), states: [null] },
  { protocol: 33, fields: () => ({}), states: [null] },
]

/** A listed tuple of a family; both of an entry have fields of their own, as NAT leaves them. */
const tupleOf = (address: fc.Arbitrary<string>, kind: Kind): fc.Arbitrary<ListedTuple> =>
  fc.record({ src: address, dst: address, ...kind.fields(port), packets: count, bytes: count })

const listedOf = (kind: Kind, address: fc.Arbitrary<string>): fc.Arbitrary<ListedEntry> =>
  fc
    .record({
      protocol: fc.constant(kind.protocol),
      timeout: fc.integer({ min: 0, max: 432000 }).map(String),
      state: fc.constantFrom(...kind.states),
      original: tupleOf(address, kind),
      reply: tupleOf(address, kind),
      isReplied: fc.boolean(),
      isAssured: fc.boolean(),
      isOffloaded: fc.constant(false),
      zone: fc.constantFrom('0', '0', '1', '65535'),
      age: fc.integer({ min: 0, max: 1e6 }).map(String),
      tags: fc.tuple(fc.constant('0'), fc.constant('0')),
      alone: fc.constantFrom('original' as const, 'reply' as const, null, null),
    })
    .map(({ alone, ...entry }) => (alone === null ? entry : inZoneAlone(entry, alone)))

/** An entry of which one direction alone is in the zone. */
function inZoneAlone(entry: ListedEntry, direction: 'original' | 'reply'): ListedEntry {
  return { ...entry, zone: '0', [direction]: { ...entry[direction], zone: entry.zone } }
}

/** Echo requests, and a reply whose id NAT may have changed. */
const icmpOf = (address: fc.Arbitrary<string>, protocol: number): fc.Arbitrary<ListedEntry> => {
  const [request, reply] = protocol === 1 ? ['8', '0'] : ['128', '129']
  const kind = (type: string): Kind => ({
    protocol,
    fields: () => ({ type: fc.constant(type), code: fc.constant('0'), id: port }),
    states: [null],
  })
  return fc
    .tuple(listedOf(kind(request), address), tupleOf(address, kind(reply)))
    .map(([entry, tuple]) => ({ ...entry, reply: tuple }))
}

const entryOf: fc.Arbitrary<ListedEntry> = fc.oneof(
  ...KINDS.flatMap(kind => [listedOf(kind, ipv4), listedOf(kind, ipv6)]),
  icmpOf(ipv4, 1),
  icmpOf(ipv6, 58),
)

/** What a form does not have, or has of one direction alone. */
function without(form: string, entry: KnownEntry): KnownEntry {
  const none = [0, 0] as const
  const kept = { ...entry, tags: none }
  if (form === 'save') return { ...kept, packets: none, bytes: none, age: null }
  return kept
}

/** Each entry as a table of them all lists it. */
function list(entries: readonly KnownEntry[], form: string): string {
  const engine = new KnownEngine(defaultSettings(), SILENT)
  engine.load(entries)
  // equal tuples at random would be one entry
  fc.pre(engine.known === entries.length)
  const out = new Ascii()
  for (const [ct, { age }] of entries.entries()) {
    writeEntry(out, engine, ct, form, age)
    out.text('\n')
  }
  return out.take().toString()
}

function writeEntry(out: Ascii, engine: KnownEngine, ct: number, form: string, age: number | null): void {
  const { table, context } = engine
  const shown = { seconds: Math.floor(context.expires(ct) / HZ), state: true, counters: true, age }
  if (form === 'conntrack' || form === 'extended') writeListLine(out, table, ct, shown, form === 'extended')
  else if (form === 'proc') writeProcLine(out, table, ct, shown, [30, 180])
  else if (form === 'xml') writeXmlFlow(out, table, ct, shown)
  else if (form === 'save') writeSaveLine(out, table, ct, shown)
  else {
    out.text('{')
    writeEntryFields(out, table, ct, shown)
    out.text('}')
  }
}

it.each(['conntrack', 'extended', 'proc', 'xml', 'save', 'ndjson'])('%s', form => {
  const isListable = ({ protocol, original, reply }: ListedEntry) => {
    if (protocol !== 1 && protocol !== 58) return true
    // one form has no ids, another has that of the original direction alone
    return form !== 'xml' && (form !== 'save' || original.id === reply.id)
  }
  const entriesOf = fc.array(entryOf.filter(isListable), { minLength: 1, maxLength: 100 })
  fc.assert(
    fc.property(entriesOf, listed => {
      const entries = listed.map(knownEntry)
      const listing = new TableListing()
      for (const line of list(entries, form).split('\n')) listing.add(line)
      expect(listing.entries).toEqual(entries.map(entry => without(form, entry)))
    }),
    { numRuns: 15 },
  )
})
