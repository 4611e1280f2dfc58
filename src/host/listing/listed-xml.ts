// A `<flow>` element of `conntrack -L -o xml`.

import { SCTP_STATE_NAMES } from '../../conntrack/proto/sctp-table.ts'
import { TCP_STATE_NAMES } from '../../conntrack/proto/tcp-table.ts'
import { IPPROTO_SCTP } from '../../net/numbers.ts'
import { emptyEntry, type ListedEntry, type ListedTuple, ListingError } from './listed-entry.ts'

const META = /<meta\s+direction="(original|reply|independent)"\s*>/g
const META_END = '</meta>'
const TUPLE_ELEMENTS = [
  'src',
  'dst',
  'sport',
  'dport',
  'srckey',
  'dstkey',
  'zone',
  'packets',
  'bytes',
] as const

/** @throws ListingError */
export function readXmlFlow(text: string): ListedEntry {
  const entry = emptyEntry()
  for (const { 0: tag, 1: direction, index } of text.matchAll(META)) {
    const start = index + tag.length
    const end = text.indexOf(META_END, start)
    if (end < 0) break
    const content = text.slice(start, end)
    if (direction === 'independent') readIndependent(content, entry)
    else readDirection(content, entry, direction === 'original' ? entry.original : entry.reply)
  }
  if (entry.protocol < 0) throw new ListingError('expected <layer4 protonum="…"> in the flow')
  // the library names the states of SCTP by the table of the TCP ones
  if (entry.protocol === IPPROTO_SCTP && entry.state !== null) {
    const state = (TCP_STATE_NAMES as readonly string[]).indexOf(entry.state)
    entry.state = SCTP_STATE_NAMES[state] ?? entry.state
  }
  return entry
}

function readDirection(content: string, entry: ListedEntry, tuple: ListedTuple): void {
  const protocol = /<layer4\s[^<>]*protonum="(\d{1,3})"/.exec(content)
  if (protocol !== null) entry.protocol = Number(protocol[1])
  for (const name of TUPLE_ELEMENTS) {
    const value = textOf(content, name)
    if (value !== null) tuple[name] = value
  }
}

function readIndependent(content: string, entry: ListedEntry): void {
  entry.timeout = textOf(content, 'timeout')
  entry.state = textOf(content, 'state')
  entry.zone = textOf(content, 'zone') ?? '0'
  entry.age = textOf(content, 'deltatime')
  entry.isAssured = /<assured\s*\/>/.test(content)
  entry.isReplied = !/<unreplied\s*\/>/.test(content)
  entry.isOffloaded = /<(hw_)?offload\s*\/>/.test(content)
}

function textOf(content: string, element: string): string | null {
  const start = content.indexOf(`<${element}>`)
  if (start < 0) return null
  const end = content.indexOf('<', start + 1)
  if (end < 0 || !content.startsWith(`</${element}>`, end)) return null
  const text = content.slice(start + element.length + 2, end).trim()
  return /\s/.test(text) ? null : text
}
