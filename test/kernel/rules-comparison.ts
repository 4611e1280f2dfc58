// What a recorded run of a ruleset and the model differ in: fates of packets, counters of rules, new entries.
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { placeOf } from '../../src/host/walk/rule-numbers.ts'
import { type Row, readTable, replayRuled, rulesIn } from '../support/ruled-run.ts'

const FATES = new Map([
  ['delivered-local', 'delivered'],
  ['forwarded', 'forwarded'],
  ['sent', 'sent'],
  ['dropped', 'dropped'],
  ['rejected', 'rejected'],
  ['bridged', 'bridged'],
])

/** What a case differs in. */
export interface Comparison {
  packets: number
  unknown: number
  wrong: string[]
  counters: string[]
  untold: number
  events: string[]
}

/**
 * Compares one case.
 * @param folder what rules-replay recorded, or a case of rules-cases.py with that in `kernel/`
 */
export async function compareRules(folder: string): Promise<Comparison> {
  const recorded = existsSync(join(folder, 'packets.tsv')) ? folder : join(folder, 'kernel')
  const capture = existsSync(join(recorded, 'any.pcap')) ? 'any.pcap' : join('captures', 'any.pcap')
  const files = rulesIn(folder).map(path => (existsSync(path) ? path : join(recorded, basename(path))))
  const run = await replayRuled(recorded, capture, files)
  const rows = readTable(join(recorded, 'packets.tsv'))
  const result: Comparison = { packets: 0, unknown: 0, wrong: [], counters: [], untold: 0, events: [] }
  const byFrame = new Map<number, Row>()
  for (const row of rows) {
    if (row.fate === 'fragment') continue
    const frames = `${row.any_in},${row.any_out}`
      .split(',')
      .map(Number)
      .filter(n => n > 0)
    if (frames.length > 0) byFrame.set(Math.min(...frames), row)
  }
  const lost = new Set(rows.filter(({ frame }) => frame?.startsWith('l')).map(row => row.tuple_in))
  for (const packet of run.packets) {
    const row = byFrame.get(packet.frame)
    if (row === undefined) continue
    // checksums are not looked at, and those of UDP-Lite were wrong
    if (row.tuple_in?.startsWith('udplite')) continue
    result.packets++
    const kind = row.fate?.replace(/:.*/, '') ?? ''
    const wanted = row.fate === 'sent:lo' ? (lost.has(row.tuple_in) ? '' : 'delivered') : FATES.get(kind)
    if (packet.fate === 'unknown') result.unknown++
    // a bridge's frame that runs the hooks of IP is forwarded to the kernel's trace
    else if (
      wanted !== '' &&
      packet.fate !== wanted &&
      !(wanted === 'forwarded' && packet.fate === 'bridged')
    ) {
      result.wrong.push(
        `${packet.frame}: ${packet.fate} by ${packet.rule}, not ${row.fate} by ${row.line} ${row.chain} ${row.rule} ${row.why}: ${row.tuple_in} ${row.ct_state}, as ${packet.state}`,
      )
    }
  }
  const expected = readTable(join(recorded, 'counters.tsv'))
  const own = new Map<string, { packets: number; bytes: number; untold: number }>()
  const { counts, numbers } = run.rules
  for (const [number, { chain }] of numbers.all.entries()) {
    const place = placeOf(numbers, number)
    const table = chain.table.replace(/^nft /, '')
    const key = place?.place === 'policy' ? `${table} ${chain.name} policy` : `${table} ${place?.place}`
    own.set(key, {
      packets: counts.packets[number] ?? 0,
      bytes: counts.bytes[number] ?? 0,
      untold: counts.untold[number] ?? 0,
    })
  }
  for (const row of expected) {
    const isPolicy = row.handle === 'policy'
    const key = isPolicy
      ? `${row.family} ${row.table} ${row.chain} policy`
      : row.file?.endsWith('.txt')
        ? `${row.family} ${row.table} ${row.file}:${row.line}`
        : `${row.family} ${row.table} nft.json handle ${row.handle}`
    const found = own.get(key)
    if (found === undefined) {
      result.counters.push(`no rule ${key}`)
      continue
    }
    result.untold += found.untold
    const low = found.packets
    const wanted = Number(row.packets)
    if (wanted < low || wanted > low + found.untold) {
      result.counters.push(`${key}: ${low}+${found.untold}, not ${wanted}: ${row.chain} ${row.rule}`)
    } else if (found.untold === 0 && found.bytes !== Number(row.bytes)) {
      result.counters.push(`${key}: ${found.bytes} bytes, not ${row.bytes}: ${row.rule}`)
    }
  }
  const missing = [...run.expectedCreated]
  for (const key of run.created) {
    if (key.startsWith('udplite')) continue
    const at = missing.indexOf(key)
    if (at < 0) result.events.push(`+ ${key}`)
    else missing.splice(at, 1)
  }
  result.events.push(...missing.map(key => `- ${key}`))
  return result
}
