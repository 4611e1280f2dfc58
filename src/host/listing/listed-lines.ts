// Lines of `conntrack -L` with all its -o forms, of /proc/net/nf_conntrack, `-A` lines of `-o save`, and JSON lines.
import { IPPROTO_ICMP, IPPROTO_ICMPV6, protocolName } from '../../net/numbers.ts'
import { emptyEntry, type ListedEntry, type ListedTuple, ListingError } from './listed-entry.ts'

/** Fields that belong to the tuple before them. */
const TUPLE_FIELDS = new Set([
  'dst',
  'sport',
  'dport',
  'type',
  'code',
  'srckey',
  'dstkey',
  'packets',
  'bytes',
])
/** Of `-o ktimestamp`; they have blanks in them. */
const TIMES = /\[(start|stop)=[^[\]]*\]/g
/** Of `-o timestamp`. */
const STAMP = /^\[\d+\.\d+\]\s+/
const EVENT = /^\s*\[(NEW|UPDATE|DESTROY)\]/

/** @throws ListingError */
export function readListLine(line: string): ListedEntry {
  const text = line.startsWith('[') ? line.replace(STAMP, '') : line
  if (EVENT.test(text)) throw new ListingError('an event of conntrack -E, expected an entry of conntrack -L')
  const words = (text.includes('[st') ? text.replace(TIMES, '') : text).trim().split(/\s+/)
  const entry = emptyEntry()
  let at = 0
  const next = (form: RegExp): string | null => {
    const word = words[at]
    if (word === undefined || !form.test(word)) return null
    at++
    return word
  }
  if ((words[0] === 'ipv4' && words[1] === '2') || (words[0] === 'ipv6' && words[1] === '10')) at = 2
  entry.protocol = protocolOf(words[at] ?? '', words[at + 1])
  at += 2
  entry.timeout = next(/^\d+$/)
  entry.state = next(/^[A-Z][A-Z0-9_]*$/)
  // /proc shows the timeouts of GRE here
  while (next(/^(stream_)?timeout=\d+,?$/) !== null);
  if (!words[at]?.startsWith('src=')) {
    throw new ListingError(`${words[at] ?? 'the end of the line'}: expected the original tuple, src=… dst=…`)
  }
  readFields(words.slice(at), entry)
  return entry
}

function protocolOf(name: string, number: string | undefined): number {
  const protocol = /^\d{1,3}$/.test(number ?? '') ? Number(number) : -1
  const known = protocolName(protocol)
  if (protocol < 0 || !/^[a-z][\w-]*$/i.test(name)) {
    throw new ListingError('expected a protocol and its number, as in "tcp 6"')
  }
  if (known !== 'unknown' && name !== known && name !== 'unknown') {
    throw new ListingError(`${name} ${protocol}: expected ${known} ${protocol}`)
  }
  return protocol
}

function readFields(words: readonly string[], entry: ListedEntry): void {
  let tuple: ListedTuple = entry.original
  let tuples = 0
  for (const word of words) {
    const flag = /^\[([A-Z_]+)\]$/.exec(word)?.[1]
    if (flag !== undefined) {
      readFlag(flag, entry)
      continue
    }
    const equals = word.indexOf('=')
    if (equals < 1) throw new ListingError(`${word}: expected name=value or a flag such as [ASSURED]`)
    const name = word.slice(0, equals)
    const value = word.slice(equals + 1)
    if (name === 'src') {
      if (++tuples > 2) throw new ListingError('a third tuple, expected two')
      tuple = tuples === 1 ? entry.original : entry.reply
      tuple.src = value
    } else if (TUPLE_FIELDS.has(name) || (name === 'id' && isIcmpId(entry, tuple))) tuple[name] = value
    else if (name === 'zone') entry.zone = value
    else if (name === 'zone-orig') entry.original.zone = value
    else if (name === 'zone-reply') entry.reply.zone = value
    else if (name === 'delta-time') entry.age = value
    // the rest (mark, use, secctx, labels, helper, …) has no part in the model
  }
}

/** An id is the tuple's where there is a type before it; otherwise it is that of the entry, a hash. */
function isIcmpId({ protocol }: ListedEntry, tuple: ListedTuple): boolean {
  const isIcmp = protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6
  return isIcmp && tuple.type !== undefined && tuple.id === undefined
}

function readFlag(flag: string, entry: ListedEntry): void {
  if (flag === 'UNREPLIED') entry.isReplied = false
  else if (flag === 'ASSURED') entry.isAssured = true
  else if (flag === 'OFFLOAD' || flag === 'HW_OFFLOAD') entry.isOffloaded = true
}

/** Protocols by the names that conntrack(8) takes. */
const PROTOCOLS = new Map(
  Array.from({ length: 256 }, (_, protocol) => [protocolName(protocol), protocol] as const),
)
PROTOCOLS.delete('unknown')

