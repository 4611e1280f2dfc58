// What rules of nft look at: fields of a packet, alone or several together, compared with values and looked up in sets.
import { asList, asObject, asText, type JsonObject } from '../files/json-documents.ts'
import { networkOf, parseAddress, parseNetwork } from '../files/network.ts'
import { NetworkIndex, type NetworkItem } from '../files/networks.ts'
import {
  type Answer,
  answer,
  NO,
  negated,
  ofDestination,
  ofInterface,
  ofLocal,
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

/** One field of a packet. */
export interface NftField {
  /** What a rule that looks at it takes for granted: the protocol whose header has it. */
  needs: Test[]
  /** The condition that it has a value; perhaps for values that are not understood. */
  equals: (value: unknown) => Test
  /** A text that is the same for the same values, or null where it is not known. */
  key: (subject: Subject) => string | null
  /** The same text of a single value, or null: a range, or not understood. */
  keyOf: (value: unknown) => string | null
  /** Of an address: the network that a value is, or null; and the packet's. */
  address?: { networkOf: typeof networkFrom; of: (subject: Subject) => Int32Array }
}

const OPAQUE: NftField = { needs: [], equals: () => perhaps, key: () => null, keyOf: () => null }

const isFamily =
  (family: 4 | 6): Test =>
  subject =>
    answer(subject.family === family)

/** The fields of an expression; several where it is a concatenation. */
export function fieldsOf(expression: unknown): NftField[] {
  const concatenated = asObject(expression)?.concat
  return Array.isArray(concatenated) ? concatenated.map(fieldOf) : [fieldOf(expression)]
}

function fieldOf(expression: unknown): NftField {
  const object = asObject(expression)
  if (object === null) return OPAQUE
  const payload = asObject(object.payload)
  if (payload !== null) return payloadField(asText(payload.protocol), asText(payload.field))
  const meta = asObject(object.meta)
  if (meta !== null) return metaField(asText(meta.key))
  const ct = asObject(object.ct)
  if (ct !== null) return ct.key === 'state' ? STATE : OPAQUE
  const fib = asObject(object.fib)
  if (fib !== null) return fibField(fib)
  return maskedMark(object)
}

function payloadField(protocol: string, field: string): NftField {
  if (protocol === 'ip' || protocol === 'ip6') {
    const needs = [isFamily(protocol === 'ip' ? 4 : 6)]
    if (field === 'saddr') return addressField('source', needs)
    if (field === 'daddr') return addressField('destination', needs)
    if (field === 'protocol' || field === 'nexthdr') return { ...PROTOCOL, needs }
    return { ...OPAQUE, needs }
  }
  const number = parseProtocol(protocol)
  const needs = number === null ? [] : [ofProtocol(number)]
  if (protocol !== 'th' && number === null) return OPAQUE
  if (field === 'sport') return portField('sourcePort', needs)
  if (field === 'dport') return portField('destinationPort', needs)
  return { ...OPAQUE, needs }
}

function addressField(which: 'source' | 'destination', needs: Test[]): NftField {
  const of = which === 'source' ? ofSource : ofDestination
  return {
    needs,
    equals: value => {
      const network = networkFrom(value)
      return network === null ? perhaps : of(network)
    },
    key: subject => subject[which].join(),
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
  equals: value => ofState(Array.isArray(value) ? value.map(asText) : [asText(value)]),
  key: ({ state }) => state,
  keyOf: value => (typeof value === 'string' ? value : null),
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
      return OPAQUE
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
  }
}

function fibField(fib: JsonObject): NftField {
  const flags = Array.isArray(fib.flags) ? fib.flags : [fib.flags]
  if (fib.result !== 'type' || flags.length !== 1) return OPAQUE
  const which = flags[0] === 'daddr' ? 'destination' : flags[0] === 'saddr' ? 'source' : null
  if (which === null) return OPAQUE
  return { ...OPAQUE, equals: value => (value === 'local' ? ofLocal(which) : perhaps) }
}

/** `meta mark & 0x4000`. */
function maskedMark(object: JsonObject): NftField {
  const [left, mask] = asList(object['&'])
  if (asObject(asObject(left)?.meta)?.key !== 'mark' || typeof mask !== 'number') return OPAQUE
  return { ...OPAQUE, equals: value => (typeof value === 'number' ? ofMark(value, mask) : perhaps) }
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
  return (subject, mark) => {
    const { found, possible } = lookup.find(subject, mark)
    return found !== null ? YES : possible.length > 0 ? PERHAPS : NO
  }
}

/** `op` of a match, as a condition. */
export function compare(op: string, fields: readonly NftField[], value: unknown, sets: NftSets): Test {
  switch (op) {
    case '==':
    case 'in':
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
  return (subject, mark) => {
    let found: Answer = YES
    for (const test of tests) {
      const own = test(subject, mark)
      if (own === NO) return NO
      if (own === PERHAPS) found = PERHAPS
    }
    return found
  }
}

interface Element<T> {
  value: unknown
  data: T
}

/** Ranges above this in a set are looked up by the address they hold. */
const MANY_RANGES = 16

/** The elements of a set or map by the fields of a packet: single values by a key, ranges one after the other. */
export class Lookup<T> {
  private readonly exact = new Map<string, Element<T>>()
  private readonly loose: { element: Element<T>; test: Test }[] = []
  private readonly networks: NetworkIndex<Element<T>> | null
  private readonly fields: readonly NftField[]

  constructor(fields: readonly NftField[], elements: readonly Element<T>[]) {
    this.fields = fields
    for (const { value: given, data } of elements) {
      const value = asObject(asObject(given)?.elem)?.val ?? given
      const element = { value, data }
      const key = value === '*' ? null : this.keyOf(value)
      if (key !== null) this.exact.set(key, element)
      else this.loose.push({ element, test: value === '*' ? perhaps : oneEqual(fields, value) })
    }
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
      for (const element of this.exact.values()) {
        if (oneEqual(this.fields, element.value)(subject, mark) !== NO) possible.push(element)
      }
    }
    const address = this.fields[0]?.address
    if (this.networks !== null && address !== undefined) {
      return { found: this.networks.find(subject.family, address.of(subject)), possible }
    }
    for (const { element, test } of this.loose) {
      const own = test(subject, mark)
      if (own === YES && possible.length === 0) return { found: element, possible }
      if (own !== NO) possible.push(element)
    }
    return { found: null, possible }
  }

  private keyOf(value: unknown): string | null {
    const values = this.fields.length === 1 ? [value] : asList(asObject(value)?.concat)
    if (values.length !== this.fields.length) return null
    const keys = this.fields.map((field, i) => field.keyOf(values[i]))
    return keys.every(key => key !== null) ? keys.join(' ') : null
  }
}
