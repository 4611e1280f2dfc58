// Recorded verdicts and events of the kernel beside the captures of fixtures/, so that the comparison needs no root.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { compareWithModel, disagreementText } from './compare.ts'
import { readRecording, type Sysctls } from './recording.ts'

export const FIXTURES = join(import.meta.dirname, '../../fixtures')
/** Mirrors fixtures/: the golden of tcp/x.pcap is kernel/tcp/x.pcap.verdicts.tsv and kernel/tcp/x.pcap.events.tsv. */
export const GOLDENS = join(FIXTURES, 'kernel')
/** What goldens are recorded with unless a file of `name=value` lines, <capture>.sysctl beside the golden, says more. */
const GOLDEN_SYSCTLS = { nf_conntrack_checksum: 0 }

export const VERDICTS = '.verdicts.tsv'

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

/** Compares the model with every golden; prints what differs and returns whether nothing does. */
export async function compareGoldens(): Promise<boolean> {
  let [captures, frames, disagreements] = [0, 0, 0]
  for (const file of filesUnder(GOLDENS).filter(name => name.endsWith(VERDICTS))) {
    const name = file.slice(0, -VERDICTS.length)
    const kernel = readRecording(GOLDENS, `${name}.`)
    const found = await compareWithModel(kernel, join(FIXTURES, name), goldenSysctls(name))
    for (const disagreement of found.slice(0, 5)) console.log(`${name}, ${disagreementText(disagreement)}`)
    captures++
    frames += kernel.verdicts.length
    disagreements += found.length
  }
  console.log(`goldens: ${captures} captures, ${frames} frames, ${disagreements} disagreements`)
  return disagreements === 0
}
