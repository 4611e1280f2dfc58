// What stands beside the captures on a command line, spoilt: rules, topologies, tables, sysctls in files, and filters.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { SYSCTLS } from '../../src/conntrack/settings.ts'
import { EXPRESSIONS, joinExpressions } from '../filter/expressions.ts'
import type { Random } from '../kernel/generate/random.ts'
import { mutate } from './mutate.ts'

/** Longest text: small ones find as much. */
const MOST_BYTES = 20_000

/** Words that stand for others: ends of ranges, names that every object has, syntax of the wrong kind. */
const WORDS = [
  '',
  '0',
  '-1',
  '65536',
  '4294967296',
  '9007199254740993',
  '1e400',
  '0x',
  'NaN',
  'null',
  'true',
  '[]',
  '{}',
  '{"toString":1}',
  '{"range":[9,1]}',
  '{"set":[]}',
  '{"concat":[]}',
  '{"prefix":{"addr":"10.0.0.0","len":99}}',
  '"@constructor"',
  'constructor',
  '__proto__',
  'toString',
  'hasOwnProperty',
  '::/0',
  '0.0.0.0/0',
  '255.255.255.255',
  '::ffff:1.2.3.4',
  '10.0.0.9-10.0.0.1',
  '!',
  '"',
  '\\',
  '\n',
  '*nat',
  'COMMIT',
  '-A',
  '-j',
  '+',
  '…',
  '\u2028',
]

const textsOf = (folder: string, pattern: RegExp): string[] =>
  readdirSync(folder)
    .filter(name => pattern.test(name))
    .sort()
    .map(name => readFileSync(`${folder}/${name}`, 'utf8').slice(0, MOST_BYTES))

const SEEDS: Record<string, readonly string[]> = {
  '--rules': textsOf('fixtures/knowledge', /rules|save|nft/),
  '--topology': textsOf('fixtures/knowledge', /^ip-bridge/),
  '--table': [
    ...textsOf('fixtures/known-table', /table/),
    ...textsOf('fixtures/conntrack-output', /list|proc|save|extended|xml/),
  ],
  '--sysctl': [
    Object.entries(SYSCTLS)
      .map(([name, { value }]) => `net.netfilter.${name} = ${value}\n`)
      .join(''),
  ],
}
const ALL = Object.values(SEEDS).flat()
const ALL_BYTES = ALL.map(text => Buffer.from(text))

/** Options with files in `folder` and filters, for a command; now and then none. */
export function sideOptions(command: string, folder: string, random: Random): string[] {
  const options: string[] = []
  const takes = command === 'info' ? ['--sysctl'] : Object.keys(SEEDS)
  for (const option of takes) {
    if (!random.chance(option === '--sysctl' ? 0.15 : 0.4)) continue
    const path = `${folder}/side${options.length}`
    writeFileSync(path, spoiltText(option, random))
    options.push(option, path)
  }
  if (random.chance(0.4)) options.push('--filter', spoiltFilter(random))
  if (command === 'size' && random.chance(0.5)) options.push('--notrack', spoiltFilter(random))
  return options
}

function spoiltText(option: string, random: Random): Uint8Array {
  // the text of another option, too
  const text = random.pick(random.chance(0.95) ? SEEDS[option] : ALL)
  if (random.chance(0.1)) return Buffer.from(text)
  if (random.chance(0.3)) return mutate(Buffer.from(text), ALL_BYTES, random, MOST_BYTES)
  return Buffer.from(replaceWords(text, random))
}

function spoiltFilter(random: Random): string {
  const text = random.chance(0.5) ? joinExpressions(random) : random.pick(EXPRESSIONS)
  // no argument has a NUL in it
  return random.chance(0.3) ? text : replaceWords(text, random).replaceAll('\0', '')
}

/** The text with words exchanged, left out, or there several times. */
function replaceWords(text: string, random: Random): string {
  const words = text.split(/(\W+)/)
  for (let count = random.weighted(COUNTS); count > 0; count--) {
    const at = random.below(words.length)
    const kind = random.below(5)
    if (kind === 0) words.splice(at, 1 + random.below(8))
    else if (kind === 1)
      words.splice(at, 0, ...words.slice(random.below(words.length)).slice(0, 1 + random.below(60)))
    else if (kind === 2) words[at] = random.pick(words)
    else words[at] = random.pick(WORDS)
    if (words.length === 0) words.push('')
  }
  return words.join('')
}

const COUNTS: [number, number][] = [
  [4, 1],
  [4, 3],
  [2, 10],
  [1, 40],
]