const SAVED_FIELDS = new Map<string, readonly ['original' | 'reply', string]>([
  ['--orig-zone', ['original', 'zone']],
  ['--reply-zone', ['reply', 'zone']],
  ['-s', ['original', 'src']],
  ['-d', ['original', 'dst']],
  ['-r', ['reply', 'src']],
  ['-g', ['reply', 'src']],
  ['-q', ['reply', 'dst']],
  ['-n', ['reply', 'dst']],
  ['--sport', ['original', 'sport']],
  ['--dport', ['original', 'dport']],
  ['--reply-port-src', ['reply', 'sport']],
  ['--reply-port-dst', ['reply', 'dport']],
  ['--srckey', ['original', 'srckey']],
  ['--dstkey', ['original', 'dstkey']],
  ['--reply-key-src', ['reply', 'srckey']],
  ['--reply-key-dst', ['reply', 'dstkey']],
  ['--icmp-type', ['original', 'type']],
  ['--icmp-code', ['original', 'code']],
  ['--icmp-id', ['original', 'id']],
  ['--icmpv6-type', ['original', 'type']],
  ['--icmpv6-code', ['original', 'code']],
  ['--icmpv6-id', ['original', 'id']],
])

/** A line of `conntrack -L -o save`: the arguments that make the entry again. @throws ListingError */
export function readSavedLine(line: string): ListedEntry {
  const words = line.trim().split(/\s+/)
  const entry = emptyEntry()
  const tags: [string, string] = ['0', '0']
  entry.isReplied = false
  for (let at = 1; at < words.length; at += 2) {
    const [option = '', value] = words.slice(at, at + 2)
    if (!option.startsWith('-') || value === undefined) {
      throw new ListingError(
        `${option}: expected options with their values, as conntrack -o save prints them`,
      )
    }
    const field = SAVED_FIELDS.get(option)
    if (field !== undefined) {
      const [tuple, name] = field
      entry[tuple][name] = value
    } else if (option === '-t') entry.timeout = value
    else if (option === '-u') readStatus(value, entry)
    else if (option === '-w') entry.zone = value
    else if (option === '-p') entry.protocol = PROTOCOLS.get(value) ?? numberedProtocol(value)
    else if (option === '--state') entry.state = value
    else if (option === '--orig-vtag') tags[0] = value
    else if (option === '--reply-vtag') tags[1] = value
    // the rest (marks, labels, helpers, DCCP's role) has no part in the model
  }
  entry.tags = tags
  return entry
}

function numberedProtocol(text: string): number {
  if (!/^\d{1,3}$/.test(text)) throw new ListingError(`-p ${text}: expected a protocol`)
  return Number(text)
}

function readStatus(list: string, entry: ListedEntry): void {
  const bits = list.split(',')
  entry.isReplied = bits.includes('SEEN_REPLY')
  entry.isAssured = bits.includes('ASSURED')
  entry.isOffloaded = bits.includes('OFFLOAD') || bits.includes('HW_OFFLOAD')
}

/** A field of one direction in a JSON line. */
const TUPLE_NAME = /^(orig|reply)_(src|dst|sport|dport|type|code|id|srckey|dstkey|zone|packets|bytes)$/

/** A JSON line with the field names of `ctpcap list --format ndjson`. @throws ListingError */
export function readJsonLine(line: string): ListedEntry {
  const fields = parseObject(line)
  if (Object.hasOwn(fields, 'event')) throw new ListingError('an event, expected an entry of ctpcap list')
  const entry = emptyEntry()
  const text = (name: string): string | null => {
    const value = Object.hasOwn(fields, name) ? fields[name] : null
    return typeof value === 'string' || typeof value === 'number' ? String(value) : null
  }
  entry.protocol = typeof fields.proto_number === 'number' ? fields.proto_number : -1
  entry.timeout = text('timeout')
  entry.state = text('state')
  entry.zone = text('zone') ?? '0'
  entry.age = text('delta_time')
  for (const name of Object.keys(fields)) {
    const value = text(name)
    if (value === null) continue
    const [, direction, field = ''] = TUPLE_NAME.exec(name) ?? []
    if (direction === 'orig') entry.original[field] = value
    else if (direction === 'reply') entry.reply[field] = value
  }
  const status: unknown[] = Array.isArray(fields.status) ? fields.status : []
  entry.isReplied = !status.includes('UNREPLIED')
  entry.isAssured = status.includes('ASSURED')
  entry.isOffloaded = status.includes('OFFLOAD') || status.includes('HW_OFFLOAD')
  return entry
}

function parseObject(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>
    }
  } catch {
    // said below
  }
  throw new ListingError('expected a JSON object a line, as ctpcap list --format ndjson prints them')
}
