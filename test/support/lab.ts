// The recorded scenarios of CTPCAP_CORPUS: runs, and which of their captures are looked at together.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const folder = join(process.env.CTPCAP_CORPUS ?? '', 'lab')

/** The folder of the runs; null where there is none. */
export const LAB = process.env.CTPCAP_CORPUS !== undefined && existsSync(folder) ? folder : null

/** Names of the runs that have a file of that name, sorted. */
export function labRuns(file = 'truth.json'): string[] {
  if (LAB === null) return []
  return readdirSync(LAB)
    .filter(run => existsSync(join(LAB, run, file)))
    .sort()
}

/** A file of a run. */
export function labPath(run: string, ...names: string[]): string {
  return join(LAB ?? '', run, ...names)
}

/** The captures of a run, by file name: each alone, and those of single interfaces together. */
export function captureSets(run: string): string[][] {
  const files = readdirSync(labPath(run, 'captures')).sort()
  const single = files.filter(
    file => file.endsWith('.pcap') && file !== 'any.pcap' && !file.startsWith('far'),
  )
  return [...files.map(file => [file]), ...(single.length > 1 ? [single] : [])]
}
