// One rule of `nft list ruleset` as the statements that `nft -j` would have printed of it.
import { literal, type NftReader } from './nft-reader.ts'

const HEADERS = new Set([
  'ip',
  'ip6',
  'tcp',
  'udp',
  'udplite',
  'sctp',
  'dccp',
  'th',
  'icmp',
  'icmpv6',
  'igmp',
  'ether',
  'vlan',
  'esp',
  'ah',
  'comp',
])
/** Keys of `meta` that may stand alone. */
const BARE_META = new Set([
  'iif',
  'iifname',
  'iiftype',
  'oif',
  'oifname',
  'oiftype',
  'skuid',
  'skgid',
  'pkttype',
  'mark',
  'l4proto',
  'nfproto',
  'rtclassid',
])
/** Fields of flags: a value says that one of them is set. */
const FLAG_FIELDS = new Set(['tcp flags', 'ct state', 'ct status', 'ct label', 'ct event'])
const OPERATORS = new Set(['==', '!=', '<', '>', '<=', '>=', '!'])
/** By their words, which listings of iptables' rules have, and their signs. */
const OPERATIONS = [
  ['&', '&'],
  ['|', '|'],
  ['^', '^'],
  ['and', '&'],
  ['or', '|'],
  ['xor', '^'],
] as const
const NAT_FLAGS = new Set(['random', 'fully-random', 'persistent'])

/** Reads statements up to the end of the rule. @returns them, and its comment */
export function readStatements(reader: NftReader): { expr: unknown[]; comment: string; handle: number } {
  const expr: unknown[] = []
  let comment = ''
  let handle = 0
  while (!reader.isEnd && !['\n', ';', '}'].includes(reader.word)) {
    const marked = /^# handle (\d+)$/.exec(reader.word)
    if (marked !== null) {
      handle = Number(marked[1])
      reader.next()
    } else if (reader.skip('comment')) comment = reader.next().text
    else expr.push(...readStatement(reader))
  }
  return { expr, comment, handle }
}

function readStatement(reader: NftReader): unknown[] {
  const { word } = reader
  switch (word) {
    case 'accept':
    case 'drop':
    case 'continue':
    case 'return':
    case 'notrack':
      reader.next()
      return [{ [word]: null }]
    case 'jump':
    case 'goto':
      reader.next()
      return [{ [word]: { target: reader.next().text } }]
    case 'counter':
      reader.next()
      if (reader.skip('packets')) for (let i = 0; i < 3; i++) reader.next()
      else if (reader.skip('name')) reader.next()
      return [{ counter: null }]
    case 'log':
      reader.next()
      skipOptions(reader, LOG_OPTIONS)
      return [{ log: null }]
    case 'limit':
      return readLimit(reader)
    case 'reject':
      return [readReject(reader)]
    case 'masquerade':
    case 'redirect':
    case 'dnat':
    case 'snat':
      return [readNat(reader)]
    default:
      return readOther(reader)
  }
}

const LOG_OPTIONS = new Map([
  ['prefix', 1],
  ['level', 1],
  ['group', 1],
  ['snaplen', 1],
  ['queue-threshold', 1],
  ['flags', 1],
])

/** Passes over options, each with as many words behind it as it has. */
function skipOptions(reader: NftReader, options: ReadonlyMap<string, number>): void {
  for (let words = options.get(reader.word); words !== undefined; words = options.get(reader.word)) {
    for (let i = 0; i <= words; i++) reader.next()
    while (reader.skip(',')) reader.next()
  }
}

/** `limit rate over 5/second burst 3 packets`, or the name of one. */
function readLimit(reader: NftReader): unknown[] {
  reader.next()
  if (reader.skip('name')) reader.next()
  else {
    reader.skip('rate')
    reader.skip('over')
    reader.next()
    // bytes have a unit of their own: 10 mbytes/second
    if (/^[kmg]?bytes\//.test(reader.word)) reader.next()
    if (reader.skip('burst')) for (let i = 0; i < 2; i++) reader.next()
  }
  return [{ limit: null }]
}

function readReject(reader: NftReader): unknown {
  reader.next()
  if (!reader.skip('with')) return { reject: null }
  const kind = reader.next().text
  if (kind !== 'tcp') {
    reader.skip('type')
    reader.next()
    return { reject: { type: kind } }
  }
  reader.next()
  return { reject: { type: 'tcp reset' } }
}

function readNat(reader: NftReader): unknown {
  const kind = reader.next().text
  const nat: Record<string, unknown> = {}
  if (reader.word === 'ip' || reader.word === 'ip6') nat.family = reader.next().text
  while (['prefix', 'addr', 'port', '.'].includes(reader.word)) reader.next()
  if (reader.skip('to')) readTarget(reader, nat)
  const flags: string[] = []
  while (NAT_FLAGS.has(reader.word)) {
    flags.push(reader.next().text)
    reader.skip(',')
  }
  return { [kind]: { ...nat, flags } }
}

/** `10.0.0.1:80`, `[fd00::1]:80`, `:8080-8090`, or a map of a field of the packet. */
function readTarget(reader: NftReader, nat: Record<string, unknown>): void {
  if (isField(reader)) {
    const key = readFields(reader)
    if (reader.skip('map')) nat.addr = { map: { key, data: readMap(reader) } }
    else nat.addr = {}
    return
  }
  const { text } = reader.next()
  const match = /^(?:\[([^\]]*)\]|([\d.-]*)|([0-9a-f:]*))(?::([\d-]+))?$/i.exec(text)
  const address = match?.[1] ?? match?.[2] ?? match?.[3] ?? text
  if (address !== '') nat.addr = literal(address)
  if (match?.[4] !== undefined) nat.port = literal(match[4])
}

