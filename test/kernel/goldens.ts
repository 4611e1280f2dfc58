// Recorded verdicts and events of the kernel beside the captures of fixtures/, so that the comparison needs no root.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { compareWithModel, disagreementText } from './compare.ts'
import { readRecording, type Sysctls } from './recording.ts'
import { WITHOUT_GOLDEN } from './without-golden.ts'

export const FIXTURES = join(import.meta.dirname, '../../fixtures')
/** Mirrors fixtures/: the golden of tcp/x.pcap is kernel/tcp/x.pcap.verdicts.tsv and .events.tsv, or those with .gz. */
export const GOLDENS = join(FIXTURES, 'kernel')
/** What goldens are recorded with unless a file of `name=value` lines, <capture>.sysctl beside the golden, says more. */
const GOLDEN_SYSCTLS = { nf_conntrack_checksum: 0 }

const CAPTURE_NAME = /\.(pcap|pcapng|cap|ntar|snoop)(\.(gz|zst|lz4))?$/

export const VERDICTS = '.verdicts.tsv'
export const EVENTS = '.events.tsv'

/** Names of all captures in fixtures/. */
export function fixtureCaptures(): string[] {
  return filesUnder(FIXTURES).filter(name => CAPTURE_NAME.test(name))
}

/** The sysctls a golden of this capture was, or is to be, recorded with. */
export function goldenSysctls(name: string): Sysctls {
  const path = join(GOLDENS, `${name}.sysctl`)
  if (!existsSync(path)) return GOLDEN_SYSCTLS
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter(line => line.includes('='))
  const own = lines.map(line => line.split('=')).map(([key, value]) => [key.trim(), Number(value)] as const)
  return { ...GOLDEN_SYSCTLS, ...Object.fromEntries(own) }
}

/** Files under a directory, by their paths relative to it, in order. */
export function filesUnder(directory: string): string[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => relative(directory, join(entry.parentPath, entry.name)))
    .sort()
}

/** Names of the captures that have a golden. */
function goldenNames(): string[] {
  const names = filesUnder(GOLDENS).map(file => file.replace(/\.gz$/, ''))
  return names.filter(name => name.endsWith(VERDICTS)).map(name => name.slice(0, -VERDICTS.length))
}

/** Names of the captures that guests can be shown: all that have a golden. */
export function fixturesOfGuests(): string[] {
  return goldenNames().filter(name => existsSync(join(FIXTURES, name)))
}

/** What is wrong with the goldens as a whole: a capture has neither one nor a reason, or there is one too many. */
export function goldenGaps(
  captures: readonly string[] = fixtureCaptures(),
  goldens: readonly string[] = goldenNames(),
  reasons: Readonly<Record<string, string>> = WITHOUT_GOLDEN,
): string[] {
  const excused = Object.keys(reasons)
  return [
    ...captures
      .filter(name => !goldens.includes(name) && !excused.includes(name))
      .map(name => `${name}: neither a golden nor a reason in without-golden.ts`),
    ...excused
      .filter(name => goldens.includes(name))
      .map(name => `${name}: a golden, and a reason to have none`),
    ...[...goldens, ...excused]
      .filter(name => !captures.includes(name))
      .map(name => `${name}: no such capture`),
  ]
}

/** Compares the model with every golden; prints what differs or is missing, and returns whether nothing does or is. */
export async function compareGoldens(): Promise<boolean> {
  const gaps = goldenGaps()
  for (const gap of gaps) console.log(gap)
  let [captures, frames, disagreements] = [0, 0, 0]
  for (const name of goldenNames()) {
    if (!existsSync(join(FIXTURES, name))) continue
    const kernel = readRecording(GOLDENS, `${name}.`)
    const found = await compareWithModel(kernel, join(FIXTURES, name), goldenSysctls(name))
    for (const disagreement of found.slice(0, 5)) console.log(`${name}, ${disagreementText(disagreement)}`)
    captures++
    frames += kernel.verdicts.length
    disagreements += found.length
  }
  const excused = Object.entries(WITHOUT_GOLDEN)
  for (const [name, reason] of excused) console.log(`${name}: not compared, ${reason}`)
  console.log(
    `goldens: ${captures} captures, ${frames} frames, ${disagreements} disagreements; ${excused.length} captures without`,
  )
  return disagreements === 0 && gaps.length === 0
}
