// What rules of nft look at: fields of a packet, alone or several together, compared with values and looked up in sets.
import { asList, asObject, asText, type JsonObject } from '../files/json-documents.ts'
import { networkOf, parseAddress, parseNetwork } from '../files/network.ts'
import { NetworkIndex, type NetworkItem } from '../files/networks.ts'
import { ASKS_DESTINATION, ASKS_DESTINATION_PORT, ASKS_KIND, ASKS_SOURCE, ASKS_SOURCE_PORT } from './asks.ts'
import { fieldThat, type NftField, OPAQUE } from './nft-opaque.ts'
import {
  entryField,
  fibField,
  maskedPacketField,
  numgenField,
  packetMeta,
  packetPayload,
} from './nft-packet-field.ts'
import {
  type Answer,
  asking,
  asksOf,
  isFamily,
  NO,
  negated,
  ofDestination,
  ofInterface,
  ofMark,
  ofPort,
  ofProtocol,
  ofSource,
  ofState,
  PERHAPS,
  parseProtocol,
  perhaps,
  type Subject,
  type Test,
  YES,
} from './subject.ts'

/** The fields of an expression; several where it is a concatenation. @param wheel numbers the wheels of `numgen` */
export function fieldsOf(expression: unknown, wheel: () => number): NftField[] {
  const concatenated = asObject(expression)?.concat
  const field = (each: unknown): NftField => fieldOf(each, wheel)
  return Array.isArray(concatenated) ? concatenated.map(field) : [field(expression)]
}

function fieldOf(expression: unknown, wheel: () => number): NftField {
  const object = asObject(expression)
  if (object === null) return OPAQUE
  const payload = asObject(object.payload)
  if (payload !== null) return payloadField(asText(payload.protocol), asText(payload.field))
  const meta = asObject(object.meta)
  if (meta !== null) return metaField(asText(meta.key))
  const ct = asObject(object.ct)
  if (ct !== null) return ct.key === 'state' ? STATE : (entryField(ct, networkFrom) ?? OPAQUE)
  const fib = asObject(object.fib)
  if (fib !== null) return fibField(fib)
  const numgen = asObject(object.numgen)
  if (numgen !== null) return numgenField(numgen, wheel)
  return maskedField(object)
}

function payloadField(protocol: string, field: string): NftField {
  if (protocol === 'ip' || protocol === 'ip6') {
    const needs = [isFamily(protocol === 'ip' ? 4 : 6)]
    if (field === 'saddr') return addressField('source', needs)
    if (field === 'daddr') return addressField('destination', needs)
    if (field === 'protocol' || field === 'nexthdr') return { ...PROTOCOL, needs }
    return packetPayload(protocol, field, needs) ?? { ...OPAQUE, needs }
  }
  const number = parseProtocol(protocol)
  const needs = number === null ? [] : [ofProtocol(number)]
  if (protocol !== 'th' && number === null) return OPAQUE
  if (field === 'sport') return portField('sourcePort', needs)
  if (field === 'dport') return portField('destinationPort', needs)
  return packetPayload(protocol, field, needs) ?? { ...OPAQUE, needs }
}

function addressField(which: 'source' | 'destination', needs: Test[]): NftField {
  const of = which === 'source' ? ofSource : ofDestination
  return {
    needs,
    asks: which === 'source' ? ASKS_SOURCE : ASKS_DESTINATION,
    equals: value => {
      const network = networkFrom(value)
      return network === null ? perhaps : of(network)
    },
    key: subject =>
      (which === 'source' ? subject.isSourceKnown : subject.isDestinationKnown)
        ? subject[which].join()
        : null,
    keyOf: value => (typeof value === 'string' ? (parseAddress(value)?.words.join() ?? null) : null),
    address: { networkOf: networkFrom, of: subject => subject[which] },
  }
}

/** `"10.0.0.1"`, `{"prefix":…}`, `{"range":…}`. */
export function networkFrom(value: unknown): ReturnType<typeof parseNetwork> {
  if (typeof value === 'string') return parseNetwork(value)
  const object = asObject(value)
  const prefix = asObject(object?.prefix)
  if (prefix !== null) {
    const address = parseAddress(asText(prefix.addr))
    return address === null || typeof prefix.len !== 'number' ? null : networkOf(address, prefix.len)
  }
  const [first, last] = asList(object?.range)
  return parseNetwork(`${asText(first)}-${asText(last)}`)
}

function portField(which: 'sourcePort' | 'destinationPort', needs: Test[]): NftField {
  return {
    needs,
    asks: which === 'sourcePort' ? ASKS_SOURCE_PORT : ASKS_DESTINATION_PORT,
    equals: value => {
      const range = portsFrom(value)
      return range === null ? perhaps : ofPort(which, [range])
    },
    key: subject => (subject[which] < 0 ? null : String(subject[which])),
    keyOf: value => (typeof value === 'number' ? String(value) : null),
  }
}

