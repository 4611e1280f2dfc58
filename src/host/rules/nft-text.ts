// `nft list ruleset` as text, into what `nft -j` would have printed: tables with chains, rules, sets and maps.
import type { Remarks } from '../files/file-fault.ts'
import { NftReader } from './nft-reader.ts'
import { readStatements } from './nft-rule-text.ts'
import { tokensOf } from './nft-tokens.ts'

/** Whether a text is such a listing: its first line of substance begins a table, or what comes before one. */
export function looksLikeNft(text: string): boolean {
  // line by line: an expression over all of them would try every way to part them
  for (let at = 0; at < text.length; ) {
    let end = text.indexOf('\n', at)
    if (end < 0) end = text.length
    const line = text.slice(at, Math.min(end, at + MOST_SHOWN)).trim()
    if (/^(?:add )?table\s.*\{/.test(line)) return true
    if (line !== '' && !/^(?:#|flush ruleset|table\s)/.test(line)) return false
    at = end + 1
  }
  return false
}

/** As much of a line as tells whether it begins a table. */
const MOST_SHOWN = 256

/** Priorities by their names. kernel: enum nf_ip_hook_priorities */
const PRIORITIES = new Map([
  ['raw', -300],
  ['mangle', -150],
  ['dstnat', -100],
  ['filter', 0],
  ['security', 50],
  ['srcnat', 100],
])

/** The items of a listing, as its JSON has them; rules have the line they stand in. @throws FileFault */
export function nftItems(text: string, remarks: Remarks): unknown[] {
  const reader = new NftReader(tokensOf(text))
  const items: unknown[] = []
  while (!reader.isEnd) {
    reader.skipLines()
    reader.skip('add')
    if (reader.skip('table')) readTable(reader, text, items, remarks)
    else if (!reader.isEnd) {
      if (!reader.skip('flush')) remarks.add(reader.token.line, 'no table of nft, passed over')
      const at = reader.token
      reader.skipLine()
      if (reader.token === at) reader.next()
    }
  }
  return items
}

function readTable(reader: NftReader, text: string, items: unknown[], remarks: Remarks): void {
  const first = reader.next().text
  const isNamed = reader.word !== '{' && reader.word !== ';' && reader.word !== '\n'
  const space = isNamed ? { family: first, table: reader.next().text } : { family: 'ip', table: first }
  if (!reader.skip('{')) return
  while (!reader.isEnd && !reader.skip('}')) {
    const { word } = reader
    if (word === 'chain') readChain(reader, text, space, items)
    else if (word === 'set' || word === 'map') readSet(reader, space, items)
    else if (word === 'ct' && reader.peek(1) === 'helper') readHelper(reader, space, items)
    else if (word === '\n' || word === ';' || word.startsWith('# handle')) reader.next()
    else {
      if (
        !['comment', 'counter', 'quota', 'ct', 'limit', 'flowtable', 'secmark', 'synproxy'].includes(word)
      ) {
        remarks.add(reader.token.line, `nothing that a table has, passed over: ${word.slice(0, 40)}`)
      }
      const at = reader.token
      reader.skipLine()
      if (reader.token === at) reader.next()
    }
  }
}

interface Space {
  family: string
  table: string
}

function readChain(reader: NftReader, text: string, space: Space, items: unknown[]): void {
  reader.next()
  const name = reader.next().text
  const chain: Record<string, unknown> = { ...space, name }
  items.push({ chain })
  reader.skip('{')
  while (!reader.isEnd && !reader.skip('}')) {
    if (reader.word === '\n' || reader.word === ';') reader.next()
    else if (reader.word === 'type') readBase(reader, chain)
    else if (reader.skip('policy')) chain.policy = reader.next().text
    else if (reader.skip('comment') || /^# handle/.test(reader.word)) reader.next()
    else readRule(reader, text, { ...space, chain: name }, items)
  }
}

/** `type filter hook input priority filter + 10` */
function readBase(reader: NftReader, chain: Record<string, unknown>): void {
  reader.next()
  chain.type = reader.next().text
  if (reader.skip('hook')) chain.hook = reader.next().text
  while (!reader.isEnd && reader.word !== 'priority' && reader.word !== '\n' && reader.word !== ';')
    reader.next()
  if (!reader.skip('priority')) return
  const word = reader.next().text
  const named = PRIORITIES.get(word)
  let priority = named ?? Number(word)
  const sign = reader.word
  if (sign === '+' || sign === '-') {
    reader.next()
    priority += (sign === '+' ? 1 : -1) * Number(reader.next().text)
  }
  chain.prio = Number.isInteger(priority) ? priority : 0
}

function readRule(reader: NftReader, text: string, place: Space & { chain: string }, items: unknown[]): void {
  const start = reader.token
  const { expr, comment, handle } = readStatements(reader)
  const end = reader.token
  const own = text.slice(start.from, end.from === 0 ? text.length : end.from).trim()
  // what is not understood at all must not hold up what comes
  if (reader.token === start) reader.next()
  items.push({ rule: { ...place, expr, comment, handle, line: start.line, text: own } })
}

/** `ct helper ftp-standard { type "ftp" protocol tcp; l3proto inet }` */
function readHelper(reader: NftReader, space: Space, items: unknown[]): void {
  reader.next()
  reader.next()
  const helper: Record<string, unknown> = { ...space, name: reader.next().text }
  items.push({ 'ct helper': helper })
  reader.skip('{')
  while (!reader.isEnd && !reader.skip('}')) {
    const key = reader.next().text
    if (['type', 'protocol', 'l3proto'].includes(key)) helper[key] = reader.next().text
  }
}

function readSet(reader: NftReader, space: Space, items: unknown[]): void {
  const kind = reader.next().text
  const set: Record<string, unknown> = { ...space, name: reader.next().text }
  items.push({ [kind]: set })
  reader.skip('{')
  while (!reader.isEnd && !reader.skip('}')) {
    if (reader.skip('elements')) {
      reader.skip('=')
      reader.skipLines()
      set.elem = reader.elements()
    } else {
      const at = reader.token
      reader.skipLine()
      if (reader.token === at) reader.next()
    }
  }
}