function readMap(reader: NftReader): unknown {
  return reader.word === '{' ? { set: reader.elements() } : reader.next().text
}

/** A comparison, a verdict map, or something set; what is not understood takes the rest of the rule along. */
function readOther(reader: NftReader): unknown[] {
  if (['add', 'update', 'delete'].includes(reader.word)) {
    // a set that packets are put into: what it holds is not in the file, but nothing else changes
    reader.next()
    reader.next()
    if (reader.word === '{') reader.skipBlock()
    return [{ set: null }]
  }
  if (reader.skip('xt')) return [{ xt: { type: reader.next().text, name: reader.next().text } }]
  if (reader.word === 'ct') {
    const own = readCtStatement(reader)
    if (own !== null) return own
  }
  if (!isField(reader)) {
    const { text } = reader.token
    reader.skipLine()
    return [{ [text === '' ? 'unknown' : text]: null }]
  }
  const name = fieldName(reader)
  const left = readFields(reader)
  if (reader.skip('vmap')) return [{ vmap: { key: left, data: readMap(reader) } }]
  if (reader.skip('set')) return [{ mangle: { key: left, value: readSetValue(reader) } }]
  return [{ match: readMatch(reader, name, left) }]
}

/** `ct count over 10`, `ct helper set "ftp"`: null for another beginning with `ct`. */
function readCtStatement(reader: NftReader): unknown[] | null {
  const after = reader.peek(1)
  if (after === 'count') {
    reader.next()
    reader.next()
    reader.skip('over')
    reader.next()
    return [{ 'ct count': null }]
  }
  if (!['helper', 'timeout', 'expectation'].includes(after) || reader.peek(2) !== 'set') return null
  for (let i = 0; i < 3; i++) reader.next()
  return [{ [`ct ${after}`]: reader.next().text }]
}

function readMatch(reader: NftReader, name: string, left: unknown): Record<string, unknown> {
  const masked = readMask(reader, left)
  let op = OPERATORS.has(reader.word) ? reader.next().text : ''
  const right = readRight(reader, name)
  // `tcp flags syn / syn,ack`: flags, and which of all flags are looked at
  if (reader.skip('/')) return { op: '==', left: { '&': [left, reader.value()] }, right }
  const isOne = typeof right !== 'object' || right === null || !('set' in right)
  if (op === '') op = masked === left && FLAG_FIELDS.has(name) && isOne ? 'in' : '=='
  return { op, left: masked, right }
}

function readMask(reader: NftReader, left: unknown): unknown {
  for (const [word, sign] of OPERATIONS) if (reader.skip(word)) return { [sign]: [left, reader.value()] }
  return left
}

function readRight(reader: NftReader, name: string): unknown {
  if (!name.startsWith('fib')) return reader.value()
  if (reader.skip('missing')) return false
  if (reader.skip('exists')) return true
  return reader.value()
}

/** What a mark or a field is set to: a value, a field, one of a map, an operation. */
function readSetValue(reader: NftReader): unknown {
  if (!isField(reader)) return reader.value()
  const field = readFields(reader)
  if (reader.skip('map')) return { map: { key: field, data: readMap(reader) } }
  return readMask(reader, field)
}

/** Whether a field of the packet begins here. */
function isField(reader: NftReader): boolean {
  const { word } = reader
  return (
    HEADERS.has(word) ||
    BARE_META.has(word) ||
    ['meta', 'ct', 'fib', 'numgen', 'jhash', 'symhash', 'rt', 'socket', 'osf', 'exthdr'].includes(word)
  )
}

/** What the first field is called, as far as that decides how it compares. */
function fieldName(reader: NftReader): string {
  return `${reader.word} ${reader.peek(1)}`
}

/** A field, or several with dots between. */
function readFields(reader: NftReader): unknown {
  const parts = [readField(reader)]
  while (reader.skip('.')) parts.push(readField(reader))
  return parts.length === 1 ? parts[0] : { concat: parts }
}

function readField(reader: NftReader): unknown {
  const word = reader.next().text
  if (BARE_META.has(word)) return { meta: { key: word } }
  switch (word) {
    case 'meta':
      return { meta: { key: reader.next().text } }
    case 'ct':
      return { ct: readCt(reader) }
    case 'fib': {
      const flags = [reader.next().text]
      while (reader.skip('.')) flags.push(reader.next().text)
      return { fib: { flags, result: reader.next().text } }
    }
    case 'numgen':
      return readNumgen(reader)
    case 'tcp':
      if (reader.skip('option')) {
        for (let i = 0; i < 2; i++) reader.next()
        return { 'tcp option': null }
      }
      return { payload: { protocol: word, field: reader.next().text } }
    default:
      if (HEADERS.has(word)) return { payload: { protocol: word, field: reader.next().text } }
      reader.next()
      return { [word]: null }
  }
}

/** `ct original ip saddr`, `ct state`. */
function readCt(reader: NftReader): Record<string, unknown> {
  let word = reader.next().text
  if (word !== 'original' && word !== 'reply') return { key: word }
  const dir = word
  word = reader.next().text
  return { key: word === 'ip' || word === 'ip6' ? `${word} ${reader.next().text}` : word, dir }
}

function readNumgen(reader: NftReader): unknown {
  const mode = reader.next().text
  reader.skip('mod')
  const mod = Number(reader.next().text)
  const offset = reader.skip('offset') ? Number(reader.next().text) : 0
  return { numgen: { mode, mod, offset } }
}