/** `80`, `{"range":[80,90]}`. */
export function portsFrom(value: unknown): readonly [number, number] | null {
  const [first, last] = typeof value === 'number' ? [value, value] : asList(asObject(value)?.range)
  return typeof first === 'number' && typeof last === 'number' ? [first, last] : null
}

const PROTOCOL: NftField = {
  needs: [],
  asks: ASKS_KIND,
  equals: value => {
    const protocol = protocolFrom(value)
    return protocol === null ? perhaps : ofProtocol(protocol)
  },
  key: subject => String(subject.protocol),
  keyOf: value => {
    const protocol = protocolFrom(value)
    return protocol === null ? null : String(protocol)
  },
}

/** A name or a number. */
function protocolFrom(value: unknown): number | null {
  return typeof value === 'string' || typeof value === 'number' ? parseProtocol(String(value)) : null
}

const STATE: NftField = {
  needs: [],
  asks: ASKS_KIND,
  equals: value => ofState(Array.isArray(value) ? value.map(asText) : [asText(value)]),
  key: ({ state }) => state,
  keyOf: value => (typeof value === 'string' ? value : null),
  hasSome: value => ofState(Array.isArray(value) ? value.map(asText) : [asText(value)]),
}

const MARK: NftField = {
  ...OPAQUE,
  equals: value => (typeof value === 'number' ? ofMark(value, 0xffffffff) : perhaps),
}

const NFPROTO: NftField = {
  ...OPAQUE,
  equals: value => (value === 'ipv4' ? isFamily(4) : value === 'ipv6' ? isFamily(6) : perhaps),
}

function metaField(key: string): NftField {
  switch (key) {
    case 'l4proto':
      return PROTOCOL
    case 'iif':
    case 'iifname':
      return interfaceField('input')
    case 'oif':
    case 'oifname':
      return interfaceField('output')
    case 'mark':
      return MARK
    case 'nfproto':
      return NFPROTO
    default:
      return packetMeta(key) ?? OPAQUE
  }
}

function interfaceField(which: 'input' | 'output'): NftField {
  return {
    ...OPAQUE,
    equals: value => {
      if (typeof value !== 'string') return perhaps
      return value.endsWith('*')
        ? ofInterface(which, value.slice(0, -1), true)
        : ofInterface(which, value, false)
    },
    key: subject => subject[which],
    keyOf: value => (typeof value === 'string' && !value.endsWith('*') ? value : null),
  }
}

/** `meta mark & 0x4000`, `tcp flags & (syn | ack)`. */
function maskedField(object: JsonObject): NftField {
  const [left, mask] = asList(object['&'])
  const own = asObject(left)
  if (own === null) return OPAQUE
  if (asObject(own.meta)?.key === 'mark' && typeof mask === 'number') {
    return fieldThat(value => (typeof value === 'number' ? ofMark(value, mask) : perhaps))
  }
  return maskedPacketField(own, mask, [ofProtocol(6)]) ?? OPAQUE
}

/** Named sets and maps of a table, as their documents have them. */
export type NftSets = ReadonlyMap<string, readonly unknown[]>

/** A value that may stand for several: a set, the name of one, a list of flags. */
function elementsOf(value: unknown, sets: NftSets): readonly unknown[] | null {
  if (typeof value === 'string' && value.startsWith('@')) return sets.get(value.slice(1)) ?? null
  const set = asObject(value)?.set
  return Array.isArray(set) ? set : null
}

/** The condition that the fields have a value, or one of a set. */
function equalTo(fields: readonly NftField[], value: unknown, sets: NftSets): Test {
  const elements = elementsOf(value, sets)
  if (elements === null) {
    return typeof value === 'string' && value.startsWith('@') ? perhaps : oneEqual(fields, value)
  }
  const lookup = new Lookup(
    fields,
    elements.map(element => ({ value: element, data: null })),
  )
  return asking(lookup.asks, (subject, mark) => {
    const { found, possible } = lookup.find(subject, mark)
    return found !== null ? YES : possible.length > 0 ? PERHAPS : NO
  })
}

/** `op` of a match, as a condition. */
export function compare(op: string, fields: readonly NftField[], value: unknown, sets: NftSets): Test {
  const [field] = fields
  const hasSome = fields.length === 1 ? field?.hasSome : undefined
  switch (op) {
    case 'in':
      return hasSome === undefined ? equalTo(fields, value, sets) : hasSome(value)
    case '!':
      return hasSome === undefined ? perhaps : negated(hasSome(value))
    case '==':
      return equalTo(fields, value, sets)
    case '!=':
      return negated(equalTo(fields, value, sets))
    case '<':
    case '<=':
    case '>':
    case '>=': {
      if (typeof value !== 'number') return perhaps
      const range =
        op === '<'
          ? [0, value - 1]
          : op === '<='
            ? [0, value]
            : op === '>'
              ? [value + 1, 65_535]
              : [value, 65_535]
      return oneEqual(fields, { range })
    }
    default:
      return perhaps
  }
}

function oneEqual(fields: readonly NftField[], value: unknown): Test {
  const values = fields.length === 1 ? [value] : asList(asObject(value)?.concat)
  if (values.length !== fields.length) return perhaps
  const tests = fields.map((field, i) => field.equals(values[i]))
  const [only] = tests
  if (tests.length === 1 && only !== undefined) return only
  return asking(asksOf(tests), (subject, mark) => {
    let found: Answer = YES
    for (const test of tests) {
      const own = test(subject, mark)
      if (own === NO) return NO
      if (own === PERHAPS) found = PERHAPS
    }
    return found
  })
}

interface Element<T> {
  value: unknown
  data: T
}

/** Ranges above this in a set are looked up by the address they hold. */
const MANY_RANGES = 16

interface Conditioned<T> {
  element: Element<T>
  test: Test
}

/** The elements of a set or map by the fields of a packet: single values by a key, ranges one after the other. */
export class Lookup<T> {
  /** Bits of ASKS_*: what keys and ranges ask for together. */
  readonly asks: number
  private readonly exact = new Map<string, Element<T>>()
  private readonly loose: Conditioned<T>[] = []
  /** Conditions of the single values, made when first a packet has no key. */
  private single: readonly Conditioned<T>[] | null = null
  private readonly networks: NetworkIndex<Element<T>> | null
  private readonly fields: readonly NftField[]
  /** The element `*`, for what is none of the others. */
  private readonly rest: Element<T> | null

  constructor(fields: readonly NftField[], elements: readonly Element<T>[]) {
    this.fields = fields
    let rest: Element<T> | null = null
    for (const { value: given, data } of elements) {
      const value = asObject(asObject(given)?.elem)?.val ?? given
      const element = { value, data }
      const key = value === '*' ? null : this.keyOf(value)
      if (value === '*') rest = element
      else if (key !== null) this.exact.set(key, element)
      else this.loose.push({ element, test: oneEqual(fields, value) })
    }
    this.rest = rest
    this.asks = fields.reduce((all, { asks }) => all | asks, asksOf(this.loose.map(({ test }) => test)))
    this.networks = this.indexNetworks()
  }

  /** The index of the ranges, where all are networks: then an address is in one of them or in none. */
  private indexNetworks(): NetworkIndex<Element<T>> | null {
    const [field] = this.fields
    if (this.loose.length < MANY_RANGES || this.fields.length !== 1) return null
    if (field?.address === undefined) return null
    const items: NetworkItem<Element<T>>[] = []
    for (const { element } of this.loose) {
      const network = field.address.networkOf(element.value)
      if (network === null) return null
      items.push({ network, item: element })
    }
    return NetworkIndex.of(items)
  }

  /** The element for a packet, and those that may be its where that is not known. */
  find(subject: Subject, mark: number | null): { found: Element<T> | null; possible: Element<T>[] } {
    const possible: Element<T>[] = []
    const keys = this.fields.map(field => field.key(subject))
    if (keys.every(key => key !== null)) {
      const found = this.exact.get(keys.join(' '))
      if (found !== undefined) return { found, possible }
    } else {
      this.single ??= Array.from(this.exact.values(), element => ({
        element,
        test: oneEqual(this.fields, element.value),
      }))
      for (const { element, test } of this.single) if (test(subject, mark) !== NO) possible.push(element)
    }
    const address = this.fields[0]?.address
    if (this.networks !== null && address !== undefined && keys[0] !== null) {
      return { found: this.networks.find(subject.family, address.of(subject)) ?? this.rest, possible }
    }
    for (const { element, test } of this.loose) {
      const own = test(subject, mark)
      if (own === YES && possible.length === 0) return { found: element, possible }
      if (own !== NO) possible.push(element)
    }
    if (possible.length === 0) return { found: this.rest, possible }
    if (this.rest !== null) possible.push(this.rest)
    return { found: null, possible }
  }

  private keyOf(value: unknown): string | null {
    const values = this.fields.length === 1 ? [value] : asList(asObject(value)?.concat)
    if (values.length !== this.fields.length) return null
    const keys = this.fields.map((field, i) => field.keyOf(values[i]))
    return keys.every(key => key !== null) ? keys.join(' ') : null
  }
}
